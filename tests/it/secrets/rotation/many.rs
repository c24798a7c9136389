//! Several services on one database: what the switch waits for, what nobody may notice.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};

use reprieve::domain::ids::ConnectionId;
use reprieve::service::secrets::{self, PutSecrets};

use super::*;

fn primary(app: &TestApp) -> String {
    texts(
        app,
        "SELECT CAST(epoch AS text) AS value FROM key_epochs WHERE is_primary",
    )
    .remove(0)
}

/// A service that says it runs, as far as the database knows.
fn pretend(app: &TestApp, name: &str, epochs: &str, seconds_ago: u32) {
    let (id, seen) = match app.backend {
        Backend::Sqlite => (
            "'019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00'",
            format!("strftime('%Y-%m-%dT%H:%M:%f', 'now', '-{seconds_ago} seconds') || '000Z'"),
        ),
        Backend::Postgres => (
            "CAST('019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00' AS uuid)",
            format!("clock_timestamp() - interval '{seconds_ago} seconds'"),
        ),
    };
    execute(
        app,
        &format!(
            "INSERT INTO key_replicas (id, name, epochs, started_at, seen_at) VALUES ({id}, '{name}', '{epochs}', {seen}, {seen})"
        ),
    );
}

on_each! {
    fn a_service_that_runs_without_the_new_key_keeps_the_switch_waiting(backend: Backend) {
        let app = looking(backend, NEVER);
        create(&app, &["a"]);
        pretend(&app, "lagging", "1", 0);
        let services = beside(&app);
        rotation::begin(&services).unwrap();
        let lacking = || rotation::go_on(&services, BY).unwrap().waits.unwrap().lacking;
        assert_eq!(lacking().len(), 2, "the running service has not looked either");
        execute(&app, "UPDATE key_replicas SET epochs = '1 2' WHERE name <> 'lagging'");
        assert_eq!(lacking(), ["lagging"]);
        assert_eq!(primary(&app), "1");
        assert_eq!(epochs_in_use(&app).0, [1]);
        execute(&app, "UPDATE key_replicas SET epochs = '1 2' WHERE name = 'lagging'");
        finish(&services);
        assert_eq!((primary(&app), epochs_in_use(&app).0), ("2".to_owned(), vec![2]));
    }

    fn a_service_that_stopped_is_not_waited_for(backend: Backend) {
        let app = looking(backend, OFTEN);
        create(&app, &["a"]);
        pretend(&app, "killed", "1", 61);
        rotate(&beside(&app));
        assert_eq!(primary(&app), "2");
        let mut app = app;
        app.halt();
        assert_eq!(count(&app, "key_replicas WHERE name <> 'killed'"), 0, "one that stops in order leaves");
        let services = beside(&app);
        rotation::begin(&services).unwrap();
        assert!(rotation::go_on(&services, BY).unwrap().switched.is_some());
    }

    fn a_service_that_has_not_looked_yet_takes_up_the_new_key_when_it_meets_it(backend: Backend) {
        let app = looking(backend, NEVER);
        let live = create(&app, &["read", "written"]);
        execute(&app, "DELETE FROM key_replicas");
        let services = beside(&app);
        rotate(&services);
        rotation::destroy(&services, epoch(1), Duration::ZERO, BY).unwrap();
        assert_eq!(app.services.vault.epochs(), [epoch(1)]);
        opens(&app.admin, &live);
        assert_eq!(app.services.vault.epochs(), [epoch(2)]);
        rotate(&services);
        let id = live.keys().next().unwrap();
        let path = format!("/v1/connections/{id}/secrets");
        app.admin.put(&path, &json!({"secrets": {"password": "new"}})).ok(200);
        assert_eq!(epochs_in_use(&app).0, [3]);
    }

    fn a_secret_that_is_being_entered_keeps_the_switch_waiting_and_is_not_left_behind(backend: Backend) {
        let app = looking(backend, NEVER);
        let live = create(&app, &["a", "b"]);
        execute(&app, "DELETE FROM key_replicas");
        let services = beside(&app);
        rotation::begin(&services).unwrap();
        let (sealed, id) = (Barrier::new(2), live.keys().next().unwrap());
        let may_commit = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let id = ConnectionId::parse(id).unwrap();
                let input: PutSecrets = serde_json::from_value(json!({"secrets": {"password": "entered meanwhile"}})).unwrap();
                app.services.write_once(&Caller::command_line(app.org), |tx| {
                    secrets::put(tx, id, None, &input)?;
                    sealed.wait();
                    while !may_commit.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Ok(())
                }).unwrap();
            });
            sealed.wait();
            let rotating = scope.spawn(|| finish(&services));
            // Long enough for a switch that would not wait: the others of these tests take some milliseconds.
            std::thread::sleep(Duration::from_millis(700));
            assert_eq!(primary(&app), "1", "the switch passed by a secret that is being sealed under the old key");
            may_commit.store(true, Ordering::SeqCst);
            rotating.join().unwrap();
        });
        assert_eq!((primary(&app), epochs_in_use(&app).0), ("2".to_owned(), vec![2]));
        let mut live = live.clone();
        live.insert(live.keys().next().unwrap().clone(), "entered meanwhile".to_owned());
        opens(&app.admin, &live);
    }

    fn rotations_that_begin_at_once_make_one_key(backend: Backend) {
        let app = looking(backend, NEVER);
        let live = create(&app, &["a", "b", "c"]);
        execute(&app, "DELETE FROM key_replicas");
        for round in 2..5 {
            let several: Vec<Services> = (0..4).map(|_| beside(&app)).collect();
            let (barrier, made) = (Barrier::new(several.len()), Mutex::new(Vec::new()));
            std::thread::scope(|scope| {
                for services in &several {
                    scope.spawn(|| {
                        barrier.wait();
                        let begun = rotation::begin(services).unwrap();
                        if let Begun::New(epoch) = begun {
                            made.lock().unwrap().push(epoch);
                        }
                        barrier.wait();
                        finish(services);
                    });
                }
            });
            assert_eq!(*made.lock().unwrap(), [epoch(round)]);
            assert_eq!(key_files(&app).len(), usize::try_from(round).unwrap());
            assert_eq!(primary(&app), round.to_string());
            opens(&app.admin, &live);
        }
    }

    fn while_keys_rotate_under_load_nobody_notices(backend: Backend) {
        let app = looking(backend, OFTEN);
        let others: Vec<Replica> = match backend {
            // One service to a file; the rotation itself works beside it.
            Backend::Sqlite => Vec::new(),
            Backend::Postgres => vec![Replica::start(&app, false, OFTEN), Replica::start(&app, false, Duration::from_secs(1))],
        };
        let mut clients = vec![app.admin.clone()];
        clients.extend(others.iter().map(|replica| replica.client(&app)));
        let readers = create(&app, &["r1", "r2", "r3", "r4"]);
        let writers: Vec<String> = create(&app, &["w1", "w2"]).into_keys().collect();
        fill(&app.services, app.org, "many", 300);
        let (ended, reads, entered) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
        let failed = Mutex::new(Vec::new());
        let services = beside(&app);
        std::thread::scope(|scope| {
            for client in &clients {
                scope.spawn(|| {
                    while !ended.load(Ordering::SeqCst) {
                        for (id, password) in &readers {
                            let reply = client.get(&format!("/v1/connections/{id}/secrets"));
                            if reply.status == 200 && reply.text.contains(password) {
                                reads.fetch_add(1, Ordering::SeqCst);
                            } else {
                                failed.lock().unwrap().push(format!("{reply:?}"));
                            }
                        }
                    }
                });
            }
            for (number, id) in writers.iter().enumerate() {
                let client = &clients[number % clients.len()];
                let reader = &clients[(number + 1) % clients.len()];
                let (failed, entered, ended) = (&failed, &entered, &ended);
                scope.spawn(move || {
                    let path = format!("/v1/connections/{id}/secrets");
                    for round in 0.. {
                        if ended.load(Ordering::SeqCst) {
                            break;
                        }
                        let password = format!("round {round}");
                        let put = client.put(&path, &json!({"secrets": {"password": password}}));
                        let got = reader.get(&path);
                        if put.status == 200 && got.status == 200 && got.text.contains(&password) {
                            entered.fetch_add(1, Ordering::SeqCst);
                        } else {
                            failed.lock().unwrap().push(format!("{put:?} {got:?}"));
                        }
                    }
                });
            }
            for number in 2.. {
                assert_eq!(rotate(&services), epoch(number));
                rotation::destroy(&services, epoch(number - 1), Duration::ZERO, BY).unwrap();
                let enough = reads.load(Ordering::SeqCst) > 50 && entered.load(Ordering::SeqCst) > 10;
                if number >= 5 && enough || !failed.lock().unwrap().is_empty() {
                    break;
                }
            }
            ended.store(true, Ordering::SeqCst);
        });
        let failed = failed.into_inner().unwrap();
        assert!(failed.is_empty(), "{} failed: {}", failed.len(), failed[0]);
        let (reads, entered) = (reads.into_inner(), entered.into_inner());
        let rotations = states(&services).len() - 1;
        println!("{backend:?}: {reads} reads and {entered} entered during {rotations} rotations");
        TestApp::wait_for("the old keys to go", || key_files(&app).len() == 1);
        opens(&app.admin, &readers);
    }
}

#[test]
fn a_service_with_a_folder_of_its_own_is_waited_for_and_goes_on_when_it_has_the_key() {
    let app = looking(Backend::Postgres, OFTEN);
    let live = create(&app, &["a", "b"]);
    let replica = Replica::start(&app, true, OFTEN);
    let client = replica.client(&app);
    opens(&client, &live);
    let services = beside(&app);
    rotation::begin(&services).unwrap();
    let name = replica.name();
    TestApp::wait_for("the first service", || {
        let waiting = rotation::go_on(&services, BY).unwrap().waits.unwrap();
        waiting.lacking == [name.as_str()]
    });
    for _ in 0..5 {
        assert!(rotation::go_on(&services, BY).unwrap().waits.is_some());
    }
    assert_eq!(states(&services), ["primary", "next"]);
    // Both go on under the old key, and what each seals the other opens.
    let path = |id: &String| format!("/v1/connections/{id}/secrets");
    let ids: Vec<&String> = live.keys().collect();
    client
        .put(
            &path(ids[0]),
            &json!({"secrets": {"password": "by the second"}}),
        )
        .ok(200);
    assert_eq!(
        app.admin.get(&path(ids[0])).ok(200)["secrets"]["password"],
        "by the second"
    );

    let key = std::fs::read(key_folder(&app).join("epoch-2.key")).unwrap();
    crate::secrets::key_states::write_key(&replica.keys(), "epoch-2.key", &key);
    // The services themselves do the rest.
    TestApp::wait_for("the rotation", || {
        states(&services) == ["retired", "primary"]
    });
    client
        .put(&path(ids[1]), &json!({"secrets": {"password": "after it"}}))
        .ok(200);
    assert_eq!(
        app.admin.get(&path(ids[1])).ok(200)["secrets"]["password"],
        "after it"
    );
    assert_eq!(epochs_in_use(&app).0, [2]);
    rotation::destroy(&services, epoch(1), Duration::ZERO, BY).unwrap();
    TestApp::wait_for("its own copy to go", || {
        !replica.keys().join("epoch-1.key").exists()
    });
    client.get(&path(ids[0])).ok(200);
}

#[test]
fn a_service_that_was_taken_for_dead_refuses_rather_than_seal_under_the_old_key() {
    let app = looking(Backend::Postgres, OFTEN);
    let live = create(&app, &["a"]);
    let replica = Replica::start(&app, true, NEVER);
    let client = replica.client(&app);
    opens(&client, &live);
    let own = replica.address.to_string();
    execute(
        &app,
        &format!("DELETE FROM key_replicas WHERE name LIKE '%{own}'"),
    );
    rotate(&beside(&app));
    let id = live.keys().next().unwrap();
    let path = format!("/v1/connections/{id}/secrets");
    client
        .put(&path, &json!({"secrets": {"password": "lost?"}}))
        .problem(503, "locked");
    client.get(&path).problem(503, "locked");
    assert_eq!(epochs_in_use(&app).0, [2]);
    opens(&app.admin, &live);
    assert_eq!(client.get("/readyz").status, 503);
    let key = std::fs::read(key_folder(&app).join("epoch-2.key")).unwrap();
    crate::secrets::key_states::write_key(&replica.keys(), "epoch-2.key", &key);
    assert_eq!(client.get("/readyz").status, 200);
    client
        .put(&path, &json!({"secrets": {"password": "now"}}))
        .ok(200);
    assert_eq!(app.admin.get(&path).ok(200)["secrets"]["password"], "now");
}

#[test]
fn what_somebody_else_works_on_is_left_out_and_wrapped_by_the_next_round() {
    let app = looking(Backend::Postgres, NEVER);
    let live = create(&app, &["a", "b", "c"]);
    execute(&app, "DELETE FROM key_replicas");
    let services = beside(&app);
    rotation::begin(&services).unwrap();
    let mut other = app.services.store.connect().unwrap();
    other
        .batch("BEGIN; SELECT 1 FROM secret_slots WHERE id = (SELECT min(slot_id) FROM secrets) FOR UPDATE")
        .unwrap();
    let progress = rotation::go_on(&services, BY).unwrap();
    assert_eq!(
        (progress.rewrapped, progress.busy, progress.retired.len()),
        (2, 1, 0)
    );
    assert_eq!(states(&services), ["in_use", "primary"]);
    other
        .batch("COMMIT; BEGIN; SELECT 1 FROM secrets WHERE key_epoch = 1 FOR UPDATE")
        .unwrap();
    let progress = rotation::go_on(&services, BY).unwrap();
    assert_eq!((progress.rewrapped, progress.retired.len()), (0, 0));
    other.batch("ROLLBACK").unwrap();
    let progress = rotation::go_on(&services, BY).unwrap();
    assert_eq!((progress.rewrapped, progress.retired), (1, vec![epoch(1)]));
    opens(&app.admin, &live);
}

/// `cargo test --release --test it -- --ignored --nocapture wrapping_twenty_thousand`
fn wrapping_twenty_thousand_secrets_anew(backend: Backend) {
    let app = looking(backend, NEVER);
    execute(&app, "DELETE FROM key_replicas");
    for batch in 0..20 {
        fill(&app.services, app.org, &format!("batch {batch}"), 1_000);
    }
    let services = beside(&app);
    rotation::begin(&services).unwrap();
    execute(
        &app,
        "UPDATE key_epochs SET is_primary = (1 = 0) WHERE epoch = 1",
    );
    execute(
        &app,
        "UPDATE key_epochs SET is_primary = (1 = 1) WHERE epoch = 2",
    );
    services.vault.reload(&services.store).unwrap();
    let (mut after, mut rewrapped, mut longest) = (0, 0, Duration::ZERO);
    let began = Instant::now();
    loop {
        let batch_began = Instant::now();
        let batch =
            rotation::rewrap_batch(&services, BY, app.org, epoch(1), after, rotation::BATCH)
                .unwrap();
        longest = longest.max(batch_began.elapsed());
        let Some(batch) = batch else { break };
        after = batch.last;
        rewrapped += batch.rewrapped;
    }
    println!(
        "{backend:?}: {rewrapped} secrets in {:?}, longest batch {longest:?}",
        began.elapsed()
    );
    assert_eq!(rewrapped, 20_000);
}

#[test]
#[ignore = "measures"]
fn wrapping_twenty_thousand_secrets_anew_on_sqlite() {
    wrapping_twenty_thousand_secrets_anew(Backend::Sqlite);
}

#[test]
#[ignore = "measures"]
fn wrapping_twenty_thousand_secrets_anew_on_postgres() {
    wrapping_twenty_thousand_secrets_anew(Backend::Postgres);
}
