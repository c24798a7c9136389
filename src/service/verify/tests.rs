//! What [`verify`] finds in a sound database, and in one that was broken on purpose.

use super::*;
use crate::domain::ids::EntryId;
use crate::domain::kinds::DependentKind;
use crate::service::impact::Target;
use crate::service::secrets::{self, PutSecrets};
use crate::service::superset::tests::{Place, real_export};
use crate::store::filters::DependentFilter;

/// The problems of one check.
fn problems(place: &Place, name: &str) -> Vec<String> {
    let report = verify(&place.services).unwrap();
    report
        .checks
        .into_iter()
        .find(|check| check.name == name)
        .unwrap()
        .problems
}

/// A database with a connection that was deleted with its secret, restored and given another one; one of its models
/// is in the trash.
fn place() -> (Place, EntryId) {
    let place = Place::new();
    place.import(&real_export());
    let id = place.connections()[0].id;
    let enter = |fields: &str| {
        let secrets = serde_json::from_str(fields).unwrap();
        let input = PutSecrets {
            secrets,
            source_hints: [].into(),
            test: false,
        };
        place
            .write(|tx| secrets::put(tx, id, None, &input))
            .unwrap()
    };
    enter(r#"{"password":"hunter2","extra":"{}"}"#);
    let entry = place.delete(Target::Connection(id));
    place.restore(entry);
    enter(r#"{"password":"hunter2"}"#);
    let org = place.caller.org;
    let model = place.services.store.read(|conn| {
        conn.list_dependents(
            DependentKind::Model,
            org,
            &DependentFilter::default(),
            None,
            1,
        )
    });
    let entry = place.delete(Target::Dependent(
        DependentKind::Model,
        model.unwrap()[0].id,
    ));
    (place, entry)
}

#[test]
fn a_database_that_only_this_service_wrote_has_no_problem() {
    let (place, _) = place();
    let report = verify(&place.services).unwrap();
    assert_eq!(report.checks.len(), 13);
    for check in report.checks {
        assert!(
            check.problems.is_empty(),
            "{}: {:?}",
            check.name,
            check.problems
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of faults")]
fn whatever_breaks_a_promise_is_found_by_name() {
    let (place, entry) = place();
    for (name, sql, fault) in [
        (
            "every row is in one place",
            "INSERT INTO trash_models SELECT m.*, e.id FROM models m, trash_entries e WHERE e.state = 'in_trash' LIMIT 1",
            "is live and in the trash",
        ),
        (
            "every row is in one place",
            "UPDATE trash_models SET entry_id = (SELECT id FROM trash_entries WHERE state = 'restored')",
            "is of an entry that is restored",
        ),
        (
            "every row is in one place",
            "DELETE FROM trash_entries WHERE state = 'in_trash'",
            "is of an entry that is not there",
        ),
        (
            "entries hold what they say",
            "DELETE FROM trash_content WHERE rowid = 1",
            ", holds ",
        ),
        (
            "entries hold what they say",
            "DELETE FROM trash_models",
            "lacks the model it is about",
        ),
        (
            "entries hold what they say",
            "INSERT INTO trash_links SELECT l.org_id, l.from_id, l.to_id, l.created_at, e.id FROM links l, trash_entries e LIMIT 1",
            "has no end in its entry",
        ),
        (
            "every child has its parent",
            "DELETE FROM connections",
            "has no live connection",
        ),
        (
            "every child has its parent",
            "DELETE FROM models",
            "has no live model in its connection",
        ),
        (
            "every child has its parent",
            "DELETE FROM content",
            "has no live content at its to_id",
        ),
        (
            "secrets belong to live owners",
            "DELETE FROM connections",
            "is of an owner that is not live",
        ),
        (
            "secrets belong to live owners",
            "UPDATE connections SET generation = 9",
            "another generation",
        ),
        (
            "secrets belong to live owners",
            "DELETE FROM key_epochs",
            "destroyed or unknown",
        ),
        (
            "secrets belong to live owners",
            "DELETE FROM secret_slots",
            "has no slot",
        ),
        (
            "secrets belong to live owners",
            "UPDATE secret_slots SET free = 1",
            "has a slot that is free",
        ),
        (
            "secrets belong to live owners",
            "INSERT INTO connect_sessions SELECT org_id, id, id, 'digest', NULL, 'password', created_at, 'ann', created_at, \
             NULL, NULL, NULL, NULL, NULL FROM models LIMIT 1",
            "is of a connection that is not live",
        ),
        (
            "secrets belong to live owners",
            "INSERT INTO access_tokens SELECT org_id, id, id, 'digest', 0, created_at, 'ann' FROM models LIMIT 1",
            "is of a connection that is not live",
        ),
        (
            "secrets belong to live owners",
            "INSERT INTO connect_tokens SELECT org_id, id, 'digest', id, '{}', created_at, 'ann', created_at, NULL, NULL \
             FROM models LIMIT 1",
            "is of a connection that is not live",
        ),
        (
            "slots hold one secret each",
            "DELETE FROM secrets",
            "is used by no secret",
        ),
        (
            "slots hold one secret each",
            "INSERT INTO secrets SELECT org_id, owner_kind, owner_id, 'extra', slot_id, record_id, generation, key_epoch, \
             source_hint, set_at, set_by FROM secrets",
            "is used by several secrets",
        ),
        (
            "slots hold one secret each",
            "UPDATE secret_slots SET size_class = 1024",
            "is of the size class 1024 and holds 256 bytes",
        ),
        (
            "purge dates follow deletions",
            "UPDATE trash_entries SET purge_at = '2026-01-01T00:00:00.000000Z'",
            "is purged before",
        ),
        (
            "what was shredded gets erased",
            "DELETE FROM erasure_jobs",
            "neither erased nor waiting",
        ),
        (
            "free slots hold zeros",
            "UPDATE secret_slots SET free = 1",
            "is free and not empty",
        ),
        (
            "foreign keys hold",
            "DELETE FROM models",
            "refers to a row of models that is not there",
        ),
        (
            "statuses tell whether secrets are missing",
            "UPDATE connections SET status = 'needs_credentials'",
            "has them all",
        ),
        (
            "statuses tell whether secrets are missing",
            "DELETE FROM secrets",
            "lacks password",
        ),
        (
            "statuses tell whether secrets are missing",
            "UPDATE connections SET connector = 'x'",
            "unknown connector x",
        ),
    ] {
        // A copy of the file for each, so that one fault doesn't hide another.
        let file = place.services.store.sqlite_file().unwrap();
        let copy = file.with_extension("copy");
        place
            .services
            .store
            .read(|conn| conn.batch(&format!("VACUUM INTO '{}'", copy.display())))
            .unwrap();
        let store =
            crate::store::Store::open(crate::store::DatabaseUrl::Sqlite(copy.clone()), 1).unwrap();
        let mut conn = store.connect().unwrap();
        conn.batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
            .unwrap();
        let report = verify(&Services {
            store,
            ..place.services.clone()
        })
        .unwrap();
        let found = &report
            .checks
            .iter()
            .find(|check| check.name == name)
            .unwrap()
            .problems;
        assert!(
            found.iter().any(|problem| problem.contains(fault)),
            "{sql}: {found:?}"
        );
        assert!(
            name == "foreign keys hold"
                || found
                    .iter()
                    .take(TOLD)
                    .all(|problem| problem.contains(" of default: ")),
            "{found:?}"
        );
        std::fs::remove_file(copy).unwrap();
    }
    assert!(
        problems(&place, "every row is in one place").is_empty(),
        "the original is as it was, with {entry}"
    );
}

#[test]
fn many_problems_are_counted_and_some_are_told() {
    assert_eq!(and_more(vec!["a".to_owned()], 1), ["a"]);
    let told: Vec<String> = (0..25).map(|number| number.to_string()).collect();
    let cut = and_more(told, 40);
    assert_eq!(
        (cut.len(), cut.last().map(String::as_str)),
        (21, Some("and 20 more"))
    );
}
