//! Use after delete: who still calls for what is in the trash is counted, shown, and may hold the purge.

use reprieve::domain::clock::Ts;
use reprieve::service::purge::{self, Ask};
use serde_json::Value;

use crate::support::*;

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

fn entry(app: &TestApp, id: &str) -> Value {
    app.admin.get(&format!("/v1/trash/{id}")).ok(200)
}

/// What an entry tells of its uses, once they are written down.
fn uses(app: &TestApp, id: &str) -> Value {
    app.services.uses.flush(&app.services.store).unwrap();
    entry(app, id)["uses"].clone()
}

/// Who used an entry how often, in the order in which they are told.
fn callers(uses: &Value) -> Vec<(String, i64)> {
    let callers = uses["callers"].as_array().unwrap();
    callers
        .iter()
        .map(|caller| (text(&caller["id"]), caller["count"].as_i64().unwrap()))
        .collect()
}

/// Everything in the entry's row, and what PostgreSQL keeps of who touched it.
fn row_of(app: &TestApp, id: &str) -> Vec<String> {
    let line = match app.backend {
        Backend::Postgres => "concat_ws(' ', e.xmin, e.xmax, e.ctid, e::text)".to_owned(),
        Backend::Sqlite => {
            let columns = app
                .sql()
                .lines("SELECT name AS line FROM pragma_table_info('trash_entries')");
            let quoted: Vec<String> = columns
                .iter()
                .map(|column| format!("quote({column})"))
                .collect();
            quoted.join(" || ' ' || ")
        }
    };
    app.sql().lines(&format!(
        "SELECT {line} AS line FROM trash_entries e WHERE id = '{id}'"
    ))
}

/// Lets the date of an entry pass.
fn expire(app: &TestApp, id: &str) {
    let past = "2020-01-01T00:00:00.000000Z";
    app.sql().run(&format!(
        "UPDATE trash_entries SET deleted_at = '{past}', purge_at = '{past}' WHERE id = '{id}'"
    ));
}

/// Moves all uses so many hours into the past.
fn used_hours_ago(app: &TestApp, hours: i64) {
    let at = Ts::now().plus(-chrono::Duration::hours(hours));
    app.sql()
        .run(&format!("UPDATE trash_uses SET last_used_at = '{at}'"));
}

fn run(app: &TestApp) -> u64 {
    purge::run(&app.services, None, &Ask::default(), &|_| ())
        .unwrap()
        .purged
}

on_both! {
    fn every_call_that_names_what_is_in_the_trash_is_counted_with_its_caller(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        let model = text(&app.admin.get(&format!("{path}/models")).ok(200)["data"][0]["id"]);
        let content = text(&app.admin.get(&format!("{path}/content")).ok(200)["data"][0]["id"]);
        let gone = app.delete_connection(&id);
        assert_eq!(uses(app, &gone), json!({"count": 0, "last_used_at": null, "callers": []}));

        let worker = app.client(&["connections:*", "secrets:*", "trash:read"]);
        let in_trash = [
            worker.get(&path), worker.get(&format!("{path}/secrets")), worker.get(&format!("{path}/models")),
            worker.patch(&path, &json!({"name": "other"})), worker.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "x"}})),
            worker.post(&format!("{path}/models"), &json!({"name": "orders"})), worker.post(&format!("{path}/test"), &json!({})),
            worker.get(&format!("/v1/models/{model}")), worker.patch(&format!("/v1/content/{content}"), &json!({"name": "other"})),
        ];
        for reply in &in_trash {
            assert_eq!(reply.problem(410, "in_trash")["entry_id"], gone, "{reply:#?}");
        }
        // Who may not read the trash is told that there is nothing, and is a user of it all the same.
        let blind = app.client(&["connections:read"]);
        for _ in 0..2 {
            blind.get(&path).problem(404, "not_found");
        }
        let ann = app.admin.with("reprieve-actor", "id=ann; name=Ann");
        ann.get(&path).problem(410, "in_trash");

        let found = uses(app, &gone);
        assert_eq!(found["count"], 12);
        let key = |client: &Client| format!("key:{}", text(&client.get("/v1/whoami").json()["key_id"]));
        assert_eq!(callers(&found), [("ann".to_owned(), 1), (key(&blind), 2), (key(&worker), 9)]);
        assert_eq!(found["callers"][0]["name"], "Ann");
        assert_eq!(found["last_used_at"], found["callers"][0]["last_used_at"]);
        assert!(found["callers"][2]["first_used_at"].as_str() < found["callers"][2]["last_used_at"].as_str());
        let deleted_at = entry(app, &gone)["deleted_at"].clone();
        assert!(found["callers"][2]["first_used_at"].as_str() > deleted_at.as_str(), "{found} {deleted_at}");
        let listed = app.admin.get("/v1/trash").ok(200)["data"][0]["uses"].clone();
        assert_eq!(listed, json!({"count": 12, "last_used_at": found["last_used_at"]}));
    }

    fn deleting_again_looking_into_the_trash_and_making_a_new_one_are_no_uses(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        let gone = app.delete_connection(&id);
        app.admin.delete(&path).problem(410, "in_trash");
        app.admin.delete(&format!("{path}?validate_only=true")).problem(410, "in_trash");
        app.admin.get(&format!("{path}/impact")).problem(410, "in_trash");
        app.admin.get(&format!("/v1/trash/{gone}/items?kind=connection")).ok(200);
        app.admin.post(&format!("/v1/trash/{gone}/restore"), &json!({"validate_only": true})).ok(200);
        let mut new = postgres_connection("warehouse");
        new.as_object_mut().unwrap().remove("external_id");
        app.admin.put("/v1/integrations/postgres/connections/ext-warehouse", &new).ok(201);
        assert_eq!(uses(app, &gone)["count"], 0);
        app.admin.get(&path).problem(410, "in_trash");
        assert_eq!(uses(app, &gone)["count"], 1);
    }

    fn what_was_never_there_or_belongs_to_others_counts_nothing(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let gone = app.delete_connection(&id);
        let other = app.other_organization("other");
        for _ in 0..3 {
            other.get(&format!("/v1/connections/{id}")).problem(404, "not_found");
        }
        app.admin.get("/v1/connections/01890000-0000-7000-8000-000000000000").problem(404, "not_found");
        app.stranger().get(&format!("/v1/connections/{id}")).problem(401, "unauthenticated");
        assert_eq!(uses(app, &gone)["count"], 0);
        assert_eq!(app.sql().lines("SELECT CAST(count(*) AS text) AS line FROM trash_uses"), ["0"]);
        // With an entry of their own, neither sees the other's.
        let theirs = text(&other.post("/v1/connections", &postgres_connection("theirs")).ok(201)["id"]);
        let entry = text(&other.delete(&format!("/v1/connections/{theirs}")).ok(200)["id"]);
        other.get(&format!("/v1/connections/{theirs}")).problem(410, "in_trash");
        app.admin.get(&format!("/v1/connections/{theirs}")).problem(404, "not_found");
        assert_eq!(uses(app, &gone)["count"], 0);
        assert_eq!(other.get(&format!("/v1/trash/{entry}")).ok(200)["uses"]["count"], 1);
    }

    fn two_servers_add_up_and_the_entry_itself_is_never_written(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        let gone = app.delete_connection(&id);
        TestApp::wait_for("the erasure", || entry(app, &gone)["secrets"]["erasure"] == "done");
        let before = row_of(app, &gone);
        assert_eq!(before.len(), 1);
        // A second server's memory beside the first one's: on SQLite two servers on one file are refused.
        let second = reprieve::app::open_services(&app.config).unwrap();
        let caller = reprieve::service::caller::Caller::service(app.org);
        let entry_id = reprieve::domain::ids::EntryId::parse(&gone).unwrap();
        for round in 1..=3 {
            app.admin.get(&path).problem(410, "in_trash");
            second.uses.note(&caller, entry_id);
            second.uses.note(&caller, entry_id);
            second.uses.flush(&second.store).unwrap();
            let found = uses(app, &gone);
            assert_eq!(found["count"], 3 * round);
            assert_eq!(callers(&found).iter().find(|(id, _)| id == "reprieve").unwrap().1, 2 * round);
        }
        assert_eq!(row_of(app, &gone), before, "a use is never an update of the entry");
    }

    fn replicas_that_write_down_late_never_move_the_last_use_back(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let gone = app.delete_connection(&id);
        app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
        uses(app, &gone);
        app.sql().run("UPDATE trash_uses SET first_used_at = '2999-01-01T00:00:00.000000Z', last_used_at = '2999-01-02T00:00:00.000000Z'");
        app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
        let found = uses(app, &gone);
        assert_eq!((&found["count"], &found["last_used_at"]), (&json!(2), &json!("2999-01-02T00:00:00.000000Z")));
        assert!(found["callers"][0]["first_used_at"].as_str() < Some("2999"), "{found}");
    }

    fn what_is_used_is_kept_until_a_day_after_if_the_organization_says_so(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let gone = app.delete_connection(&id);
        expire(app, &gone);
        assert_eq!(app.admin.get("/v1/retention").ok(200)["hold_while_used"], false);
        let policy = app.admin.put("/v1/retention", &json!({"hold_while_used": true})).ok(200);
        assert_eq!(policy["hold_while_used"], true);
        app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
        uses(app, &gone);

        let shown = entry(app, &gone);
        assert_eq!((&shown["kept_by"], &shown["held"]), (&json!(["use"]), &json!(false)));
        let status = app.admin.get("/v1/purge").ok(200);
        assert_eq!((&status["past_date"], &status["used"], &status["held"], &status["would_purge"]), (&json!(1), &json!(1), &json!(0), &json!(0)));
        assert_eq!(app.admin.post("/v1/trash/purge", &json!({"ids": [gone], "validate_only": true})).ok(200)["purged"], 0);
        assert_eq!(app.admin.post("/v1/trash/purge", &json!({"ids": [gone]})).ok(200)["purged"], 0);
        assert_eq!(run(app), 0);
        used_hours_ago(app, 23);
        assert_eq!(run(app), 0);
        reprieve::service::watch::round(&app.services).unwrap();
        assert_eq!(app.admin.get("/v1/alarms").ok(200)["data"], json!([]), "what a use keeps is not overdue");
        used_hours_ago(app, 25);
        assert_eq!(entry(app, &gone)["kept_by"], json!([]));
        assert_eq!(app.admin.get("/v1/purge").ok(200)["would_purge"], 1);
        assert_eq!(run(app), 1);
        let purged = entry(app, &gone);
        assert_eq!((&purged["state"], &purged["uses"]["count"]), (&json!("purged"), &json!(1)), "it still tells who called");
        // What is gone is not in the trash any more.
        app.admin.get(&format!("/v1/connections/{id}")).problem(404, "not_found");
        assert_eq!(uses(app, &gone)["count"], 1);
    }

    fn without_that_a_use_keeps_nothing_and_by_hand_it_never_does(app: &TestApp) {
        let (first, second) = (app.sample_connection("first"), app.sample_connection("second"));
        let [one, two] = [&first, &second].map(|id| app.delete_connection(id));
        for id in [&first, &second] {
            app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
        }
        uses(app, &one);
        expire(app, &one);
        assert_eq!(entry(app, &one)["kept_by"], json!([]));
        assert_eq!(run(app), 1);

        app.admin.put("/v1/retention", &json!({"hold_while_used": true})).ok(200);
        assert_eq!(entry(app, &two)["kept_by"], json!(["use"]));
        let purged = app.admin.post(&format!("/v1/trash/{two}/purge"), &json!({"confirm": "second"})).ok(200);
        assert_eq!(purged["state"], "purged");
    }

    fn another_organizations_word_keeps_nothing_of_ours(app: &TestApp) {
        let other = app.other_organization("other");
        other.put("/v1/retention", &json!({"hold_while_used": true})).ok(200);
        let id = app.sample_connection("warehouse");
        let gone = app.delete_connection(&id);
        expire(app, &gone);
        app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
        uses(app, &gone);
        assert_eq!(run(app), 1);
    }
}

/// A use that is written down just after the claim has looked: here by a look at the holds, which stands between the claim
/// and the question behind its lock.
#[test]
fn a_use_that_comes_after_the_claim_is_asked_for_behind_its_lock() {
    let app = TestApp::start(Backend::Postgres);
    let gone = app.delete_connection(&app.sample_connection("warehouse"));
    expire(&app, &gone);
    app.admin
        .put("/v1/retention", &json!({"hold_while_used": true}))
        .ok(200);
    app.sql().run(&format!(
        "ALTER TABLE holds RENAME TO real_holds; \
         CREATE FUNCTION use_it() RETURNS SETOF real_holds LANGUAGE plpgsql AS $$ BEGIN \
           INSERT INTO trash_uses VALUES ('{}', '{gone}', 'late', NULL, NULL, 1, clock_timestamp(), clock_timestamp()) \
           ON CONFLICT DO NOTHING; END $$; \
         CREATE VIEW holds AS SELECT * FROM use_it()",
        app.org
    ));
    assert_eq!(run(&app), 0);
    app.sql()
        .run("DROP VIEW holds; DROP FUNCTION use_it; ALTER TABLE real_holds RENAME TO holds");
    assert_eq!(callers(&uses(&app, &gone)), [("late".to_owned(), 1)]);
    assert_eq!(entry(&app, &gone)["state"], "in_trash");
}

on_each! {
    fn a_server_that_stops_writes_down_what_it_has_seen(backend: Backend) {
        let mut app = TestApp::start(backend);
        let id = app.sample_connection("warehouse");
        let gone = app.delete_connection(&id);
        app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
        app.restart();
        assert_eq!(entry(&app, &gone)["uses"]["count"], 1);
    }

    fn what_could_not_be_written_down_is_kept_for_the_next_time(backend: Backend) {
        let app = TestApp::start(backend);
        let id = app.sample_connection("warehouse");
        let gone = app.delete_connection(&id);
        app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
        app.sql().run("ALTER TABLE trash_uses RENAME TO elsewhere");
        assert!(app.services.uses.flush(&app.services.store).is_err());
        app.admin.get(&format!("/v1/connections/{id}")).problem(410, "in_trash");
        app.sql().run("ALTER TABLE elsewhere RENAME TO trash_uses");
        assert_eq!(uses(&app, &gone)["count"], 2);
    }
}
