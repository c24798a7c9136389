//! Looking for bytes that should be gone: any 12 in a row of what was stored, in any file.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Promise 4 speaks of windows of so many bytes.
const WINDOW: usize = 12;
/// The format and the epoch at the head of a record are the same for all.
const COMMON_HEAD: usize = 5;

/// What to look for.
#[derive(Default)]
pub(super) struct Sought {
    windows: HashMap<[u8; WINDOW], usize>,
    /// Which first three bytes a window has: most of a file is passed over by it.
    heads: Vec<bool>,
    names: Vec<String>,
}

impl Sought {
    /// The nonces, the wrapped key, the ciphertext and the tags of a sealed record.
    pub(super) fn record(&mut self, name: &str, record: &[u8]) {
        self.add(name, &record[COMMON_HEAD..]);
    }

    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) {
        self.heads.resize(1 << 24, false);
        let victim = self.names.len();
        self.names.push(name.to_owned());
        for window in bytes.windows(WINDOW) {
            self.heads[head(window)] = true;
            self.windows.insert(window.try_into().unwrap(), victim);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The names of those of which something stands in one of the files.
    pub(super) fn found_in(&self, files: &[PathBuf]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for file in files {
            let content = match std::fs::read(file) {
                Ok(content) => content,
                // A table's old file may go between the listing and the reading.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => panic!("{} can't be read: {error}", file.display()),
            };
            for window in content.windows(WINDOW) {
                if self.heads[head(window)]
                    && let Some(victim) = self.windows.get(window)
                {
                    found.insert(self.names[*victim].clone());
                }
            }
        }
        found
    }
}

fn head(window: &[u8]) -> usize {
    usize::from(window[0]) << 16 | usize::from(window[1]) << 8 | usize::from(window[2])
}

/// Every file of a folder.
pub(super) fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| {
        panic!(
            "{} can't be read ({error}): this test looks into the database server's own files, so it has to run on \
             the server's machine by a user who may read them, as scripts/test arranges",
            folder.display()
        )
    });
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect()
}

/// A text of so many bytes that no other is like.
pub(super) fn random_text(length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        text.push_str(&uuid::Uuid::new_v4().simple().to_string());
    }
    text.truncate(length);
    text
}
