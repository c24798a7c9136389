//! Metrics: a listener of their own, what is counted, what a scrape looks up, the page that lists it.

mod counts;
mod figures;
mod format;
mod listener;
mod page;
mod requests;

use self::format::Scrape;
use crate::support::*;

/// A service with metrics.
fn started(backend: Backend) -> TestApp {
    TestApp::start_with(backend, |config| {
        config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
    })
}

/// A client of the metrics' listener, without a key.
fn watcher(app: &TestApp) -> Client {
    Client::new(app.metrics_address(), "")
}

/// What a scrape answers, read strictly.
#[track_caller]
fn scrape(app: &TestApp) -> Scrape {
    let reply = watcher(app).get("/metrics");
    assert_eq!(reply.status, 200, "{reply:#?}");
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(reply.header("content-type"), Some(kind));
    Scrape::read(&reply.text)
}

/// Waits until a scrape says so: what it finds in the database is a moment old.
#[track_caller]
fn wait_for(app: &TestApp, name: &str, labels: &[(&str, &str)], value: f64) {
    TestApp::wait_for(&format!("{name} {labels:?} to be {value}"), || {
        scrape(app).find(name, labels) == Some(value)
    });
}

/// Asserts a value, by name and labels.
macro_rules! assert_value {
    ($scrape:expr, $name:literal { $($label:ident = $value:expr),* }, $expected:expr) => {{
        let labels: &[(&str, &str)] = &[$((stringify!($label), $value)),*];
        let found: f64 = $scrape.value($name, labels);
        let expected: f64 = f64::from($expected);
        assert!((found - expected).abs() < 1e-9, "{} {labels:?} is {found}, not {expected}", $name);
    }};
}
use assert_value;
