//! The pages as people meet them: a real Chromium, driven by the scripts in `tests/browser`, which look for themselves
//! whether a page is right. Here is what they need, and which steps they must have made.

mod console;
mod reentry;

use crate::support::servers::{OPEN, READER, probed_postgres};
use crate::support::*;

/// Runs a script of `tests/browser`, which makes every step with scripts in the pages and without. There is a PostgreSQL
/// for it that connections may be tested against.
#[track_caller]
fn run(app: &TestApp, script: &str, steps: &[&str]) {
    let steps: Vec<String> = ["with scripts", "without scripts"]
        .iter()
        .flat_map(|how| steps.iter().map(move |step| format!("{how}, {step}")))
        .chain(["nothing was amiss to the end".to_owned()])
        .collect();
    let server = probed_postgres();
    let port = server.port.to_string();
    let env = [
        ("PROBED_PORT", port.as_str()),
        ("PROBED_DATABASE", OPEN),
        ("PROBED_USER", READER),
        ("PROBED_PASSWORD", &server.password),
        ("PROBED_CA", &server.ca),
    ];
    node::drive(app, "tests/browser", script, &steps, &env);
}
