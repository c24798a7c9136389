//! What belongs to a secret in the forms of a connection: where to find it, and removing it.

use super::connections::version;
use super::*;

const HINT: &str = "1Password, vault <b>\"Sales\"</b>";
/// By these the contract of the console finds the fields of secrets.
const WORDS: [&str; 7] = [
    "password",
    "passphrase",
    "secret",
    "private key",
    "access key",
    "token",
    "credential",
];

/// What the settings form of a PostgreSQL connection carries whatever is entered beside it.
const POSTGRES: &[(&str, &str)] = &[
    ("name", "Warehouse"),
    ("external_id", ""),
    ("setting.host", "db.example.com"),
    ("setting.database", "sales"),
    ("setting.username", "bi"),
    ("do", "save"),
];
const SNOWFLAKE: &[(&str, &str)] = &[
    ("name", "Flake"),
    ("external_id", ""),
    ("setting.account", "a"),
    ("setting.username", "u"),
    ("do", "save"),
];

fn path_of(id: &str) -> String {
    format!("/console/connections/{id}")
}

/// Makes a connection through the API; its id.
#[track_caller]
fn made(app: &TestApp, body: &serde_json::Value) -> String {
    let made = app.admin.post("/v1/connections", body).ok(201);
    made["id"].as_str().unwrap().to_owned()
}

fn warehouse(app: &TestApp) -> String {
    let mut body = postgres_connection("Warehouse");
    body["external_id"] = json!(null);
    body["settings"] = json!({"host": "db.example.com", "database": "sales", "username": "bi"});
    body["secrets"] = json!({"password": "p", "extra": "{}"});
    body["source_hints"] = json!({ "password": HINT });
    made(app, &body)
}

fn flake(app: &TestApp, secrets: serde_json::Value) -> String {
    let settings = json!({"account": "a", "username": "u"});
    let body = json!({"name": "Flake", "connector": "snowflake", "settings": settings, "secrets": secrets});
    made(app, &body)
}

/// Opens the settings of a connection and sends them with this.
#[track_caller]
fn save(person: &mut Person, id: &str, form: &[(&str, &str)], beside: &[(&str, &str)]) {
    person.open(&path_of(id));
    let version = version(person);
    let fields = [&[("version", &*version)], form, beside].concat();
    person.post(&path_of(id), &fields);
}

/// What the API knows of the secrets of a connection.
fn facts(app: &TestApp, id: &str) -> serde_json::Value {
    let view = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
    view["secrets"].clone()
}

/// The element of the page that is open with this id, as it is written.
#[track_caller]
fn element<'a>(person: &'a Person, id: &str) -> &'a str {
    let page = &person.page.text;
    let at = page
        .find(&format!("id=\"{id}\""))
        .unwrap_or_else(|| panic!("no {id}: {page}"));
    page.split_at(at).1.split('>').next().unwrap()
}

/// The text of the error at the field of this id.
#[track_caller]
fn error_at<'a>(person: &'a Person, id: &str) -> &'a str {
    let marked = format!("id=\"{id}-error\">");
    let page = &person.page.text;
    let rest = page
        .split_once(&marked)
        .unwrap_or_else(|| panic!("no error at {id}: {page}"))
        .1;
    assert!(
        element(person, id).contains("aria-invalid=\"true\""),
        "{page}"
    );
    rest.split('<').next().unwrap()
}

on_both! {
    fn where_to_find_a_secret_is_noted_with_a_new_connection(app: &TestApp) {
        let mut person = Person::admin(app);
        person.open("/console/connections/new?kind=postgres");
        let form = [&[("kind", "postgres")], POSTGRES].concat();
        let long = "x".repeat(256);
        for (hint, password, error) in [
            ("a\0b", "hunter2hunter2", "control character"),
            (&*long, "hunter2hunter2", "255"),
            (HINT, "", "This is kept together with a secret, and there is none: enter both."),
        ] {
            person.post("/console/connections/new", &[&form[..], &[("secret.password", password), ("hint.password", hint)]].concat());
            assert_eq!(person.page.status, 422);
            assert!(error_at(&person, "hint.password").contains(error), "{}", error_at(&person, "hint.password"));
            assert!(person.reads("Nothing was saved. Please correct what is marked.") && !person.page.text.contains("hunter2"));
            assert!(!person.page.text.contains("<b>"), "a note is text");
        }
        let typed = element(&person, "hint.password");
        assert!(typed.contains("value=\"1Password, vault &#60;b"), "what was typed stays: {typed}");
        assert_eq!(app.admin.get("/v1/connections").ok(200)["data"], json!([]));

        person.post("/console/connections/new", &[&form[..], &[("secret.password", "p"), ("hint.password", HINT)]].concat());
        assert!(person.reads("'Warehouse' was created."), "{}", person.text());
        assert!(element(&person, "hint.password").contains("value=\"1Password, vault &#60;b"), "{}", person.page.text);
        assert!(!person.page.text.contains("<b>"));
        let made = app.admin.get("/v1/connections").ok(200)["data"][0].clone();
        assert_eq!((&made["secrets"]["password"]["source_hint"], &made["secrets"]["password"]["set"]), (&json!(HINT), &json!(true)));
    }

    fn where_to_find_a_secret_is_changed_and_removed_without_the_secret(app: &TestApp) {
        let id = warehouse(app);
        let before = facts(app, &id);
        let mut person = Person::admin(app);

        // Saving what is there changes none of it, and neither does a form that does not ask for it.
        for beside in [&[("hint.password", HINT), ("hint.extra", "")][..], &[]] {
            save(&mut person, &id, POSTGRES, beside);
            assert!(person.reads("'Warehouse' was saved."), "{}", person.text());
            assert_eq!(facts(app, &id), before);
        }
        assert_eq!(app.sql().count("audit_events WHERE action = 'connection.updated'"), 0);

        save(&mut person, &id, POSTGRES, &[("hint.password", " kv/sales "), ("hint.extra", "kv/options")]);
        assert!(person.reads("'Warehouse' was saved."), "{}", person.text());
        assert!(element(&person, "hint.password").contains("value=\"kv/sales\""));
        let mut after = before.clone();
        after["password"]["source_hint"] = json!("kv/sales");
        after["extra"]["source_hint"] = json!("kv/options");
        assert_eq!(facts(app, &id), after, "nothing but the notes");

        save(&mut person, &id, POSTGRES, &[("hint.password", " "), ("hint.extra", "kv/options")]);
        after["password"]["source_hint"] = json!(null);
        assert_eq!(facts(app, &id), after);
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200)["secrets"], json!({"password": "p", "extra": "{}"}));

        save(&mut person, &id, POSTGRES, &[("hint.password", "a\u{1}b"), ("remove.extra", "on")]);
        assert_eq!(person.page.status, 422);
        assert!(error_at(&person, "hint.password").contains("control character"));
        assert!(element(&person, "remove.extra").contains(" checked"), "what was ticked stays");
        assert_eq!(facts(app, &id), after);
    }

    fn after_a_restore_where_to_find_it_stands_beside_the_empty_field_and_stays_with_what_is_entered(app: &TestApp) {
        let id = warehouse(app);
        let entry = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        let mut person = Person::admin(app);
        person.open(&path_of(&id));
        assert!(element(&person, "hint.password").contains("value=\"1Password, vault &#60;b"), "{}", person.page.text);
        assert!(person.reads(&format!("Enter it again. Where to find it: {HINT}")), "{}", person.text());
        assert!(element(&person, "secret.password").contains("autofocus"));

        // Without the secret there is nothing to note it with, nor to remove.
        save(&mut person, &id, POSTGRES, &[("hint.password", "elsewhere")]);
        assert_eq!(error_at(&person, "hint.password"), "This is kept together with a secret, and there is none: enter both.");
        save(&mut person, &id, POSTGRES, &[("hint.password", "")]);
        assert!(person.reads("'Warehouse' was saved."), "{}", person.text());

        save(&mut person, &id, POSTGRES, &[("hint.password", HINT), ("secret.password", "q")]);
        assert_eq!(facts(app, &id)["password"]["source_hint"], HINT, "{}", person.text());
        save(&mut person, &id, POSTGRES, &[("hint.password", "")]);
        assert_eq!(facts(app, &id)["password"]["source_hint"], json!(null));
        assert!(!person.reads("1Password") && element(&person, "hint.password").contains("value=\"\""), "what was removed does not come back");
    }

    fn an_optional_secret_that_is_stored_is_removed_by_a_tick(app: &TestApp) {
        let id = warehouse(app);
        let mut person = Person::admin(app);
        person.open(&path_of(&id));
        assert!(!person.page.text.contains("remove.password"), "the connection needs it");

        save(&mut person, &id, POSTGRES, &[("remove.extra", "on"), ("secret.extra", "{\"a\": 1}")]);
        assert_eq!(error_at(&person, "remove.extra"), "Enter another one, or remove what is stored: not both.");
        save(&mut person, &id, POSTGRES, &[("remove.password", "on")]);
        assert_eq!(facts(app, &id)["password"]["set"], true, "what is not offered is not done");

        save(&mut person, &id, POSTGRES, &[("remove.extra", "on"), ("hint.extra", "gone with it")]);
        assert!(person.reads("'Warehouse' was saved."), "{}", person.text());
        assert!(!person.page.text.contains("remove.extra"), "there is none any more");
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200)["secrets"], json!({"password": "p"}));
    }

    fn the_last_secret_of_a_group_is_not_removed(app: &TestApp) {
        let id = flake(app, json!({"password": "p"}));
        let mut person = Person::admin(app);
        person.open(&path_of(&id));
        assert!(!person.page.text.contains("name=\"remove."), "{}", person.page.text);
        app.admin.put(&format!("/v1/connections/{id}/secrets"), &json!({"secrets": {"private_key": "k", "private_key_passphrase": "s"}})).ok(200);

        save(&mut person, &id, SNOWFLAKE, &[("remove.password", "on"), ("remove.private_key", "on")]);
        assert_eq!(person.page.status, 422);
        for field in ["remove.password", "remove.private_key"] {
            assert!(error_at(&person, field).starts_with("One of these must stay: "));
        }
        save(&mut person, &id, SNOWFLAKE, &[("remove.private_key", "on"), ("remove.private_key_passphrase", "on")]);
        assert!(person.reads("'Flake' was saved."), "{}", person.text());
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200)["secrets"], json!({"password": "p"}));
    }

    fn no_label_beside_a_secret_is_mistaken_for_its_own(app: &TestApp) {
        let id = flake(app, json!({"password": "p", "private_key": "k", "private_key_passphrase": "s"}));
        let mut person = Person::admin(app);
        person.open(&path_of(&id));
        let page = &person.page.text;
        let labels: Vec<String> = page
            .split("<label ")
            .skip(1)
            .map(|label| label.split("</label>").next().unwrap())
            .filter(|label| label.contains("for=\"hint.") || label.contains("for=\"remove."))
            .map(str::to_lowercase)
            .collect();
        assert_eq!(labels.len(), 6, "{page}");
        for label in labels {
            let text = label.split_once('>').unwrap().1;
            let text: String = text.split('<').map(|part| part.rsplit('>').next().unwrap()).collect();
            assert!(!WORDS.iter().any(|word| text.contains(word)), "{text}");
        }
        // Which one it is about is in its description.
        assert!(page.contains("id=\"hint.private_key_passphrase-help\">Private key passphrase: "), "{page}");
        assert!(page.contains("id=\"remove.private_key-help\">Private key: "), "{page}");
    }

    fn who_may_not_enter_secrets_sees_and_changes_nothing_beside_them(app: &TestApp) {
        let id = warehouse(app);
        let before = facts(app, &id);
        let beside = [("hint.password", "theirs"), ("remove.extra", "on")];
        let writer = app.client(&["connections:read", "connections:write"]);
        let mut person = Person::signed_in(app, writer.key());
        for page in [path_of(&id), "/console/connections/new".to_owned()] {
            person.open(&page);
            assert!(!person.reads("Where to find it") && !person.reads("Remove what is stored"), "{}", person.text());
            assert!(!person.page.text.contains("name=\"hint.") && !person.page.text.contains("name=\"remove."), "{}", person.page.text);
        }
        save(&mut person, &id, POSTGRES, &beside);
        assert_eq!(person.page.status, 403, "{}", person.text());
        let admin = Person::admin(app);
        for token in ["", "x"] {
            let sent = admin.send(&path_of(&id), token, &[&[("version", "1")], POSTGRES, &beside[..]].concat());
            assert_eq!(sent.status, 403);
        }
        assert_eq!(facts(app, &id), before);
    }
}
