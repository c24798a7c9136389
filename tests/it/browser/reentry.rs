//! The pages of re-entry links.

use super::*;

/// What is done with scripts and without.
const STEPS: [&str; 11] = [
    "a link says what it is for and leads to the form by keyboard alone",
    "what is missing is said at its field, in words and by name",
    "Enter in the field is enough, and the end says that it is one",
    "a wrong password is told with its reason, and the right one after it is tested",
    "several secrets are entered in their order, a key of many lines as it is",
    "a link that was used says so, and so does one of a connection that is gone",
    "a form that another link has overtaken is out of date",
    "a name and a hint are shown as they are: markup",
    "a name and a hint are shown as they are: long",
    "a name and a hint are shown as they are: right-to-left",
    "a name and a hint are shown as they are: emoji",
];

// What the pages do to the database is tested in `reentry` on both; here it is how they look.
#[test]
fn the_pages_of_a_link_are_fit_for_everybody() {
    let app = TestApp::start(Backend::Sqlite);
    run(&app, "reentry.mjs", &STEPS);
}
