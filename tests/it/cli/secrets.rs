//! Entering secrets from the command line, without a terminal.

use super::people::Ways;
use crate::support::*;

fn lost(app: &TestApp, name: &str) -> String {
    let id = app.sample_connection(name);
    let entry = app.delete_connection(&id);
    app.admin
        .post(&format!("/v1/trash/{entry}/restore"), &json!({}))
        .ok(200);
    id
}

on_both! {
    fn secrets_come_from_files_or_stdin_and_never_show(app: &TestApp) {
        for (way, machine) in Ways::to(app).both() {
            let id = lost(app, way);
            let stored = || app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200)["secrets"]["password"].clone();
            std::fs::write(machine.path("password"), "  from a file\n\r\n").unwrap();
            let done = machine.run(&["connection", "secrets", way, "--from-file", "password=password"]).ok();
            assert_eq!(done, format!("The connection {way} has what it needs and is untested now.\n"));
            assert_eq!(stored(), "  from a file\n", "{way}");

            let document = r#"{"password": "from \"stdin\"\n"}"#;
            let answer = machine.run_with(&["connection", "secrets", way, "--json"], document).ok();
            assert_eq!(answer, app.admin.get(&format!("/v1/connections/{id}")).text + "\n");
            assert_eq!(stored(), "from \"stdin\"\n", "{way}");

            let done = machine.run_with(&["connection", "secrets", way], r#"{"password": null}"#).ok();
            assert_eq!(done, format!("The connection {way} still needs password.\n"));
            let shown = machine.run(&["connection", "show", way]).ok();
            assert!(shown.contains("missing") && shown.contains(&format!("reprieve connection secrets {id}")), "{shown}");
        }
    }

    fn a_secret_that_is_refused_is_not_repeated(app: &TestApp) {
        let ways = Ways::to(app);
        lost(app, "prod");
        let args = ["connection", "secrets", "prod"];
        for (way, machine) in ways.both() {
            for (stdin, code, words) in [
                ("", 2, "--from-file FIELD=PATH"),
                ("hunter2", 1, "one JSON object"),
                ("\"hunter2\"", 1, "one JSON object"),
                (r#"{"password": 17171717}"#, 1, "one JSON object"),
                (r#"{"password": "hunter2""#, 1, "one JSON object"),
                (r#"{"password": ""}"#, 1, "one JSON object"),
                (r#"{"token": "hunter2"}"#, 1, "secrets/token: The connector postgres declares no such secret."),
                (&format!(r#"{{"password": "{}"}}"#, "hunter2".repeat(10_000)), 1, "stdin can't be read: it is longer than"),
            ] {
                let done = machine.run_with(&args, stdin);
                done.refused(code, &[words]);
                assert!(!done.stderr.contains("hunter2") && !done.stderr.contains("1717"), "{way}: {done:#?}");
            }
            std::fs::write(machine.path("empty"), "\n").unwrap();
            std::fs::write(machine.path("long"), "hunter2".repeat(3_000)).unwrap();
            std::fs::write(machine.path("bytes"), [b'h', 0xff]).unwrap();
            for (file, words) in [
                ("empty", "empty: a secret must not be empty"),
                ("long", "long can't be read as a secret: it is longer than"),
                ("bytes", "it is not UTF-8 text"),
                ("missing", "missing can't be read"),
            ] {
                let done = machine.run(&["connection", "secrets", "prod", "--from-file", &format!("password={file}")]);
                done.refused(1, &[words]);
                assert!(!done.stderr.contains("hunter2"), "{way}: {done:#?}");
            }
            machine.run(&["connection", "secrets", "prod", "--from-file", "password=a", "--field", "password"]).refused(2, &["cannot be used with"]);
        }
        let status = app.admin.get("/v1/connections?name=prod").ok(200)["data"][0]["status"].clone();
        assert_eq!(status, "needs_credentials");
    }

    fn neither_key_nor_secret_is_in_the_most_talkative_log(app: &TestApp) {
        lost(app, "prod");
        for (way, machine) in Ways::to(app).both() {
            let done = machine.run_with(&["connection", "secrets", "prod", "--log-level", "trace"], r#"{"password": "hunter2"}"#);
            assert_eq!(done.code, Some(0), "{way}: {done:#?}");
            assert!(way == "database" || done.stderr.contains("PUT"), "{way}: {done:#?}");
            let key = app.admin.key().rsplit('_').next().unwrap();
            assert!(!done.stderr.contains("hunter2") && !done.stderr.contains(key), "{way}: {done:#?}");
        }
    }
}
