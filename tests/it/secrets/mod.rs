//! Secrets: what becomes of them in the database, its files, the answers and the log; the keys they are sealed
//! with; the rules by which they are entered and leave.

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
mod revoked;
mod rotation;
mod sealed_place;
mod settings;

pub(crate) use database::{dump, wait_until_erased};
pub(crate) use key_states::key_folder;
