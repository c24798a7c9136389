//! The first start: an empty database gets the organization `default` and, on SQLite, an admin key.
//!
//! What must stay true: the key is never logged; a key that counts is in its file before the database knows it, so
//! a start that is killed half-way leaves none that nobody has; a key file is never overwritten.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::caller::Caller;
use super::error::Error;
use super::{Services, organizations};
use crate::domain::ids::OrgId;
use crate::store::{Store, StoreResult};

/// What the admin key is called.
const NAME: &str = "admin";

/// Where the admin key goes.
#[derive(Debug, Clone, Copy)]
pub enum KeyTo<'a> {
    /// To a person who looks on: the caller shows it.
    Screen,
    /// To a new file that only its owner can read.
    File(&'a Path),
}

/// What the start found or made.
#[derive(PartialEq, Eq)]
pub enum FirstStart {
    /// The database is in use already.
    No,
    /// There is an organization, but nobody has a key to it.
    KeyMissing,
    /// An admin key was made: show it now, it is not stored.
    KeyToShow(String),
    /// An admin key was made and is in this file.
    KeyWritten(PathBuf),
}

/// Why the first start failed.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    /// The file may hold the key of another database.
    #[error("{} is there already, but this database has no key yet: move the file away and start again", .0.display())]
    FileInTheWay(PathBuf),
    /// The file can't be made.
    #[error("the admin key can't be written to {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The answer of the operating system.
        source: io::Error,
    },
    /// The database refused.
    #[error("the first organization and its key can't be made")]
    Service(#[from] Error),
}

/// Makes what an empty database needs. On PostgreSQL, which several services may share, the first key comes from
/// `reprieve key create`.
pub fn first_start(services: &Services, key_to: KeyTo<'_>) -> Result<FirstStart, FirstStartError> {
    let organization = organizations::ensure_default(services)?;
    if has_key(&services.store, organization.id).map_err(Error::from)? {
        return Ok(FirstStart::No);
    }
    if services.store.sqlite_file().is_none() || organization.name != organizations::DEFAULT {
        return Ok(FirstStart::KeyMissing);
    }
    match key_to {
        KeyTo::Screen => {
            let key = issue(services, organization.id, |_| Ok(()))?;
            Ok(key.map_or(FirstStart::No, FirstStart::KeyToShow))
        }
        KeyTo::File(path) => into_file(services, organization.id, path),
    }
}

/// The file is complete on the disk before the key is committed.
fn into_file(services: &Services, org: OrgId, path: &Path) -> Result<FirstStart, FirstStartError> {
    let refuse = |source: io::Error| FirstStartError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(FirstStartError::FileInTheWay(path.to_owned()));
        }
        Err(error) => return Err(refuse(error)),
    };
    let mut broken = None;
    let made = issue(services, org, |key| {
        write_whole(&mut file, key).map_err(|error| {
            let text = error.to_string();
            broken = Some(error);
            Error::Internal(text)
        })
    });
    match (made, broken) {
        (Ok(Some(_)), _) => {
            sync_folder_of(path).map_err(refuse)?;
            Ok(FirstStart::KeyWritten(path.to_owned()))
        }
        (made, broken) => {
            // No key was made, so the file holds none that works.
            std::fs::remove_file(path).map_err(refuse)?;
            match broken {
                Some(error) => Err(refuse(error)),
                None => made.map(|_| FirstStart::No).map_err(FirstStartError::from),
            }
        }
    }
}

/// Makes the admin key, unless somebody else was faster; `keep` is called before it is committed, again when the
/// transaction is.
fn issue(
    services: &Services,
    org: OrgId,
    mut keep: impl FnMut(&str) -> Result<(), Error>,
) -> Result<Option<String>, Error> {
    services.write_once(&Caller::command_line(org), |tx| {
        if !tx.conn.list_keys(org, None, 1)?.is_empty() {
            return Ok(None);
        }
        let made = organizations::issue_key(tx, NAME, &["*".to_owned()], None)?;
        keep(&made.key)?;
        Ok(Some(made.key))
    })
}

fn has_key(store: &Store, org: OrgId) -> StoreResult<bool> {
    store
        .read(|conn| conn.list_keys(org, None, 1))
        .map(|keys| !keys.is_empty())
}

fn write_whole(file: &mut File, key: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{key}")?;
    file.sync_all()
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    use super::*;
    use crate::domain::clock::Ts;
    use crate::jobs::deliverer::Deliverer;
    use crate::jobs::eraser::Eraser;
    use crate::jobs::shred_writer::ShredWriter;
    use crate::secrets::{KeySource, Vault};
    use crate::service::keys::ParsedKey;
    use crate::store::{DatabaseUrl, migrate};

    fn services(folder: &Path) -> Services {
        let store = Store::open(DatabaseUrl::Sqlite(folder.join("reprieve.db")), 2).unwrap();
        migrate::up(&store).unwrap();
        let vault = Vault::open(&store, KeySource::Folder(folder.join("keys"))).unwrap();
        Services {
            store,
            vault: Arc::new(vault),
            eraser: Eraser::idle(),
            shreds: ShredWriter::of_tests(folder),
            last_use: Arc::default(),
            uses: Arc::default(),
            importer: crate::jobs::importer::Importer::default(),
            prober: crate::service::probe::Prober::default(),
            revoker: crate::jobs::revoker::Revoker::default(),
            deliverer: Deliverer::default(),
            purging: Arc::default(),
            key_times: None,
            sealer: crate::jobs::sealer::Sealer::default(),
            metrics: crate::metrics::Metrics::default(),
            spool: crate::service::transfer::Spool::within(folder),
        }
    }

    fn works(services: &Services, key: &str) -> bool {
        let key = ParsedKey::parse(key).unwrap();
        services
            .store
            .read(|conn| key.authenticate(conn, Ts::now()))
            .is_ok()
    }

    #[test]
    fn an_empty_database_gets_one_key_in_a_file_of_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let services = services(folder.path());
        let path = folder.path().join("admin.key");
        assert!(
            first_start(&services, KeyTo::File(&path)).unwrap()
                == FirstStart::KeyWritten(path.clone())
        );
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(works(&services, text.trim_end()));
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        for key_to in [KeyTo::File(&path), KeyTo::Screen] {
            assert!(first_start(&services, key_to).unwrap() == FirstStart::No);
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_key_for_the_screen_works_and_is_in_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let services = services(folder.path());
        let FirstStart::KeyToShow(key) = first_start(&services, KeyTo::Screen).unwrap() else {
            panic!("no key")
        };
        assert!(works(&services, &key));
    }

    #[test]
    fn a_key_file_is_never_overwritten_and_the_next_start_makes_up_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let services = services(folder.path());
        let path = folder.path().join("admin.key");
        std::fs::write(&path, "of another database").unwrap();
        let refusal = first_start(&services, KeyTo::File(&path)).err().unwrap();
        assert!(matches!(refusal, FirstStartError::FileInTheWay(_)));
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "of another database"
        );
        std::fs::remove_file(&path).unwrap();
        assert!(
            first_start(&services, KeyTo::File(&path)).unwrap() == FirstStart::KeyWritten(path)
        );
    }

    #[test]
    fn a_file_that_can_not_be_made_leaves_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let services = services(folder.path());
        let path = folder.path().join("missing/admin.key");
        assert!(matches!(
            first_start(&services, KeyTo::File(&path)),
            Err(FirstStartError::File { .. })
        ));
        let organization = organizations::ensure_default(&services).unwrap();
        assert!(!has_key(&services.store, organization.id).unwrap());
    }

    #[test]
    fn a_key_whose_file_breaks_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let services = services(folder.path());
        let organization = organizations::ensure_default(&services).unwrap();
        assert!(
            issue(&services, organization.id, |_| Err(Error::Internal(
                "disk full".to_owned()
            )))
            .is_err()
        );
        assert!(!has_key(&services.store, organization.id).unwrap());
    }

    #[test]
    fn an_organization_that_somebody_made_gets_no_key_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let services = services(folder.path());
        let new = organizations::NewOrganization {
            name: "acme".to_owned(),
            display_name: None,
        };
        let caller = Caller::command_line(OrgId::mint());
        services
            .write_once(&caller, |tx| organizations::create_bare(tx, &new))
            .unwrap();
        assert!(first_start(&services, KeyTo::Screen).unwrap() == FirstStart::KeyMissing);
    }
}
