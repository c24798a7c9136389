//! Whoever has the database can change it; the chain shows it.

use reprieve::service::verify;

use super::*;

/// What a tamperer does, and words of what is found.
const TAMPERING: [(&str, &str, &str); 7] = [
    (
        "a detail is changed",
        "UPDATE audit_events SET detail = '{}' WHERE id = (ID)",
        "does not have its hash",
    ),
    (
        "somebody else did it",
        "UPDATE audit_events SET actor_id = 'mallory' WHERE id = (ID)",
        "does not have its hash",
    ),
    (
        "it was another time",
        "UPDATE audit_events SET at = '2020-01-01T00:00:00.000000Z' WHERE id = (ID)",
        "does not have its hash",
    ),
    (
        "a refusal becomes a deed",
        "UPDATE audit_events SET outcome = 'done' WHERE outcome = 'refused'",
        "does not have its hash",
    ),
    (
        "a hash is changed",
        "UPDATE audit_seals SET hash = 'x' WHERE record_id = (ID)",
        "does not have its hash",
    ),
    (
        "a record is removed",
        "DELETE FROM audit_events WHERE id = (ID)",
        "is missing",
    ),
    (
        "a number is given again",
        "UPDATE audit_seals SET seq = seq + 1000 WHERE record_id = (ID)",
        "is missing",
    ),
];

/// Lets everybody change the tables, as whoever owns them can.
fn unlock(app: &TestApp) {
    app.sql().run(match app.backend {
        Backend::Sqlite => "DROP TRIGGER audit_events_unchanged; DROP TRIGGER audit_events_stay; DROP TRIGGER audit_seals_stay; DROP TRIGGER audit_seals_once",
        Backend::Postgres => "DROP TRIGGER audit_events_stay ON audit_events; DROP TRIGGER audit_seals_stay ON audit_seals; DROP TRIGGER audit_seals_once ON audit_seals",
    });
}

/// The problems that `reprieve verify` finds.
fn found(app: &TestApp) -> Vec<String> {
    let report = verify::verify(&app.services).unwrap();
    report
        .checks
        .into_iter()
        .flat_map(|check| check.problems)
        .collect()
}

fn broken(backend: Backend, what: &str, statement: &str, words: &str) {
    let mut app = TestApp::start(backend);
    let (_, entry) = story(&app, "prod");
    app.client(&["trash:read"])
        .delete(&format!("/v1/connections/{}", uuid::Uuid::now_v7()))
        .problem(403, "missing_scope");
    sealed(&app);
    assert_eq!(found(&app), Vec::<String>::new(), "before {what}");
    unlock(&app);
    let one = format!(
        "SELECT id FROM audit_events WHERE action = 'connection.trashed' AND entry_id = '{entry}'"
    );
    app.sql().run(&statement.replace("ID", &one));
    let problems = found(&app);
    assert!(
        problems.iter().any(|problem| problem.contains(words)),
        "{what}: {problems:?}"
    );
    app.leave_broken();
}

on_each! {
    fn each_kind_of_tampering_is_found(backend: Backend) {
        for (what, statement, words) in TAMPERING {
            broken(backend, what, statement, words);
        }
    }

    fn removing_a_record_with_its_seal_leaves_a_gap_and_adding_one_leaves_it_outside(backend: Backend) {
        let mut app = TestApp::start(backend);
        story(&app, "prod");
        sealed(&app);
        unlock(&app);
        let one = "SELECT min(seq) FROM audit_seals WHERE announced AND seq > 5";
        app.sql().run(&format!(
            "DELETE FROM audit_events WHERE id = (SELECT record_id FROM audit_seals WHERE seq = ({one})); DELETE FROM audit_seals WHERE seq = ({one})"
        ));
        let problems = found(&app);
        assert!(problems.iter().any(|problem| problem.contains("is missing")), "{problems:?}");

        let id = uuid::Uuid::now_v7();
        app.sql().run(&format!(
            "INSERT INTO audit_events (org_id, id, at, actor_id, action, outcome, subject_kind, detail, announced) \
             SELECT org_id, '{id}', at, 'ada', action, outcome, subject_kind, detail, announced FROM audit_events LIMIT 1"
        ));
        let problems = found(&app);
        assert!(problems.iter().any(|problem| problem.contains(&id.to_string()) && problem.contains("is in no chain")), "{problems:?}");
        app.leave_broken();
    }

    fn a_chain_that_was_cut_off_and_begun_anew_does_not_hold_what_somebody_has_noted(backend: Backend) {
        let mut app = TestApp::start(backend);
        story(&app, "prod");
        let head = sealed(&app);
        let noted = format!("{}:{}", head["seq"], head["hash"].as_str().unwrap());
        let ways = crate::cli::people::Ways::to(&app);
        ways.ok(&["audit", "verify", "--head", &noted]);
        app.sample_connection("more");
        sealed(&app);
        ways.ok(&["audit", "verify", "--head", &noted]);

        unlock(&app);
        let from = head["seq"].as_i64().unwrap();
        app.sql().run(&format!("DELETE FROM audit_events WHERE id IN (SELECT record_id FROM audit_seals WHERE seq >= {from}); DELETE FROM audit_seals WHERE seq >= {from}"));
        assert_eq!(found(&app), Vec::<String>::new(), "from inside nothing is missing");
        ways.refused(1, &["audit", "verify", "--head", &noted], &["not in the chain"]);
        app.sample_connection("other");
        sealed(&app);
        ways.refused(1, &["audit", "verify", "--head", &noted], &["not in the chain"]);
        app.leave_broken();
    }

    fn records_are_never_changed_or_removed_by_a_statement_that_comes_by(backend: Backend) {
        let app = TestApp::start(backend);
        story(&app, "prod");
        sealed(&app);
        let statements = [
            "UPDATE audit_events SET detail = '{}'",
            "DELETE FROM audit_events",
            "UPDATE audit_seals SET hash = 'x' WHERE seq = 1",
            "UPDATE audit_seals SET seq = NULL WHERE seq = 1",
            "DELETE FROM audit_seals",
        ];
        for statement in statements {
            let refused = app.sql().try_run(statement).unwrap_err().to_string();
            assert!(refused.contains("never changed or removed"), "{statement}: {refused}");
        }
        if backend == Backend::Postgres {
            for table in ["audit_events", "audit_seals"] {
                app.sql().try_run(&format!("TRUNCATE {table}")).unwrap_err();
            }
        }
    }
}
