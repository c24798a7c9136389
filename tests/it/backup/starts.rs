//! Starts with a log: of several replicas, of another database, of one whose keyring was missing.

use std::fs;

use reprieve::service::shreds;

use super::*;

on_each! {
    fn a_database_that_is_not_behind_its_log_is_left_alone(backend: Backend) {
        let mut app = TestApp::start(backend);
        let ids: Vec<String> = (0..3).map(|number| app.sample_connection(&format!("c {number}"))).collect();
        app.delete_connection(&ids[0]);
        app.admin.put(&format!("/v1/connections/{}/secrets", ids[1]), &json!({"secrets": {"password": "second"}})).ok(200);
        wait_for_lines(&app, 2);
        let events = app.sql().count("audit_events WHERE announced");
        for _ in 0..3 {
            app.restart();
        }
        assert_eq!(app.sql().count("audit_events WHERE announced"), events);
        assert_eq!(lines(&app).len(), 2);
        for (id, password) in [(&ids[1], "second"), (&ids[2], "correct horse battery staple")] {
            let secrets = app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200);
            assert_eq!(secrets["secrets"]["password"], password);
        }
    }

    fn a_replica_whose_log_is_older_than_a_week_is_not_taken_for_a_newer_one(backend: Backend) {
        let mut app = TestApp::start(backend);
        for name in ["old", "new"] {
            app.delete_connection(&app.sample_connection(name));
        }
        wait_for_lines(&app, 2);
        app.halt();
        // Its log ends with the older line, whose row has left the table since; its year shows that it is old.
        let old = lines(&app)[0].split(' ').nth(2).unwrap().to_owned();
        app.sql().run(&format!("DELETE FROM shreds WHERE CAST(record_id AS text) = '{old}'"));
        let writer = reprieve::secrets::shred_log::ShredLog::beside(&app.config.keys, app.data_dir());
        let row = reprieve::store::rows::ShredRow {
            org_id: app.org,
            record_id: reprieve::domain::ids::RecordId::parse(&old).unwrap(),
            key_epoch: 1,
            shredded_at: reprieve::domain::clock::Ts::parse("2020-01-01T00:00:00Z").unwrap(),
        };
        fs::remove_file(log_file(&app)).unwrap();
        writer.append(&mut reprieve::secrets::shred_log::Cursor::default(), &[row]).unwrap();
        app.restart();
        assert_eq!(actions(&app, "organization.restored_from_backup"), 0);
    }

    fn a_new_database_with_the_log_of_a_former_one_starts(backend: Backend) {
        let mut app = TestApp::start(backend);
        app.delete_connection(&app.sample_connection("former"));
        wait_for_lines(&app, 1);
        app.halt();
        app.config.database = if backend == Backend::Sqlite {
            DatabaseUrl::Sqlite(app.data_dir().join("fresh.db"))
        } else {
            let database = TestDatabase::create_empty();
            let url = DatabaseUrl::parse(&database.url).unwrap();
            app.databases.push(database);
            url
        };
        app.restart();
        let org = reprieve::service::organizations::ensure_default(&app.services).unwrap().id;
        let admin = app.stranger().with("authorization", &format!("Bearer {}", issue(&app.services, org, &["*"])));
        let id = admin.post("/v1/connections", &postgres_connection("fresh")).ok(201)["id"].as_str().unwrap().to_owned();
        app.restart();
        assert_eq!(actions(&app, "organization.restored_from_backup"), 0);
        assert_eq!(alarms(&app), Vec::<String>::new());
        let admin = app.stranger().with("authorization", &format!("Bearer {}", issue(&app.services, org, &["*"])));
        admin.get(&format!("/v1/connections/{id}/secrets")).ok(200);
    }

    fn replicas_that_start_together_shred_each_secret_once(backend: Backend) {
        let mut app = TestApp::start(backend);
        let ids: Vec<String> = (0..50).map(|number| {
            app.admin.post("/v1/connections", &postgres_connection(&format!("c {number}"))).ok(201)["id"].as_str().unwrap().to_owned()
        }).collect();
        let backup = Backup::of(&app);
        for id in &ids {
            app.delete_connection(id);
        }
        wait_for_lines(&app, 50);
        app.halt();
        backup.restore(&mut app);
        let open = || reprieve::app::open_services(&app.config).unwrap();
        let replicas = [open(), open(), open()];
        let shredded: usize = std::thread::scope(|scope| {
            let starts: Vec<_> = replicas.iter().map(|services| scope.spawn(|| shreds::apply(services).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap().secrets).sum()
        });
        assert_eq!(shredded, 50);
        drop(replicas);
        app.restart();
        assert_eq!(actions(&app, "connection.shredded_again"), 50);
        assert_eq!(app.sql().count("secrets"), 0);
        assert_eq!(app.sql().count("connections WHERE status = 'needs_credentials'"), 50);
    }

    fn a_keyring_that_comes_back_brings_its_log_before_a_secret_opens(backend: Backend) {
        let mut app = TestApp::start(backend);
        let id = app.sample_connection("gone");
        let kept = app.sample_connection("kept");
        let backup = Backup::of(&app);
        app.delete_connection(&id);
        wait_for_lines(&app, 1);
        app.halt();
        let (keys, away) = (app.data_dir().join("keys"), app.data_dir().join("away"));
        fs::rename(&keys, &away).unwrap();
        backup.put_back(&mut app);
        let path = format!("/v1/connections/{id}/secrets");
        app.admin.get(&path).problem(503, "locked");
        fs::rename(&away, &keys).unwrap();
        app.stranger().get("/readyz").ok(200);
        app.admin.get(&path).problem(409, "needs_credentials");
        app.admin.get(&format!("/v1/connections/{kept}/secrets")).ok(200);
    }
}
