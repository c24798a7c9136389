//! An integration that goes while its connections come, change, go or come back.

use super::{Call, Contest, id_of};
use crate::support::*;

/// What may be answered to a call on a connection of an integration that is being deleted.
#[track_caller]
fn is_fair(reply: &Reply) {
    let fair: &[(u16, &str)] = &[
        (410, "in_trash"),
        (422, "invalid_input"),
        (409, "parent_in_trash"),
        (409, "concurrent_change"),
    ];
    if reply.status >= 300 {
        let code = reply.json()["code"].clone();
        assert!(
            fair.iter()
                .any(|(status, word)| reply.status == *status && code == *word),
            "{reply:#?}"
        );
    }
}

on_both! {
    fn an_integration_takes_every_connection_along_that_was_there_and_lets_none_in_after(app: &TestApp) {
        let mut contest = Contest::new(24);
        let (mut went_along, mut came_too_late) = (0, 0);
        while let Some(seed) = contest.next_round(went_along >= 3 && came_too_late >= 3, &(went_along, came_too_late)) {
            let key = format!("crm-{seed}");
            let member = |name: &str| {
                let mut connection = postgres_connection(name);
                connection["integration"] = json!(key);
                connection
            };
            app.admin.post("/v1/integrations", &json!({"key": key, "connector": "postgres"})).ok(201);
            let [stays, left, changed] = ["stays", "left", "changed"].map(|name| id_of(&app.admin.post("/v1/connections", &member(name)).ok(201)));
            let entry_of_left = app.delete_connection(&left);
            let new = member("new");
            let calls: Vec<Call<'_>> = vec![
                Box::new(|| app.admin.delete(&format!("/v1/integrations/{key}"))),
                Box::new(|| app.admin.post("/v1/connections", &new)),
                Box::new(|| app.admin.post(&format!("/v1/trash/{entry_of_left}/restore"), &json!({}))),
                Box::new(|| app.admin.put(&format!("/v1/connections/{changed}/secrets"), &json!({"secrets": {"password": "new"}}))),
                Box::new(|| app.admin.post(&format!("/v1/connections/{stays}/models"), &json!({"name": "late"}))),
            ];
            let replies = contest.race(&calls);
            let entry = replies[0].ok(200);
            replies[1..].iter().for_each(is_fair);
            let expected = 2 + [1, 2].iter().filter(|call| replies[**call].status < 300).count();
            assert_eq!(entry["impact"]["connections"], expected, "seed {seed}: {replies:#?}");
            contest.saw(4 - expected, expected - 2);
            went_along += expected - 2;
            came_too_late += 4 - expected;
            let live = app.admin.get(&format!("/v1/connections?integration={key}")).ok(200);
            assert_eq!(live["data"], json!([]), "seed {seed}");
            let done = app.admin.post(&format!("/v1/trash/{}/restore", id_of(&entry)), &json!({})).ok(200);
            assert_eq!(done["restored"]["connections"], expected, "seed {seed}");
        }
        assert_eq!(app.sql().count("secrets"), 0, "every secret was shredded");
    }

    fn a_secret_that_is_entered_meanwhile_is_shredded_or_refused(app: &TestApp) {
        let mut contest = Contest::new(24);
        let (mut entered, mut refused) = (0, 0);
        while let Some(seed) = contest.next_round(entered >= 3 && refused >= 3, &(entered, refused)) {
            let key = format!("crm-{seed}");
            app.admin.post("/v1/integrations", &json!({"key": key, "connector": "postgres"})).ok(201);
            // Without a secret before: nothing that a deletion counts tells that one has come.
            let paths: Vec<String> = (0..4).map(|n| {
                let mut connection = postgres_connection(&format!("c{n}"));
                connection["integration"] = json!(key);
                connection.as_object_mut().unwrap().remove("secrets");
                format!("/v1/connections/{}/secrets", id_of(&app.admin.post("/v1/connections", &connection).ok(201)))
            }).collect();
            let secret = json!({"secrets": {"password": "new"}});
            let mut calls: Vec<Call<'_>> = vec![Box::new(|| app.admin.delete(&format!("/v1/integrations/{key}")))];
            for path in &paths {
                let secret = &secret;
                calls.push(Box::new(move || app.admin.put(path, secret)));
            }
            let replies = contest.race(&calls);
            let entry = replies[0].ok(200);
            replies[1..].iter().for_each(is_fair);
            let done = replies[1..].iter().filter(|reply| reply.status < 300).count();
            assert_eq!(entry["secrets"]["shredded"], done, "seed {seed}: {replies:#?}");
            assert_eq!(app.sql().count("secrets"), 0, "seed {seed}: a secret outlived its connection");
            contest.saw(4 - done, done);
            entered += done;
            refused += 4 - done;
        }
    }

    fn a_connection_and_its_integration_are_not_deleted_by_each_others_entry(app: &TestApp) {
        let mut contest = Contest::new(24);
        let (mut together, mut apart) = (0, 0);
        while let Some(seed) = contest.next_round(together >= 3 && apart >= 3, &(together, apart)) {
            let key = format!("crm-{seed}");
            app.admin.post("/v1/integrations", &json!({"key": key, "connector": "postgres"})).ok(201);
            let mut connection = postgres_connection("one");
            connection["integration"] = json!(key);
            let id = id_of(&app.admin.post("/v1/connections", &connection).ok(201));
            let calls: Vec<Call<'_>> = vec![
                Box::new(|| app.admin.delete(&format!("/v1/integrations/{key}"))),
                Box::new(|| app.admin.delete(&format!("/v1/connections/{id}"))),
            ];
            let replies = contest.race(&calls);
            let whole = replies[0].ok(200);
            is_fair(&replies[1]);
            let alone = usize::from(replies[1].status == 200);
            assert_eq!(whole["impact"]["connections"], 1 - alone, "seed {seed}: {replies:#?}");
            contest.saw(1 - alone, alone);
            together += 1 - alone;
            apart += alone;
            let gone = app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
            let holder = if alone == 1 { replies[1].json()["id"].clone() } else { whole["id"].clone() };
            assert_eq!(gone["entry_id"], holder, "seed {seed}");
        }
    }
}
