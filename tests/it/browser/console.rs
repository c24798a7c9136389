//! The console.

use super::*;

const STEPS: [&str; 10] = [
    "one signs in with an API key, and with no other",
    "every page leads on by its navigation and has a way past it",
    "a connection is made, and what is wrong is said at its field",
    "a test that fails says why, and the right password mends it",
    "a link for whoever knows the password is shown once",
    "connections are listed, found and not found, whatever they are called",
    "what hangs on a connection is listed, and its Archive tab says what goes along",
    "a connection goes to the trash only by its name, typed exactly",
    "what is in the trash or nowhere is told so at its old address",
    "a form of a session that has ended changes nothing and leads to the door",
];

// What the pages do to the database is tested in `console` on both; here it is how they look and what scripts add.
#[test]
fn the_console_is_fit_for_everybody() {
    let app = TestApp::start(Backend::Sqlite);
    run(&app, "console.mjs", &STEPS);
}
