//! Secrets: what becomes of them in the database, its files, the answers and the log; the keys they are sealed
//! with; the rules by which they are entered and leave.

/// Makes a test on each database of a body that starts its services itself.
macro_rules! on_each {
    ($(fn $name:ident($backend:ident: Backend) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, reason = "not every body needs all of them")]
            use super::*;

            fn check($backend: Backend) $body

            #[test]
            fn on_sqlite() {
                check(Backend::Sqlite);
            }

            #[test]
            fn on_postgres() {
                check(Backend::Postgres);
            }
        }
    )+};
}

mod bytes;
mod canary;
mod database;
mod destination;
mod entering;
mod files_postgres;
mod files_sqlite;
mod key_files;
mod key_states;
mod reading;
mod sealed_place;
mod settings;

pub(crate) use database::{dump, wait_until_erased};
