//! The store: its schema on both databases, its settings, its transactions.

mod catalogue;
mod connections;
mod migrations;
mod moves;
mod schema;
mod sqlite;
