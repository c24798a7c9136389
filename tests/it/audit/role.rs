//! On PostgreSQL the service can run as a role that may neither change nor remove a record: docs/operations.md has the
//! grants, and this runs them.

use reprieve::store::DatabaseUrl;

use super::*;

/// The statements of docs/operations.md, for a role of this name.
fn grants(role: &str) -> String {
    let page = std::fs::read_to_string("docs/operations.md").unwrap();
    let (_, rest) = page.split_once("<!-- grants -->\n```sql\n").unwrap();
    let (statements, _) = rest.split_once("```").unwrap();
    assert!(statements.contains("reprieve_service"));
    statements
        .replace("reprieve_service", role)
        .replace("'a long password'", "'pw'")
}

/// Drops the role, which belongs to the whole server; once its database is gone, nothing holds it.
struct Role(String);

impl Drop for Role {
    fn drop(&mut self) {
        let server = DatabaseUrl::parse(&crate::support::postgres_server()).unwrap();
        // It stays behind if the test has failed before its database was gone.
        let dropped = Sql::open(&server).try_run(&format!("DROP ROLE {}", self.0));
        assert!(dropped.is_ok() || std::thread::panicking(), "{dropped:?}");
    }
}

#[test]
fn a_role_that_only_serves_does_everything_and_can_neither_change_nor_remove_a_record() {
    let mut app = TestApp::start(Backend::Postgres);
    let role = Role(format!("service_{}", uuid::Uuid::now_v7().simple()));
    app.sql().run(&grants(&role.0));
    app.halt();
    let DatabaseUrl::Postgres(owner) = app.config.database.clone() else {
        unreachable!()
    };
    let mut url = url::Url::parse(&owner).unwrap();
    url.set_username(&role.0).unwrap();
    url.set_password(Some("pw")).unwrap();
    app.config.database = DatabaseUrl::parse(url.as_str()).unwrap();
    app.config.migrate = false;
    app.restart();

    let (id, _) = story(&app, "prod");
    let entry = app.delete_connection(&id);
    app.admin
        .post(
            &format!("/v1/trash/{entry}/holds"),
            &json!({"reason": "audit"}),
        )
        .ok(201);
    app.admin
        .put("/v1/retention", &json!({"retention_days": 40}))
        .ok(200);
    app.admin.get("/v1/trash/summary").ok(200);
    reprieve::service::watch::round(&app.services).unwrap();
    let other = app.delete_connection(&app.sample_connection("other"));
    app.admin
        .post(
            &format!("/v1/trash/{other}/purge"),
            &json!({"confirm": "other"}),
        )
        .ok(200);
    sealed(&app);
    TestApp::wait_for("the erasure", || {
        app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["secrets"]["erasure"] == "done"
    });

    for statement in [
        "UPDATE audit_events SET detail = '{}'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "DELETE FROM audit_seals",
        "TRUNCATE audit_seals",
        "UPDATE audit_seals SET record_id = org_id",
        "ALTER TABLE audit_events DISABLE TRIGGER ALL",
        "DROP TABLE audit_events",
    ] {
        let refused = app.sql().try_run(statement).unwrap_err().to_string();
        assert!(
            refused.contains("permission denied") || refused.contains("must be owner"),
            "{statement}: {refused}"
        );
    }
    drop(app);
    drop(role);
}
