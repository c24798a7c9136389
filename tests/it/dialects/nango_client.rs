//! Nango's own published clients, `@nangohq/node` and `@nangohq/frontend`, against a running service: they know nothing
//! of Reprieve but its address and a key.

use crate::support::{Backend, TestApp, node};

/// What the script drives, in its order.
const STEPS: [&str; 13] = [
    "a provider is found",
    "integrations are made, listed, read and changed",
    "connections are imported",
    "a connection is found in the list, by search and by its end user",
    "a connection is read with its credentials",
    "its metadata is replaced and merged",
    "it is changed",
    "an end user connects in a session, by the browser client",
    "a session is read and ended",
    "a connection is deleted, and once alone",
    "it comes back without its key, which its end user enters again",
    "an integration is deleted with its connections",
    "a key that is none is told so",
];

on_both! {
    fn the_published_clients_of_nango_find_everything_as_they_know_it(app: &TestApp) {
        node::drive(app, "tests/clients/nango", "drive.mjs", &STEPS.map(str::to_owned), &[]);
    }
}
