//! Promise 10: no change without its audit record and its event, in the same transaction.

use crate::support::*;

/// The actions of all audit records and of those that are events, in the order they were written.
fn actions(app: &TestApp) -> (Vec<String>, Vec<String>) {
    (
        app.sql()
            .lines("SELECT action AS line FROM audit_events ORDER BY id"),
        app.sql()
            .lines("SELECT action AS line FROM audit_events WHERE announced ORDER BY id"),
    )
}

on_both! {
    fn every_change_leaves_one_audit_record_and_one_event(app: &TestApp) {
        let (audit_before, events_before) = actions(app);
        let id = app.admin.post("/v1/connections", &postgres_connection("records")).ok(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/connections/{id}");
        let model = app.admin.post(&format!("{path}/models"), &json!({"name": "m"})).ok(201)["id"].as_str().unwrap().to_owned();
        app.admin.post(&format!("{path}/content/batch"), &json!({"items": [{"name": "a"}, {"name": "b"}]})).ok(201);
        app.admin.patch(&path, &json!({"name": "renamed"})).ok(200);
        app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "x"}})).ok(200);
        app.admin.get(&format!("{path}/secrets")).ok(200);
        let entry = app.admin.delete(&format!("/v1/models/{model}")).ok(200)["id"].as_str().unwrap().to_owned();
        app.admin.post(&format!("/v1/trash/{entry}/purge"), &json!({"confirm": "m"})).ok(200);
        let entry = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        // Refused: a record, and no event.
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).problem(409, "entry_closed");

        let changes = [
            "connection.created",
            "model.created",
            "content.batch_created",
            "connection.updated",
            "connection.credentials_entered",
            "model.trashed",
            "trash.purged",
            "connection.trashed",
            "connection.secrets_shredded",
            "connection.restored",
        ];
        let (audit, events) = actions(app);
        assert_eq!(events[events_before.len()..], changes);
        // Reading a secret is no change: a record without an event.
        let mut with_read = changes.to_vec();
        with_read.insert(5, "connection.secrets_read");
        with_read.push("POST /v1/trash/{id}/restore");
        assert_eq!(audit[audit_before.len()..], with_read);

        let who = app.sql().lines(
            "SELECT actor_id || ' ' || address AS line FROM audit_events \
             WHERE action = 'connection.trashed' AND key_id IS NOT NULL AND request_id IS NOT NULL",
        );
        assert_eq!(who.len(), 1);
        assert!(who[0].starts_with("key:") && who[0].ends_with(" 127.0.0.1"), "{who:?}");
    }

    fn a_change_whose_record_cannot_be_written_does_not_happen(app: &TestApp) {
        let id = app.sample_connection("unrecorded");
        let path = format!("/v1/connections/{id}");
        let before = app.admin.get(&path).ok(200);
        for table in ["audit_events", "audit_seals"] {
            refuse_inserts(app, table);
            let answer = app.admin.delete(&path);
            let problem = answer.problem(500, "internal_error");
            assert!(!answer.text.contains("no more rows"), "{problem}");
            app.admin.patch(&path, &json!({"name": "other"})).problem(500, "internal_error");
            allow_inserts(app, table);
            assert_eq!(app.admin.get(&path).ok(200), before, "{table}");
            assert_eq!(app.admin.get("/v1/trash").ok(200)["data"], json!([]), "{table}");
            app.admin.get(&format!("{path}/secrets")).ok(200);
        }
        app.delete_connection(&id);
    }
}

fn refuse_inserts(app: &TestApp, table: &str) {
    let sql = match app.backend {
        Backend::Sqlite => format!(
            "CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no more rows'); END"
        ),
        Backend::Postgres => format!(
            "CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'no more rows'; END $$; \
             CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_{table}()"
        ),
    };
    app.sql().run(&sql);
}

fn allow_inserts(app: &TestApp, table: &str) {
    let sql = match app.backend {
        Backend::Sqlite => format!("DROP TRIGGER refuse_{table}"),
        Backend::Postgres => format!("DROP TRIGGER refuse_{table} ON {table}"),
    };
    app.sql().run(&sql);
}
