//! Key files that the service refuses to use, each with the reason and its repair.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use super::key_states::{key_folder, refusal, write_key};
use crate::support::*;

type Spoil = fn(&Path, &Path);

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What is done to the folder and its key, and what the refusal says.
const CASES: &[(&str, Spoil, &str)] = &[
    (
        "readable by the group",
        |_, key| mode(key, 0o640),
        "run `chmod 600",
    ),
    (
        "writable by others",
        |_, key| mode(key, 0o602),
        "run `chmod 600",
    ),
    (
        "folder open to the group",
        |folder, _| mode(folder, 0o750),
        "run `chmod 700",
    ),
    (
        "folder searchable by others",
        |folder, _| mode(folder, 0o701),
        "run `chmod 700",
    ),
    (
        "a byte short",
        |_, key| fs::write(key, [7; 31]).unwrap(),
        "holds 31 bytes instead of 32",
    ),
    (
        "a byte long",
        |_, key| fs::write(key, [7; 33]).unwrap(),
        "holds 33 bytes instead of 32",
    ),
    (
        "empty",
        |_, key| fs::write(key, []).unwrap(),
        "holds 0 bytes instead of 32",
    ),
    (
        "zeros",
        |_, key| fs::write(key, [0; 32]).unwrap(),
        "holds zeros only",
    ),
    (
        "a symbolic link to the key itself",
        |folder, key| {
            let elsewhere = folder.with_extension("elsewhere");
            fs::rename(key, &elsewhere).unwrap();
            symlink(&elsewhere, key).unwrap();
        },
        "is a symbolic link",
    ),
    (
        "a folder in its place",
        |_, key| {
            fs::remove_file(key).unwrap();
            fs::create_dir(key).unwrap();
        },
        "is not a regular file",
    ),
    (
        "a name with a leading zero",
        |folder, key| fs::rename(key, folder.join("epoch-01.key")).unwrap(),
        "is not the name of a key file",
    ),
    (
        "a file where the folder should be",
        |folder, _| {
            fs::rename(folder, folder.with_extension("moved")).unwrap();
            fs::write(folder, "x").unwrap();
        },
        "is not a folder",
    ),
];

on_each! {
    fn a_key_file_that_is_not_private_and_whole_is_refused_with_its_repair(backend: Backend) {
        let mut app = TestApp::start(backend);
        let id = app.sample_connection("sealed");
        app.halt();
        let folder = key_folder(&app);
        let key = folder.join("epoch-1.key");
        let own = fs::read(&key).unwrap();
        for (number, (case, spoil, reason)) in CASES.iter().enumerate() {
            spoil(&folder, &key);
            let said = refusal(&app);
            assert!(said.contains("the encryption keys can't be used") && said.contains(reason), "{case}: {said}");
            assert!(said.contains("keys"), "{case}: it names no file: {said}");
            fs::rename(&folder, app.data_dir().join(format!("spoilt-{number}"))).unwrap();
            write_key(&folder, "epoch-1.key", &own);
        }
        app.restart();
        app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200);
    }

    fn a_key_of_another_user_is_refused(backend: Backend) {
        let mut app = TestApp::start(backend);
        app.halt();
        let key = key_folder(&app).join("epoch-1.key");
        if chown(&key, Some(12_345), None).is_ok() {
            assert!(refusal(&app).contains("belongs to user 12345"));
            return;
        }
        // Only root can give a file away; for others there are root's own.
        app.config.keys = reprieve::secrets::KeySource::File("/etc/passwd".into());
        assert!(refusal(&app).contains("belongs to user 0"));
    }
}
