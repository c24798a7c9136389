//! The file of the shred log: what is read back, what is tolerated, what is refused.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn log(folder: &tempfile::TempDir) -> ShredLog {
    ShredLog::beside(&KeySource::Folder(folder.path().to_owned()), Path::new("."))
}

fn rows(count: usize) -> Vec<ShredRow> {
    let org_id = OrgId::mint();
    (0..count)
        .map(|_| ShredRow {
            org_id,
            record_id: RecordId::mint(),
            key_epoch: 3,
            shredded_at: Ts::now(),
        })
        .collect()
}

fn read(log: &ShredLog) -> Vec<ShredRow> {
    let mut found = Vec::new();
    log.read(|row| found.push(row)).unwrap();
    found
}

fn append(log: &ShredLog, rows: &[ShredRow]) {
    log.append(&mut Cursor::default(), rows).unwrap();
}

#[test]
fn what_was_appended_is_read_back_once_and_the_file_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let (log, rows) = (log(&folder), rows(5));
    assert_eq!(read(&log), []);
    let mut cursor = Cursor::default();
    log.append(&mut cursor, &rows[..2]).unwrap();
    // Another process adds one that this one has as well.
    append(&log, &rows[1..4]);
    log.append(&mut cursor, &rows[3..]).unwrap();
    assert_eq!(read(&log), rows);
    let mode = fs::metadata(log.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(log.read(|_| {}).unwrap(), cursor);
}

#[test]
fn a_torn_last_line_counts_for_nothing_and_is_cut_off_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (log, rows) = (log(&folder), rows(3));
    append(&log, &rows[..2]);
    let whole = fs::read(log.path()).unwrap();
    for end in 0..whole.len() {
        fs::write(log.path(), &whole[..end]).unwrap();
        let found = read(&log);
        assert!(found == rows[..found.len()], "{end}");
        append(&log, &rows);
        assert_eq!(read(&log), rows, "cut to {end}");
    }
}

#[test]
fn damage_anywhere_else_is_named_by_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let (log, rows) = (log(&folder), rows(3));
    append(&log, &rows);
    let text = fs::read_to_string(log.path()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let changed = |line: usize, new: &str| {
        let mut lines = lines.clone();
        lines[line - 1] = new;
        lines.join("\n") + "\n"
    };
    let other_digit = lines[2].replacen('3', "4", 1);
    let cases = [
        (1, changed(1, "another file")),
        (2, changed(2, "")),
        (3, changed(3, &other_digit)),
        (3, changed(3, lines[2].get(..40).unwrap())),
        (4, changed(4, "\u{0}\u{0}")),
        (4, changed(4, &format!("{} more", lines[3]))),
        (5, format!("{text}{}", "x".repeat(400))),
    ];
    for (line, damaged) in cases {
        fs::write(log.path(), &damaged).unwrap();
        let refusal = log.read(|_| {}).unwrap_err().to_string();
        assert!(
            refusal.contains(&format!("line {line} of")) && refusal.contains("shreds.log"),
            "{refusal}: {damaged}"
        );
        log.append(&mut Cursor::default(), &rows).unwrap_err();
        assert_eq!(fs::read_to_string(log.path()).unwrap(), damaged);
    }
}

#[test]
fn a_file_that_others_can_reach_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (log, rows) = (log(&folder), rows(1));
    append(&log, &rows);
    let refused = |what: &str| {
        let read = log.read(|_| {}).unwrap_err();
        assert!(
            matches!(read, ShredLogError::NotPrivate(_)),
            "{what}: {read}"
        );
        let written = log.append(&mut Cursor::default(), &rows).unwrap_err();
        assert!(
            matches!(written, ShredLogError::NotPrivate(_)),
            "{what}: {written}"
        );
    };
    fs::set_permissions(log.path(), fs::Permissions::from_mode(0o640)).unwrap();
    refused("open to the group");
    fs::remove_file(log.path()).unwrap();
    fs::write(folder.path().join("elsewhere"), "").unwrap();
    symlink("elsewhere", log.path()).unwrap();
    refused("a link");
    fs::remove_file(log.path()).unwrap();
    fs::create_dir(log.path()).unwrap();
    refused("a folder");
}

#[test]
fn a_log_that_was_exchanged_is_read_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let (log, rows) = (log(&folder), rows(4));
    let mut cursor = Cursor::default();
    log.append(&mut cursor, &rows[..3]).unwrap();
    fs::remove_file(log.path()).unwrap();
    append(&log, &rows[..1]);
    log.append(&mut cursor, &rows).unwrap();
    assert_eq!(read(&log), rows);
}

#[test]
fn the_log_lies_beside_the_keys() {
    let data = Path::new("data");
    for (keys, path) in [
        (KeySource::Folder("keys".into()), "keys/shreds.log"),
        (KeySource::File("given/key".into()), "data/shreds.log"),
    ] {
        assert_eq!(ShredLog::beside(&keys, data).path(), Path::new(path));
    }
}
