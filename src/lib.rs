//! Reprieve: a soft-delete trash service with restore for connections.
//!
//! It owns connections with their secrets, the models built on them and the content built on those. Deleting
//! one moves it and everything that hangs on it into the trash in one step and shreds its secrets at once;
//! restoring brings back exactly what that deletion removed. docs/architecture.md is the map.

pub mod app;
pub mod cli;
pub mod config;
pub mod connectors;
pub mod domain;
pub mod http;
pub mod import;
pub mod jobs;
pub mod metrics;
pub mod outbound;
pub mod secrets;
pub mod service;
pub mod store;
