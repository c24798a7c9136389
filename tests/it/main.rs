//! The behaviour tests: one binary, every behaviour on both databases.
//!
//! `scripts/test` starts the PostgreSQL that half of them need. `on_both!` makes two tests of one body.

#![cfg(test)]
#![expect(
    clippy::too_many_lines,
    reason = "tables of cases and whole stories read best in one piece"
)]

#[macro_use]
mod support;

mod api;
mod audit;
mod backup;
mod browser;
mod bulk;
mod canary;
mod cli;
mod console;
mod dialects;
mod docs;
mod history;
mod import;
mod integrations;
mod kill;
mod main_job;
mod metrics;
mod model;
mod probes;
mod races;
mod receipts;
mod records;
mod reentry;
mod retention;
mod revocation;
mod secrets;
mod store;
mod transfer;
mod trash;
mod uses;
mod webhooks;
