//! Pages of the trash and of an entry's rows, and the trash in numbers.

use super::*;

/// Deletes a fresh connection; the entry's id.
fn trash_one(app: &TestApp, name: &str) -> String {
    let id = connection(app, name);
    delete(app, &format!("connections/{id}"))
}

on_both! {
    fn pages_have_no_gaps_and_no_doubles_while_entries_are_added(app: &TestApp) {
        for sort in ["deleted_at", "purge_at"] {
            let mut entries: Vec<String> = (0..7).map(|n| trash_one(app, &format!("{sort} {n}"))).collect();
            // Ties: four of them at one moment, where only the id orders them.
            let tied = entries[1..5].iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
            sql(app, &format!("UPDATE trash_entries SET deleted_at = '2026-01-01T00:00:00.000000Z', purge_at = '2027-06-01T00:00:00.000000Z' WHERE id IN ({tied})"));
            let whole_list = listed(app, &format!("sort={sort}&q={sort}"));
            let mut sorted = whole_list.clone();
            sorted.sort();
            entries.sort();
            assert_eq!(sorted, entries);

            let mut seen = Vec::new();
            let mut token = String::new();
            let mut sizes = Vec::new();
            for n in 0.. {
                let page = app.admin.get(&format!("/v1/trash?sort={sort}&q={sort}&page_size=3{token}")).ok(200);
                seen.extend(ids(&page));
                sizes.push(ids(&page).len());
                trash_one(app, &format!("{sort} added {n}"));
                match page["next_page_token"].as_str() {
                    Some(next) => token = format!("&page_token={next}"),
                    None => break,
                }
            }
            let mut old = seen.clone();
            old.retain(|id| entries.contains(id));
            assert_eq!(old, whole_list, "{sort}");
            let mut once = seen.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), seen.len());
            if sort == "deleted_at" {
                assert_eq!(sizes, [3, 3, 1]);
            }
        }
    }

    fn a_page_token_opens_only_the_list_it_was_made_for(app: &TestApp) {
        for n in 0..2 {
            trash_one(app, &format!("{n}"));
        }
        let page = app.admin.get("/v1/trash?page_size=1").ok(200);
        let token = page["next_page_token"].as_str().unwrap();
        for other in ["kind=connection", "sort=purge_at", "state=any"] {
            let refused = app.admin.get(&format!("/v1/trash?page_size=1&{other}&page_token={token}"));
            refused.problem(422, "invalid_input");
            assert_eq!(refused.field_errors(), [("page_token".to_owned(), "invalid_page_token".to_owned())]);
        }
        // Another size is the same list.
        assert_eq!(listed(app, &format!("page_size=2&page_token={token}")).len(), 1);
        app.admin.get("/v1/trash?page_size=0").problem(422, "invalid_input");
        app.admin.get("/v1/trash?page_size=201").problem(422, "invalid_input");
        app.admin.get("/v1/trash?color=red").problem(422, "invalid_input");
    }

    fn the_summary_counts_what_is_in_the_trash(app: &TestApp) {
        let empty = app.admin.get("/v1/trash/summary").ok(200);
        assert_eq!(empty, json!({"entries": {"all": 0, "integration": 0, "connection": 0, "model": 0, "content": 0}, "purges": []}));
        let id = connection(app, "prod");
        let model = model(app, &id, "M", json!({}));
        let contents: Vec<String> = (0..3).map(|n| content(app, &id, &format!("K{n}"), json!({}))).collect();
        let mut entries: Vec<String> = contents.iter().map(|row| delete(app, &format!("content/{row}"))).collect();
        entries.push(delete(app, &format!("models/{model}")));
        entries.push(delete(app, &format!("connections/{id}")));
        let restored = trash_one(app, "restored");
        restore(app, &restored);
        let purged = trash_one(app, "purged");
        purge(app, &purged, "purged");

        let now = chrono::DateTime::parse_from_rfc3339(entry(app, &entries[4])["deleted_at"].as_str().unwrap()).unwrap();
        let day = |days: i64| (now + chrono::Duration::days(days)).format("%Y-%m-%d").to_string();
        for (entry_id, days) in entries.iter().zip([3, 1, 3, 29, 31]) {
            sql(app, &format!("UPDATE trash_entries SET purge_at = '{}T23:59:59.999999Z' WHERE id = '{entry_id}'", day(days)));
        }
        // What is past its date and still there has its own day; two holds on one entry hold one entry.
        let due = trash_one(app, "due");
        sql(app, &format!("UPDATE trash_entries SET deleted_at = '{}T00:00:00.000000Z', purge_at = '{}T00:00:00.000000Z' WHERE id = '{due}'", day(-40), day(-10)));
        for _ in 0..2 {
            app.admin.post(&format!("/v1/trash/{due}/holds"), &json!({"reason": "case 17"})).ok(201);
        }
        // A hold that has ended holds nothing.
        for (held, ends_at) in [(&entries[0], Value::Null), (&entries[1], json!("2999-01-01T00:00:00Z"))] {
            let mut hold = json!({"reason": "case 17"});
            if !ends_at.is_null() {
                hold["ends_at"] = ends_at;
            }
            app.admin.post(&format!("/v1/trash/{held}/holds"), &hold).ok(201);
        }
        let ended = app.admin.post(&format!("/v1/trash/{}/holds", entries[3]), &json!({"reason": "over"})).ok(201);
        app.admin.delete(&format!("/v1/trash/{}/holds/{}", entries[3], ended["id"].as_str().unwrap())).ok(200);
        let summary = app.admin.get("/v1/trash/summary").ok(200);
        assert_eq!(summary["entries"], json!({"all": 6, "integration": 0, "connection": 2, "model": 1, "content": 3}));
        assert_eq!(
            summary["purges"],
            json!([
                {"date": day(-10), "entries": 1, "held": 1},
                {"date": day(1), "entries": 1, "held": 1},
                {"date": day(3), "entries": 2, "held": 1},
                {"date": day(29), "entries": 1, "held": 0},
            ])
        );
    }

    fn the_rows_of_an_entry_are_paged_by_kind_and_without_bodies(app: &TestApp) {
        let id = app.sample_connection("prod");
        let live = |kind: &str| app.admin.get(&format!("/v1/connections/{id}/{kind}")).ok(200);
        let (models, contents) = (live("models"), live("content"));
        let entry_id = delete(app, &format!("connections/{id}"));
        let path = format!("/v1/trash/{entry_id}/items");

        let first = app.admin.get(&format!("{path}?kind=content&page_size=3")).ok(200);
        let token = first["next_page_token"].as_str().unwrap();
        let second = app.admin.get(&format!("{path}?kind=content&page_size=3&page_token={token}")).ok(200);
        assert_eq!(second["next_page_token"], Value::Null);
        assert_eq!([ids(&first), ids(&second)].concat(), ids(&contents));
        // Every row is as it was, and no list carries bodies.
        assert_eq!(first["data"], contents["data"].as_array().unwrap()[..3].iter().cloned().collect::<Value>());
        assert_eq!(app.admin.get(&format!("{path}?kind=model")).ok(200), models);
        assert!(first["data"][0].get("body").is_none() && models["data"][0].get("body").is_none());
        assert_eq!(app.admin.get(&path).ok(200), contents);

        let root = app.admin.get(&format!("{path}?kind=connection")).ok(200);
        assert_eq!(ids(&root), [id]);
        assert_eq!(root["data"][0]["secrets"]["password"]["set"], false);
        app.admin.get(&format!("{path}?kind=model&page_token={token}")).problem(422, "invalid_input");
        app.admin.get(&format!("/v1/trash/{}/items", uuid::Uuid::now_v7())).problem(404, "not_found");
    }

    fn another_organization_sees_nothing_of_it(app: &TestApp) {
        let id = app.sample_connection("prod");
        let entry_id = delete(app, &format!("connections/{id}"));
        let stranger = app.other_organization("stranger");
        assert_eq!(stranger.get("/v1/trash?state=any").ok(200)["data"], json!([]));
        assert_eq!(stranger.get("/v1/trash/summary").ok(200)["entries"]["all"], 0);
        let path = format!("/v1/trash/{entry_id}");
        stranger.get(&path).problem(404, "not_found");
        stranger.get(&format!("{path}/items")).problem(404, "not_found");
        stranger.post(&format!("{path}/restore"), &json!({})).problem(404, "not_found");
        stranger.post(&format!("{path}/purge"), &json!({"confirm": "prod"})).problem(404, "not_found");
        stranger.get(&format!("/v1/connections/{id}")).problem(404, "not_found");
        assert_eq!(entry(app, &entry_id)["state"], "in_trash");
    }
}
