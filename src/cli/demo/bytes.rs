//! Looking for bytes in the files of the database, as somebody would who took the disk.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

/// Promise 4 speaks of windows of so many bytes.
const WINDOW: usize = 12;
/// The format and the epoch at the head of a sealed record are the same for all.
const COMMON_HEAD: usize = 5;

/// How many of these texts have a window of bytes in one of the files of the folder.
pub(super) fn found(folder: &Path, sought: &[&[u8]]) -> anyhow::Result<usize> {
    let mut windows: HashMap<&[u8], usize> = HashMap::new();
    // Most of a file is passed over by its first byte pairs.
    let mut heads = HashSet::new();
    for (number, bytes) in sought.iter().enumerate() {
        for window in bytes.windows(WINDOW) {
            windows.insert(window, number);
            heads.extend(window.first_chunk::<2>().copied());
        }
    }
    let mut found = HashSet::new();
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|path| path.is_file());
    // The write-ahead log first: a checkpoint takes what is in it to the database's file, and never back.
    files.sort_by_key(|path| !path.to_string_lossy().ends_with("-wal"));
    for path in files {
        let content = fs::read(&path)?;
        for window in content.windows(WINDOW) {
            let candidate = window
                .first_chunk::<2>()
                .is_some_and(|head| heads.contains(head));
            if candidate && let Some(number) = windows.get(window) {
                found.insert(*number);
            }
        }
    }
    Ok(found.len())
}

/// What is a sealed record's own.
pub(super) fn own(record: &[u8]) -> &[u8] {
    record.get(COMMON_HEAD..).unwrap_or_default()
}

/// The first bytes of what is a record's own, to look at.
pub(super) fn first(record: &[u8]) -> String {
    let bytes: Vec<String> = own(record)
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    bytes.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_bytes_is_found_in_any_file_and_less_is_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one"), b"....the password is long.....").unwrap();
        fs::write(folder.path().join("two"), b"another").unwrap();
        let here: &[u8] = b"the password is long";
        let part: &[u8] = b"xxxxxpassword is xxxxx";
        let too_short: &[u8] = b"xxxxxpassword ixxxxx";
        let other: &[u8] = b"what is not there at all";
        assert_eq!(
            found(folder.path(), &[here, part, too_short, other]).unwrap(),
            2
        );
    }
}
