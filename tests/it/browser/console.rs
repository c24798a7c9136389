//! The console.

use super::*;

// What the pages do to the database is tested in `console` on both; here it is how they look and what scripts add.

#[test]
fn the_console_is_fit_for_everybody() {
    let app = TestApp::start(Backend::Sqlite);
    run(
        &app,
        "console.mjs",
        &[
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
        ],
    );
}

#[test]
fn the_trash_is_fit_for_everybody() {
    let app = TestApp::start(Backend::Sqlite);
    run(
        &app,
        "trash.mjs",
        &[
            "an empty trash says what it is for",
            "what was deleted is listed with what went along, who did it, and when it goes",
            "an entry is found by its kind, its name and who deleted it",
            "an entry says what went with it, what broke and what a restore does not bring back",
            "the receipt of a deletion can be taken along",
            "a hold keeps an entry from being deleted, by its reason",
            "an entry is deleted for good only by its name, typed exactly",
            "several are restored at once, and what could not says why",
            "several are deleted for good only by a word of their own",
            "a name that is taken meanwhile is asked for, with a free one filled in",
            "a model comes back with what it belongs to, or into another connection",
            "what was restored or purged in another window is told so",
            "Undo takes a deletion back from where one stands",
            "a restored connection asks for its password, is tested, and works",
        ],
    );
}

#[test]
fn activity_and_settings_are_fit_for_everybody() {
    let app = TestApp::start(Backend::Sqlite);
    run(
        &app,
        "settings.mjs",
        &[
            "Activity tells who did what and when, and leads to it",
            "the retention is changed, and what is wrong is said at its field",
            "a webhook is made, its secret is shown once, and its deliveries are told",
            "an API key is made for somebody who may only look, and is shown once",
            "whoever may only look is shown nothing that they may not do",
            "a mass deletion raises an alarm above every page, and the brake is released by hand",
            "whoever signs out is out",
        ],
    );
}
