//! `reprieve webhook`, on a database and on a server.

use super::*;
use crate::cli::people::Ways;

on_both! {
    fn the_command_line_makes_shows_tests_and_deletes_on_a_database_and_on_a_server(app: &TestApp) {
        let mut ways = Ways::to(app);
        // On the database the program itself sends the test, by its own configuration.
        let file = ways.database.path("reprieve.toml");
        std::fs::write(&file, "allow_cidrs = [\"127.0.0.0/8\"]\n").unwrap();
        ways.database = ways.database.with("REPRIEVE_CONFIG", file.to_str().unwrap());
        for (way, machine) in ways.both() {
            let receiver = Receiver::start(&[TAKEN]);
            let made = machine.run_with(
                &["webhook", "create", "-", "--description", way, "--type", "trash.held", "--type", "connection.created"],
                &format!("{}\n", receiver.url()),
            );
            assert!(made.stderr.contains("it is not shown again"), "{made:#?}");
            let made = made.ok();
            let word = |label: &str| {
                let line = made.lines().find_map(|line| line.trim().strip_prefix(label));
                line.unwrap_or_else(|| panic!("no {label} in {made}")).trim().to_owned()
            };
            let endpoint = Endpoint { id: word("id "), secret: word("signing secret ") };
            let view = endpoint.view(app);
            assert_eq!((&view["description"], &view["types"]), (&json!(way), &json!(["trash.held", "connection.created"])));

            let list = ways.ok(&["webhook", "list"]);
            assert!(list.contains(&endpoint.id) && list.contains("trash.held connection.created") && list.contains("enabled"), "{list}");
            let show = ways.ok(&["webhook", "show", &endpoint.id]);
            assert!(show.contains(&receiver.url()) && !show.contains("whsec_"), "{show}");
            assert_eq!(ways.ok(&["webhook", "show", &endpoint.id, "--json"]), app.admin.get(&endpoint.path()).text + "\n");

            assert_eq!(machine.run(&["webhook", "test", &endpoint.id]).ok(), "delivered (status 204): The endpoint took it.\n");
            assert_eq!(receiver.waits_for(1)[0].signatures_by(&endpoint.secret), 1);
            receiver.says(&[status(500)]);
            let refused = machine.run(&["webhook", "test", &endpoint.id]);
            assert_eq!((refused.code, refused.stdout.starts_with("refused (status 500)")), (Some(1), true), "{refused:#?}");

            receiver.says(&[TAKEN]);
            connect(&app.admin, way);
            endpoint.waits_until_all_are(app, "delivered");
            let deliveries = ways.ok(&["webhook", "deliveries", &endpoint.id]);
            assert!(deliveries.contains("connection.created") && deliveries.contains("delivered 204"), "{deliveries}");
            assert_eq!(ways.database.run(&["webhook", "deliveries", &endpoint.id, "--state", "failed"]).ok(), "");
            let event = endpoint.deliveries(&app.admin)[0]["event_id"].as_str().unwrap().to_owned();
            machine.run(&["webhook", "replay", &endpoint.id, "--event", &event]).ok();
            assert_eq!(receiver.waits_for(4)[3].id(), format!("evt_{event}"));
            endpoint.waits_until_all_are(app, "delivered");
            assert_eq!(machine.run(&["webhook", "replay", &endpoint.id]).ok(), "0 deliveries to send again.\n");

            let rotated = machine.run(&["webhook", "rotate", &endpoint.id, "--json"]).ok();
            let rotated: Value = serde_json::from_str(&rotated).unwrap();
            assert_ne!(rotated["signing_secret"], endpoint.secret.as_str());
            assert!(machine.run(&["webhook", "disable", &endpoint.id]).ok().contains("disabled (by_hand)"));
            assert!(machine.run(&["webhook", "enable", &endpoint.id]).ok().contains("enabled"));
            machine.run(&["webhook", "delete", &endpoint.id]).refused(2, &["--yes"]);
            machine.run(&["webhook", "delete", &endpoint.id, "--yes"]).ok();
            ways.refused(1, &["webhook", "show", &endpoint.id], &["There is no webhook endpoint with this id"]);
        }
        assert_eq!(app.sql().count("secrets WHERE owner_kind = 'webhook'"), 0);
        ways.refused(1, &["webhook", "create", "https://a.example.com/", "--type", "nothing"], &["types/0"]);
    }
}
