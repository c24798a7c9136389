//! Nango's own published clients, `@nangohq/node` and `@nangohq/frontend`, against a running service: they know nothing
//! of Reprieve but its address and a key.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use crate::support::*;

/// What the script drives, in its order.
const STEPS: [&str; 13] = [
    "a provider is found",
    "integrations are made, listed, read and changed",
    "connections are imported",
    "a connection is found in the list, by search and by its end user",
    "a connection is read with its credentials",
    "its metadata is replaced and merged",
    "it is changed",
    "an end user connects in a session, by the browser client",
    "a session is read and ended",
    "a connection is deleted, and once alone",
    "it comes back without its key, which its end user enters again",
    "an integration is deleted with its connections",
    "a key that is none is told so",
];

/// The script's folder, with the clients as the lock file pins them.
fn folder() -> PathBuf {
    static INSTALLED: Once = Once::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/nango");
    INSTALLED.call_once(|| {
        if folder.join("node_modules/.package-lock.json").exists() {
            return;
        }
        let output = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output()
            .expect("npm: scripts/test installs it with Node");
        assert!(output.status.success(), "npm ci: {output:?}");
    });
    folder
}

on_both! {
    fn the_published_clients_of_nango_find_everything_as_they_know_it(app: &TestApp) {
        let output = Command::new("node")
            .arg("drive.mjs")
            .current_dir(folder())
            .env("REPRIEVE_URL", format!("http://{}", app.address()))
            .env("REPRIEVE_KEY", app.admin.key())
            .output()
            .expect("node: scripts/test installs it");
        let said = String::from_utf8(output.stdout).unwrap();
        let steps: Vec<&str> = said.lines().collect();
        let expected: Vec<String> = STEPS
            .iter()
            .map(|step| format!("ok {step}"))
            .chain(["done".to_owned()])
            .collect();
        assert_eq!(steps, expected, "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success());
    }
}
