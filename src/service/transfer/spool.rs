//! Private files that nobody but this process can open: a body that arrives, an export that leaves.
//!
//! What must stay true: the file has no name by the time anything is in it, so a process that dies leaves nothing.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// The folder that such files are made in.
#[derive(Debug, Clone)]
pub struct Spool(PathBuf);

impl Spool {
    /// Files go to `spool` in the folder of the service's data, so that they have the disk of the data.
    pub fn within(data_dir: &Path) -> Self {
        Self(data_dir.join("spool"))
    }

    /// A new empty file.
    pub fn file(&self) -> io::Result<File> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)?;
        let path = self.0.join(Uuid::new_v4().to_string());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }
}
