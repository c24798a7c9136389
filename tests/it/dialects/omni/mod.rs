//! Omni, under `/api/v1`.

mod connections;
mod documents;
mod hostile;
mod kinds;
mod kit;
mod models;
mod restore;
mod schema;
mod wire;
