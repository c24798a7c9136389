//! A rotation that dies at any step is gone on with.

use reprieve::secrets::keyring::Keyring;

use super::*;
use crate::races::Draw;
use crate::support::process::Machine;

/// A service that is stopped, its secrets, and the database beside it.
fn stopped(backend: Backend) -> (TestApp, BTreeMap<String, String>) {
    let mut app = looking(backend, NEVER);
    let live = create(&app, &["a", "b", "c", "d", "e"]);
    app.halt();
    (app, live)
}

/// The service starts and does what is left to be done.
#[track_caller]
fn goes_on(app: &mut TestApp, live: &BTreeMap<String, String>, keys: &[&str]) {
    app.config.key_times.look = OFTEN;
    app.restart();
    let services = beside(app);
    TestApp::wait_for("the rotation to end", || {
        states(&services)
            .iter()
            .all(|state| !matches!(*state, "in_use" | "next"))
    });
    TestApp::wait_for("the keys that shall be there", || key_files(app) == keys);
    opens(&app.admin, live);
    let primary = texts(
        app,
        "SELECT CAST(epoch AS text) AS value FROM key_epochs WHERE is_primary",
    );
    assert_eq!(epochs_in_use(app).1, primary);
}

on_each! {
    fn killed_before_the_new_key_is_claimed(backend: Backend) {
        let (mut app, live) = stopped(backend);
        Keyring::add(&key_folder(&app), epoch(2)).unwrap();
        let left = std::fs::read(key_folder(&app).join("epoch-2.key")).unwrap();
        assert_eq!(rotation::begin(&beside(&app)).unwrap(), Begun::New(epoch(2)));
        assert_eq!(std::fs::read(key_folder(&app).join("epoch-2.key")).unwrap(), left);
        goes_on(&mut app, &live, &["epoch-1.key", "epoch-2.key"]);
    }

    fn killed_before_the_switch(backend: Backend) {
        let (mut app, live) = stopped(backend);
        rotation::begin(&beside(&app)).unwrap();
        assert_eq!(rotation::begin(&beside(&app)).unwrap(), Begun::UnderWay(epoch(2)));
        goes_on(&mut app, &live, &["epoch-1.key", "epoch-2.key"]);
    }

    fn killed_after_the_switch_and_between_two_batches(backend: Backend) {
        for batches in 0..3 {
            let (mut app, live) = stopped(backend);
            let services = beside(&app);
            rotation::begin(&services).unwrap();
            execute(&app, "UPDATE key_epochs SET is_primary = (1 = 0) WHERE epoch = 1");
            execute(&app, "UPDATE key_epochs SET is_primary = (1 = 1) WHERE epoch = 2");
            services.vault.reload(&services.store).unwrap();
            let mut after = 0;
            for _ in 0..batches {
                let batch = rotation::rewrap_batch(&services, BY, app.org, epoch(1), after, 2).unwrap().unwrap();
                assert_eq!((batch.rewrapped, batch.busy, batch.unreadable.len()), (2, 0, 0));
                after = batch.last;
            }
            assert_eq!(count(&app, "secrets WHERE key_epoch = 1"), 5 - 2 * batches);
            drop(services);
            goes_on(&mut app, &live, &["epoch-1.key", "epoch-2.key"]);
        }
    }

    fn killed_before_the_old_epoch_is_retired(backend: Backend) {
        let (mut app, live) = stopped(backend);
        rotate(&beside(&app));
        execute(&app, "UPDATE key_epochs SET retired_at = NULL");
        goes_on(&mut app, &live, &["epoch-1.key", "epoch-2.key"]);
    }

    fn killed_between_the_mark_and_the_removal_of_the_key(backend: Backend) {
        for half in [false, true] {
            let (mut app, live) = stopped(backend);
            rotate(&beside(&app));
            let key = key_folder(&app).join("epoch-1.key");
            let bytes = std::fs::read(&key).unwrap();
            rotation::destroy(&beside(&app), epoch(1), Duration::ZERO, BY).unwrap();
            let name = if half { "epoch-1.key.destroyed" } else { "epoch-1.key" };
            crate::secrets::key_states::write_key(&key_folder(&app), name, &bytes);
            goes_on(&mut app, &live, &["epoch-2.key"]);
        }
    }

    fn a_key_with_the_number_of_a_destroyed_one_that_is_another_is_left_alone(backend: Backend) {
        let (mut app, live) = stopped(backend);
        rotate(&beside(&app));
        rotation::destroy(&beside(&app), epoch(1), Duration::ZERO, BY).unwrap();
        crate::secrets::key_states::write_key(&key_folder(&app), "epoch-1.key", &[7; 32]);
        goes_on(&mut app, &live, &["epoch-1.key", "epoch-2.key"]);
    }
}

/// kill -9 of `reprieve keys rotate` at random moments, until one comes through.
fn killed_until_it_is_through(backend: Backend) {
    let app = looking(backend, NEVER);
    fill(&app.services, app.org, "many", 1_500);
    execute(&app, "DELETE FROM key_replicas");
    let machine = Machine::new();
    let database = match &app.config.database {
        reprieve::store::DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
        reprieve::store::DatabaseUrl::Postgres(url) => url.clone(),
    };
    let machine = machine
        .with("REPRIEVE_DATABASE_URL", &database)
        .with("REPRIEVE_KEYS", &key_folder(&app).to_string_lossy());
    let mut draw = Draw(7);
    let (mut kills, mut states_met) = (0, std::collections::BTreeSet::new());
    for _ in 0..3 {
        for attempt in 0..12 {
            let mut child = machine.spawn(&["keys", "rotate", "--wait"]);
            std::thread::sleep(Duration::from_millis(20 + draw.below(40 + 20 * attempt)));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                continue;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            let next = count(
                &app,
                "key_epochs n WHERE n.epoch > (SELECT epoch FROM key_epochs WHERE is_primary)",
            );
            let in_use = count(
                &app,
                "key_epochs n WHERE retired_at IS NULL AND NOT is_primary",
            );
            let under_old = count(
                &app,
                "secrets s JOIN key_epochs k ON k.epoch = s.key_epoch WHERE NOT k.is_primary",
            );
            states_met.insert((next > 0, in_use > 0, under_old > 0));
        }
        machine.run(&["keys", "rotate", "--wait"]).ok();
    }
    println!(
        "{backend:?}: {kills} kills, states met (next, in use, secrets under it): {states_met:?}"
    );
    assert!(
        kills >= 5 && states_met.len() >= 2,
        "{kills} kills met {states_met:?}"
    );
    assert_eq!(
        count(
            &app,
            "secrets s JOIN key_epochs k ON k.epoch = s.key_epoch WHERE k.is_primary"
        ),
        1_500
    );
    app.services.vault.reload(&app.services.store).unwrap();
    let connections = app.admin.get("/v1/connections?page_size=200").ok(200);
    for connection in connections["data"].as_array().unwrap() {
        let path = format!(
            "/v1/connections/{}/secrets",
            connection["id"].as_str().unwrap()
        );
        assert_eq!(
            app.admin.get(&path).ok(200)["secrets"]["password"],
            connection["name"]
        );
    }
}

#[test]
fn killed_at_random_it_comes_through_on_sqlite() {
    killed_until_it_is_through(Backend::Sqlite);
}

#[test]
fn killed_at_random_it_comes_through_on_postgres() {
    killed_until_it_is_through(Backend::Postgres);
}
