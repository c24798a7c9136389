//! The pages as people meet them: a real Chromium, driven by the scripts in `tests/browser`, which look for themselves
//! whether a page is right. Here is what they need, and which steps they must have made.

mod reentry;

use crate::support::*;

/// Runs a script of `tests/browser`.
#[track_caller]
fn run(app: &TestApp, script: &str, steps: &[String], env: &[(&str, &str)]) {
    let end = "nothing was amiss to the end".to_owned();
    let steps: Vec<String> = steps.iter().cloned().chain([end]).collect();
    node::drive(app, "tests/browser", script, &steps, env);
}
