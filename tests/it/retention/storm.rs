//! Several purges at once, in a storm of restores and holds: nothing that is not due, held or restored is purged.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::races::Draw;

/// Due entries; as many again are not due.
const DUE: usize = 11_000;
const SCHEDULERS: usize = 4;
/// Each kind of meeting at least so often, with each outcome.
const ENOUGH: usize = 30;

/// How the calls came out that met a purge.
#[derive(Debug, Default)]
struct Met {
    restored: AtomicUsize,
    held: AtomicUsize,
    too_late: AtomicUsize,
}

fn fill(app: &TestApp) {
    let org = app.org;
    for (state, from, purge_at) in [
        (
            "due",
            0,
            "now() - interval '2 days' + n * interval '1 second'",
        ),
        ("later", 1_000_000, "now() + interval '1 day'"),
    ] {
        let to = from + DUE;
        sql(app, &format!(
            "INSERT INTO trash_entries (org_id, id, state, root_kind, root_id, root_name, root_name_key, connector, integration, connection_id,
                deleted_at, deleted_by, purge_at, purge_protected, connections_count, models_count, content_count, links_count,
                references_count, secret_shape, secrets_shredded)
             SELECT '{org}', md5('e' || n)::uuid, 'in_trash', 'connection', md5('c' || n)::uuid, '{state} ' || n, '{state} ' || n, 'postgres',
                'postgres', md5('c' || n)::uuid, now() - interval '40 days', 'storm', {purge_at}, false, 1, 0, 1, 0, 0, '{{}}', 0
             FROM generate_series({from}, {to} - 1) n;
             INSERT INTO trash_connections (org_id, id, name, name_key, connector, integration, settings, tags, metadata, status,
                generation, deletion_protection, created_at, updated_at, version, entry_id)
             SELECT '{org}', md5('c' || n)::uuid, '{state} ' || n, '{state} ' || n, 'postgres', 'postgres', '{{}}', '{{}}', '{{}}', 'active',
                2, false, now(), now(), 2, md5('e' || n)::uuid FROM generate_series({from}, {to} - 1) n;
             INSERT INTO trash_content (org_id, id, connection_id, name, kind, body, deletion_protection, created_at, updated_at, version, entry_id)
             SELECT '{org}', md5('k' || n)::uuid, md5('c' || n)::uuid, 'k', 'chart', '{{}}', false, now(), now(), 1, md5('e' || n)::uuid
             FROM generate_series({from}, {to} - 1) n;",
        ));
    }
    sql(
        app,
        "ANALYZE trash_entries, trash_connections, trash_content",
    );
}

/// Restores and holds what is next to go, where the purges are.
fn storm(app: &TestApp, seed: u64, done: &AtomicBool, met: &Met) {
    let mut draw = Draw(seed);
    let mut look = Sql::open(&app.config.database);
    while !done.load(Ordering::Relaxed) {
        // Near the front most are gone before the call arrives, further back most are not.
        let offset = draw.below(400);
        let next = look.lines(&format!(
            "SELECT CAST(id AS text) AS line FROM trash_entries e WHERE state = 'in_trash' AND purge_at < now() \
             AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.entry_id = e.id) ORDER BY purge_at, id LIMIT 1 OFFSET {offset}"
        ));
        let Some(entry) = next.first() else { return };
        let path = format!("/v1/trash/{entry}");
        let (reply, tally) = if draw.below(2) == 0 {
            (
                app.admin.post(&format!("{path}/restore"), &json!({})),
                &met.restored,
            )
        } else {
            (
                app.admin
                    .post(&format!("{path}/holds"), &json!({"reason": "storm"})),
                &met.held,
            )
        };
        match reply.status {
            200 | 201 => tally.fetch_add(1, Ordering::Relaxed),
            409 => {
                reply.problem(409, "entry_closed");
                met.too_late.fetch_add(1, Ordering::Relaxed)
            }
            // The lock was not to be had in time: nothing happened.
            503 => 0,
            other => panic!("{other}: {reply:#?}"),
        };
    }
}

#[test]
fn edge_case_18_four_purges_in_a_storm_take_only_what_is_due_and_each_entry_once() {
    let app = TestApp::start_with(Backend::Postgres, |config| config.pool_size = 24);
    app.admin
        .put(
            "/v1/retention",
            &json!({"brake": {"connections": 1_000_000}}),
        )
        .ok(200);
    fill(&app);
    let mut limits = app.services.purging.limits.clone();
    (limits.hourly, limits.run, limits.batch) = (Some(1_000_000), 1_000_000, 7);
    let (done, met) = (AtomicBool::new(false), Met::default());
    let purged: u64 = thread::scope(|scope| {
        let stormers: Vec<_> = (0..3)
            .map(|seed| {
                scope.spawn({
                    let (app, done, met) = (&app, &done, &met);
                    move || storm(app, seed, done, met)
                })
            })
            .collect();
        let purges: Vec<_> = (0..SCHEDULERS)
            .map(|_| {
                let services = run::with_limits(&app, limits.clone());
                scope.spawn(move || purge::run(&services, None, &Ask::default(), &|_| ()).unwrap())
            })
            .collect();
        let reports: Vec<Report> = purges
            .into_iter()
            .map(|purge| purge.join().unwrap())
            .collect();
        done.store(true, Ordering::Relaxed);
        for stormer in stormers {
            stormer.join().unwrap();
        }
        assert!(
            reports.iter().all(|report| report.failed.is_empty()),
            "{reports:#?}"
        );
        assert!(
            reports.iter().filter(|report| report.purged > 0).count() > 1,
            "{reports:#?}"
        );
        reports.iter().map(|report| report.purged).sum()
    });

    let (restored, held) = (
        met.restored.load(Ordering::Relaxed),
        met.held.load(Ordering::Relaxed),
    );
    println!("{purged} purged by {SCHEDULERS} purges; {met:?}");
    assert!(
        restored >= ENOUGH && held >= ENOUGH && met.too_late.load(Ordering::Relaxed) >= ENOUGH,
        "the storm met too little: {met:?}"
    );
    let number = |condition: &str| count(&app, "trash_entries", condition);
    assert_eq!(number("state = 'purged'"), usize::try_from(purged).unwrap());
    assert_eq!(number("state = 'restored'"), restored);
    // Two may hold the same entry, and what is held may still be restored.
    let held = number(
        "state = 'in_trash' AND EXISTS (SELECT 1 FROM holds h WHERE h.entry_id = trash_entries.id)",
    );
    assert_eq!(
        number("state = 'in_trash' AND purge_at < now()"),
        held,
        "only what is held stays"
    );
    assert_eq!(restored + held + usize::try_from(purged).unwrap(), DUE);
    assert_eq!(
        number("state = 'in_trash' AND purge_at > now()"),
        DUE,
        "what is not due stays"
    );
    assert_eq!(
        number(
            "state = 'purged' AND EXISTS (SELECT 1 FROM holds h WHERE h.entry_id = trash_entries.id)"
        ),
        0
    );
    assert_eq!(
        count(&app, "connections", "1 = 1"),
        restored,
        "what was restored is live"
    );
    assert_eq!(count(&app, "trash_content", "1 = 1"), DUE + held);
    let once = "SELECT 1 FROM audit_events WHERE action = 'trash.purged' GROUP BY entry_id HAVING count(*) > 1";
    assert_eq!(
        lines(
            &app,
            &format!("SELECT CAST(count(*) AS text) AS line FROM ({once}) x")
        )[0],
        "0"
    );
    assert_eq!(
        count(
            &app,
            "audit_events",
            "announced AND action = 'trash.purged'"
        ),
        usize::try_from(purged).unwrap()
    );
}
