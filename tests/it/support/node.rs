//! Scripts for Node.js that drive a running service, as its users would. They lie outside of `tests/it`, each folder with
//! its packages as its lock file pins them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use super::TestApp;

/// Runs a script against a service; the steps that it says it has made must be these. It finds the service by
/// `REPRIEVE_URL` and `REPRIEVE_KEY`, and what else it needs in `env`.
#[track_caller]
pub(crate) fn drive(
    app: &TestApp,
    folder: &str,
    script: &str,
    steps: &[String],
    env: &[(&str, &str)],
) {
    let output = Command::new("node")
        .arg(script)
        .current_dir(installed(folder))
        .env("REPRIEVE_URL", format!("http://{}", app.address()))
        .env("REPRIEVE_KEY", app.admin.key())
        .envs(env.iter().copied())
        .output()
        .expect("node: scripts/test installs it");
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<&str> = said.lines().collect();
    let expected: Vec<String> = steps.iter().map(|step| format!("ok {step}")).collect();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{script}: {stderr}\nIt went well up to here: {said:#?}"
    );
    assert_eq!(said, expected, "{stderr}");
}

/// A folder of scripts, with its packages.
fn installed(folder: &str) -> PathBuf {
    static ONE_AT_A_TIME: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);
    let _turn = ONE_AT_A_TIME.lock().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    // What npm writes last of all. A lock file that came later has other packages in it.
    let written = |name: &str| folder.join(name).metadata().ok()?.modified().ok();
    if written("node_modules/.package-lock.json") < written("package-lock.json") {
        let output = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output()
            .expect("npm: scripts/test installs it with Node");
        assert!(output.status.success(), "npm ci: {output:?}");
    }
    folder
}
