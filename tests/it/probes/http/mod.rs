//! Probes that speak HTTP, against an HTTP server of the test's own (actix, on a free port) that behaves as the tested
//! service is documented to. Nothing here has seen the real services but for ClickHouse: docs/connectors.md.

mod clickhouse;
mod credentials;
mod databricks;
mod hostile;
mod kit;
mod oauth;
mod services;
mod snowflake;
mod statuses;
mod through_the_api;
mod tls;
mod trino;
