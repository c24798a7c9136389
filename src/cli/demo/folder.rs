//! The folder of the demo: only its owner can look into it, and it goes when the demo ends, however it does.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use uuid::Uuid;

/// The folder; dropped, it is removed.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn make() -> anyhow::Result<Self> {
        let name = format!("reprieve-demo-{}", Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        // Not recursive: a folder that somebody else prepared is not taken.
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("can't make the folder {}", path.display()))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, and says so if it can't.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        remove(&self.path).with_context(|| format!("can't remove {}", self.path.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = remove(&self.path);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // The story may have written a file meanwhile.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => fs::remove_dir_all(path),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_folder_is_private_and_goes_with_what_is_in_it() {
        let folder = Folder::make().unwrap();
        let path = folder.path().to_owned();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::write(path.join("file"), "text").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
