//! The behaviour tests: one binary, every behaviour on both databases.
//!
//! `scripts/test` starts the PostgreSQL that half of them need. `on_both!` makes two tests of one body.

#![cfg(test)]

#[macro_use]
mod support;

mod docs;
mod main_job;
mod trash;
