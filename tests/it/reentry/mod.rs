//! Re-entry by someone without an API key, as a browser sees it: the link, its button, the form, the end.

mod links;
mod pages;
mod safety;
mod sessions;
mod testing;

use serde_json::Value;

use crate::support::*;

/// What the page says of every link that does not work, whatever the reason.
const GONE: &str = "This link can&#39;t be used any more. Ask for a new one.";
const HINT: &str = "vault: warehouse/exasol";

/// A link that was asked for.
pub(crate) struct Link {
    /// The re-entry session.
    pub(crate) id: String,
    /// The code in it.
    pub(crate) code: String,
    /// Its path.
    pub(crate) path: String,
}

/// A connection of a kind that has no probe, with a secret and where to find it; its id.
#[track_caller]
fn connection(client: &Client, name: &str) -> String {
    let body = json!({
        "name": name,
        "connector": "exasol",
        "settings": {"host": "exasol.example.com", "username": "bi"},
        "secrets": {"password": "before the deletion"},
        "source_hints": {"password": HINT},
    });
    let made = client.post("/v1/connections", &body).ok(201);
    made["id"].as_str().unwrap().to_owned()
}

/// The same, deleted and restored: its secret is missing.
#[track_caller]
pub(crate) fn restored(app: &TestApp, name: &str) -> String {
    let id = connection(&app.admin, name);
    let entry = app.delete_connection(&id);
    app.admin
        .post(&format!("/v1/trash/{entry}/restore"), &json!({}))
        .ok(200);
    id
}

fn path_of(connection: &str) -> String {
    format!("/v1/connections/{connection}/reentry-session")
}

/// Asks for a link.
#[track_caller]
fn link(client: &Client, connection: &str) -> Link {
    let made = client.send("POST", &path_of(connection), None).ok(201);
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    let (id, code, url) = (text("id"), text("code"), text("url"));
    assert_eq!(made["connection_id"], connection);
    assert!(url.ends_with(&format!("/enter/{code}")), "{url}");
    let path = format!("/enter/{code}");
    Link { id, code, path }
}

/// A browser with this cookie, if it has one.
fn browser(app: &TestApp, cookie: Option<&str>) -> Client {
    let browser = app.stranger();
    match cookie {
        Some(cookie) => browser.with("cookie", cookie),
        None => browser,
    }
}

/// Presses the button of a link.
pub(crate) fn press(app: &TestApp, link: &Link) -> Reply {
    browser(app, None)
        .with("content-type", "application/x-www-form-urlencoded")
        .with("sec-fetch-site", "same-origin")
        .send("POST", &link.path, Some(String::new()))
}

/// Follows a link up to the form; the cookie.
#[track_caller]
pub(crate) fn follow(app: &TestApp, link: &Link) -> String {
    let pressed = press(app, link);
    assert_eq!(pressed.status, 303, "{pressed:#?}");
    assert_eq!(pressed.header("location"), Some("/enter"));
    let cookie = pressed.header("set-cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// The page with the form.
pub(crate) fn look(app: &TestApp, cookie: &str) -> Reply {
    browser(app, Some(cookie)).get("/enter")
}

/// What the form carries so that no other page can send one.
#[track_caller]
fn token(page: &Reply) -> String {
    let after = page.text.split("name=\"csrf\" value=\"").nth(1);
    let token = after.unwrap_or_else(|| panic!("no token: {page:#?}"));
    token.split('"').next().unwrap().to_owned()
}

/// A form as a browser writes it.
fn form(fields: &[(&str, &str)]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        form.append_pair(name, value);
    }
    form.finish()
}

/// Sends a form as it is.
fn send(client: &Client, body: String) -> Reply {
    client
        .with("content-type", "application/x-www-form-urlencoded")
        .send("POST", "/enter", Some(body))
}

/// Fills in the form and sends it.
#[track_caller]
pub(crate) fn enter(app: &TestApp, cookie: &str, secrets: &[(&str, &str)]) -> Reply {
    let token = token(&look(app, cookie));
    let names: Vec<(String, &str)> = secrets
        .iter()
        .map(|(key, value)| (format!("secret.{key}"), *value))
        .collect();
    let mut fields = vec![("csrf", token.as_str())];
    fields.extend(names.iter().map(|(name, value)| (name.as_str(), *value)));
    let browser = browser(app, Some(cookie)).with("sec-fetch-site", "same-origin");
    send(&browser, form(&fields))
}

#[track_caller]
pub(crate) fn is_gone(reply: &Reply) {
    assert_eq!(reply.status, 410, "{reply:#?}");
    assert!(reply.text.contains(GONE), "{reply:#?}");
}

pub(crate) fn secrets_of(app: &TestApp, connection: &str) -> Reply {
    app.admin
        .get(&format!("/v1/connections/{connection}/secrets"))
}

fn status_of(app: &TestApp, connection: &str) -> Value {
    app.admin
        .get(&format!("/v1/connections/{connection}"))
        .ok(200)["status"]
        .clone()
}

on_both! {
    fn whoever_has_the_link_enters_what_is_missing_without_a_key(app: &TestApp) {
        let id = restored(app, "exasol prod");
        let made = app.admin.send("POST", &path_of(&id), None);
        assert_eq!(made.header("connection"), Some("close"));
        assert_eq!(made.header("location"), Some(path_of(&id).as_str()));
        let session = made.ok(201);
        assert_eq!(session["missing"], json!(["password"]));
        let code = session["code"].as_str().unwrap();
        assert_eq!(session["url"], format!("http://{}/enter/{code}", app.address()));
        let (code, id_of_session) = (code.to_owned(), session["id"].as_str().unwrap().to_owned());
        let link = Link { path: format!("/enter/{code}"), code, id: id_of_session };

        let page = browser(app, None).get(&link.path);
        assert_eq!(page.status, 200);
        assert!(page.text.contains("Continue") && !page.text.contains("exasol"), "{page:#?}");
        let cookie = follow(app, &link);
        let page = look(app, &cookie);
        assert_eq!(page.status, 200);
        for words in ["exasol prod", "Exasol connection", "Password", "(required)", HINT, "Removed when this connection was deleted."] {
            assert!(page.text.contains(words), "{words}: {page:#?}");
        }

        let done = enter(app, &cookie, &[("password", "known to a person")]);
        assert_eq!(done.status, 200, "{done:#?}");
        assert!(done.text.contains("Thank you") && done.text.contains("saved") && done.text.contains("exasol prod"), "{done:#?}");
        assert_eq!(done.header("connection"), Some("close"));
        assert_eq!(secrets_of(app, &id).ok(200)["secrets"], json!({"password": "known to a person"}));
        assert_eq!(status_of(app, &id), "untested");
        let shown = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        assert_eq!(shown["secrets"]["password"]["last_set_by"], format!("reentry:{}", link.id));
        is_gone(&look(app, &cookie));
    }

    fn every_step_is_on_record(app: &TestApp) {
        let id = restored(app, "recorded");
        let before = app.sql().count("audit_events WHERE announced");
        let link = link(&app.admin, &id);
        let cookie = follow(app, &link);
        enter(app, &cookie, &[("password", "x")]);
        let steps = ["connection.reentry_created", "connection.reentry_opened", "connection.credentials_entered", "connection.reentry_ended"];
        for step in steps {
            assert_eq!(app.sql().count(&format!("audit_events WHERE announced AND action = '{step}'")), 1, "{step}");
        }
        assert_eq!(app.sql().count("audit_events WHERE announced") - before, 4);
        let by_session = format!("audit_events WHERE actor_id = 'reentry:{}' AND key_id IS NULL AND address = '127.0.0.1'", link.id);
        assert_eq!(app.sql().count(&by_session), 3);
    }

    fn a_link_is_shown_once_and_stored_nowhere(app: &TestApp) {
        let id = restored(app, "once");
        let client = app.admin.with("idempotency-key", "a-link");
        let made = client.send("POST", &path_of(&id), None).ok(201);
        let again = client.send("POST", &path_of(&id), None).problem(409, "secret_already_shown");
        assert_eq!(again["location"], path_of(&id));
        let secret = made["code"].as_str().unwrap().rsplit('_').next().unwrap().to_owned();
        assert_eq!(secret.len(), 64);
        for (table, content) in crate::secrets::dump(app) {
            assert!(!content.contains(&secret), "{table} holds the code");
        }
        assert_eq!(app.sql().count("connect_sessions"), 1, "the repetition opened no other");
    }
}
