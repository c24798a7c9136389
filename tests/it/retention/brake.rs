//! The brake on mass deletion.

use super::*;

fn connections(app: &TestApp, number: usize) -> Vec<String> {
    (0..number)
        .map(|n| {
            id(&app
                .admin
                .post("/v1/connections", &postgres_connection(&format!("c{n}")))
                .ok(201))
        })
        .collect()
}

fn open_brake(app: &TestApp) -> Option<Value> {
    let list = app.admin.get("/v1/brakes").ok(200);
    let newest = list["data"].get(0)?.clone();
    newest["released_at"].is_null().then_some(newest)
}

on_both! {
    fn a_mass_deletion_stops_the_purge_clock_until_somebody_looks(app: &TestApp) {
        let all = connections(app, 40);
        let entries: Vec<String> = all.iter().take(20).map(|id| app.delete_connection(id)).collect();
        assert!(open_brake(app).is_none(), "twenty go");
        let last = app.delete_connection(&all[20]);
        let brake = open_brake(app).expect("one more is one too many");
        assert_eq!((&brake["connections"], &brake["of_connections"]), (&json!(21), &json!(40)));
        assert_eq!(alarms(app), ["brake"]);
        let detail = app.admin.get("/v1/alarms").ok(200)["data"][0]["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("21 of 40"), "{detail}");
        let after = app.delete_connection(&all[21]);

        for entry_id in [&entries[0], &last, &after] {
            assert_eq!(entry(app, entry_id)["kept_by"], json!(["brake"]));
            sql(app, &format!("UPDATE trash_entries SET purge_at = '{}' WHERE id = '{entry_id}'", in_hours(-1)));
        }
        assert_eq!(run(app).purged, 0);
        assert_eq!(app.admin.get("/v1/purge").ok(200)["braked"], 3);
        let refused = app.admin.post(&format!("/v1/trash/{last}/purge"), &json!({"confirm": "c20"})).problem(409, "braked");
        assert_eq!(refused["brake_id"], brake["id"]);

        // As if it had stood for ten days.
        sql(app, &format!("UPDATE brakes SET started_at = '{}'", in_hours(-240)));
        let before = entry(app, &entries[1])["purge_at"].as_str().unwrap().to_owned();
        let path = format!("/v1/brakes/{}", id(&brake));
        app.client(&["retention:read"]).delete(&path).problem(403, "missing_scope");
        app.other_organization("other").delete(&path).problem(404, "not_found");
        let released = app.admin.delete(&path).ok(200);
        assert!(released["released_at"].is_string());
        assert_eq!(app.admin.delete(&path).ok(200), released);
        assert!(alarms(app).is_empty() && open_brake(app).is_none());
        let moment = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
        let put_off = moment(entry(app, &entries[1])["purge_at"].as_str().unwrap()) - moment(&before);
        assert!((240..=241).contains(&put_off.num_hours()), "{put_off}");
        assert_eq!(run(app).purged, 0, "the clock goes on from where it stood");
        assert_eq!(entry(app, &last)["kept_by"], json!([]));
        // What was deleted before the release counts no more.
        app.delete_connection(&all[22]);
        assert!(open_brake(app).is_none());
    }

    fn a_deletion_of_few_or_of_a_small_part_is_none(app: &TestApp) {
        let all = connections(app, 50);
        for id in all.iter().take(25) {
            app.delete_connection(id);
        }
        assert!(open_brake(app).is_none(), "25 of 50 are not more than half");
        app.admin.put("/v1/retention", &json!({"brake": {"percent": 49}})).ok(200);
        app.delete_connection(&all[25]);
        assert!(open_brake(app).is_some());
    }

    fn what_was_restored_does_not_count(app: &TestApp) {
        let all = connections(app, 25);
        for id in all.iter().take(20) {
            let entry_id = app.delete_connection(id);
            app.admin.post(&format!("/v1/trash/{entry_id}/restore"), &json!({})).ok(200);
        }
        for id in all.iter().take(5) {
            app.delete_connection(id);
        }
        assert!(open_brake(app).is_none());
    }

    fn an_integration_counts_with_all_its_connections(app: &TestApp) {
        app.admin.post("/v1/integrations", &json!({"key": "crm", "connector": "postgres"})).ok(201);
        for n in 0..21 {
            let mut new = postgres_connection(&format!("c{n}"));
            new["integration"] = json!("crm");
            app.admin.post("/v1/connections", &new).ok(201);
        }
        app.admin.delete("/v1/integrations/crm").ok(200);
        assert_eq!(open_brake(app).unwrap()["connections"], 21);
    }

    fn further_deletions_are_refused_where_the_organization_wants_it(app: &TestApp) {
        app.admin.put("/v1/retention", &json!({"brake": {"refuse_deletions": true}})).ok(200);
        let all = connections(app, 24);
        for id in all.iter().take(21) {
            app.delete_connection(id);
        }
        let brake = open_brake(app).unwrap();
        let refused = app.admin.delete(&format!("/v1/connections/{}", all[22])).problem(429, "deletion_brake");
        assert_eq!(refused["brake_id"], brake["id"]);
        app.admin.get(&format!("/v1/connections/{}", all[22])).ok(200);
        app.admin.delete(&format!("/v1/brakes/{}", id(&brake))).ok(200);
        app.delete_connection(&all[22]);
    }
}
