//! Numbers are given when nothing older can commit any more: no reader with a cursor misses what commits late.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

/// Reads the feed as it grows; what it saw.
fn follow(app: &TestApp, stop: &AtomicBool) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), "0".to_owned());
    loop {
        let last = stop.load(Ordering::Relaxed);
        let page = app
            .admin
            .get(&format!("/v1/events?after={cursor}&page_size=200"))
            .ok(200);
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|event| event["id"].as_str().unwrap().to_owned()),
        );
        cursor = page["cursor"].as_str().unwrap().to_owned();
        if last && page["has_more"] == false {
            return seen;
        }
    }
}

on_both! {
    fn a_reader_who_follows_many_writers_sees_each_event_once(app: &TestApp) {
        let stop = AtomicBool::new(false);
        let seen = thread::scope(|scope| {
            let reader = scope.spawn(|| follow(app, &stop));
            let sealers: Vec<_> = (0..2).map(|_| scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    seal::round(&app.services.store).unwrap();
                }
            })).collect();
            let writers: Vec<_> = (0..6).map(|n| scope.spawn(move || story(app, &format!("c{n}")))).collect();
            for writer in writers {
                writer.join().unwrap();
            }
            sealed(app);
            stop.store(true, Ordering::Relaxed);
            for sealer in sealers {
                sealer.join().unwrap();
            }
            reader.join().unwrap()
        });
        let all: BTreeSet<String> = app.sql().lines("SELECT CAST(id AS text) AS line FROM audit_events WHERE announced").into_iter().collect();
        assert_eq!(seen.len(), all.len());
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
    }
}

/// Adds a record as the service does, by a connection that has begun a transaction.
fn insert(sql: &mut Sql, tx_id: &str) -> String {
    let id = uuid::Uuid::now_v7();
    sql.run(&format!(
        "INSERT INTO audit_events (org_id, id, at, actor_id, action, outcome, subject_kind, detail, announced) \
         SELECT org_id, '{id}', now(), 'late', 'connection.tested', 'done', 'connection', '{{}}', true FROM audit_events LIMIT 1; \
         INSERT INTO audit_seals (org_id, record_id, announced, tx_id, recorded_at) \
         SELECT org_id, id, announced, {tx_id}, clock_timestamp() FROM audit_events WHERE id = '{id}'"
    ));
    id.to_string()
}

#[test]
fn what_a_running_transaction_has_written_keeps_later_records_from_being_numbered() {
    let app = TestApp::start(Backend::Postgres);
    let (_, start) = feed(&app, "0", "");
    let mut slow = app.sql();
    slow.run("BEGIN");
    let late = insert(&mut slow, "txid_current()");
    let id = app.sample_connection("quick");
    for _ in 0..3 {
        seal::round(&app.services.store).unwrap();
    }
    let page = app.admin.get(&format!("/v1/events?after={start}")).ok(200);
    assert_eq!(
        (&page["data"], &page["cursor"]),
        (&json!([]), &json!(start)),
        "they have to wait"
    );
    // A cursor over ids is past it by now: its id is older than all that is committed.
    let newest = app
        .sql()
        .lines("SELECT max(CAST(id AS text)) AS line FROM audit_events")
        .concat();
    assert!(newest > late);
    slow.run("COMMIT");
    let (events, _) = feed(&app, &start, "");
    assert_eq!(events[0]["id"], json!(late));
    assert_eq!(events[1]["subject"]["id"], json!(id));
}

#[test]
fn a_record_from_another_server_is_not_waited_for() {
    let app = TestApp::start(Backend::Postgres);
    let (_, start) = feed(&app, "0", "");
    // As a dump from a server that had far more transactions holds it.
    let id = insert(&mut app.sql(), "9000000000000000");
    let (events, _) = feed(&app, &start, "");
    assert_eq!(events[0]["id"], json!(id));
}
