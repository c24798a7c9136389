//! What holds for every page and every form of the console.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

const SECRET: &str = "cAnArY-of-every-page";

/// Every page, with what stands for an id in its address.
const PAGES: &[&str] = &[
    "",
    "/connections",
    "/connections/new",
    "/connections/{connection}",
    "/connections/{connection}/content",
    "/connections/{connection}/archive",
    "/connections/{connection}/move-to-trash",
    "/trash",
    "/trash/{entry}",
    "/trash/{entry}/receipt",
    "/trash/{entry}/delete",
    "/activity",
    "/settings",
    "/settings/retention",
    "/settings/webhooks",
    "/settings/webhooks/new",
    "/settings/webhooks/{webhook}",
    "/settings/webhooks/{webhook}/edit",
    "/settings/webhooks/{webhook}/rotate",
    "/settings/webhooks/{webhook}/delete",
    "/settings/keys",
    "/settings/keys/new",
    "/settings/keys/{key}/revoke",
    "/settings/alarms",
];

/// Everything that a form is sent to, but signing in.
const FORMS: &[&str] = &[
    "/sign-out",
    "/connections/new",
    "/connections/{connection}",
    "/connections/{connection}/reentry",
    "/connections/{connection}/protection",
    "/connections/{connection}/move-to-trash",
    "/connections/{connection}/models/{model}/move-to-trash",
    "/connections/{connection}/content/{content}/move-to-trash",
    "/trash/selected",
    "/trash/selected/delete",
    "/trash/{entry}/restore",
    "/trash/{entry}/delete",
    "/trash/{entry}/holds",
    "/trash/{held}/holds/{hold}/end",
    "/settings/alarms/{alarm}/acknowledge",
    "/settings/keys",
    "/settings/keys/{key}/revoke",
    "/settings/retention",
    "/settings/retention/pause",
    "/settings/retention/resume",
    "/settings/retention/brakes/{brake}/release",
    "/settings/webhooks",
    "/settings/webhooks/{webhook}/edit",
    "/settings/webhooks/{webhook}/state",
    "/settings/webhooks/{webhook}/test",
    "/settings/webhooks/{webhook}/rotate",
    "/settings/webhooks/{webhook}/delete",
    "/settings/webhooks/{webhook}/replay",
    "/settings/webhooks/{webhook}/deliveries/{event}/replay",
];

/// An organization with one of everything, and its ids by what they stand for.
fn ids(app: &TestApp) -> Vec<(&'static str, String)> {
    let id = |value: &serde_json::Value| value["id"].as_str().unwrap().to_owned();
    let mut body = postgres_connection("Ours");
    body["secrets"]["password"] = json!(SECRET);
    let connection = id(&app.admin.post("/v1/connections", &body).ok(201));
    let model = id(&app
        .admin
        .post(
            &format!("/v1/connections/{connection}/models"),
            &json!({"name": "Our model"}),
        )
        .ok(201));
    let content = id(&app
        .admin
        .post(
            &format!("/v1/connections/{connection}/content"),
            &json!({"name": "Our content"}),
        )
        .ok(201));
    body["name"] = json!("Ours of before");
    body["external_id"] = json!("before");
    let before = id(&app.admin.post("/v1/connections", &body).ok(201));
    let entry = app.delete_connection(&before);
    body["external_id"] = json!("held");
    let held = id(&app.admin.post("/v1/connections", &body).ok(201));
    let held = app.delete_connection(&held);
    let hold = id(&app
        .admin
        .post(
            &format!("/v1/trash/{held}/holds"),
            &json!({"reason": "Our reason"}),
        )
        .ok(201));
    let webhook = id(&app
        .admin
        .post(
            "/v1/webhooks",
            &json!({"url": "https://ours.example.com/in", "types": ["retention.updated"]}),
        )
        .ok(201));
    let key = id(&app
        .admin
        .post(
            "/v1/api-keys",
            &json!({"name": "Our key", "scopes": ["trash:read"]}),
        )
        .ok(201));
    let nobody = uuid::Uuid::now_v7().to_string();
    vec![
        ("{connection}", connection),
        ("{model}", model),
        ("{content}", content),
        ("{entry}", entry),
        ("{held}", held),
        ("{hold}", hold),
        ("{webhook}", webhook),
        ("{key}", key),
        ("{alarm}", nobody.clone()),
        ("{brake}", nobody.clone()),
        ("{event}", nobody),
    ]
}

fn path(template: &str, ids: &[(&str, String)]) -> String {
    ids.iter()
        .fold(format!("/console{template}"), |path, (name, id)| {
            path.replace(name, id)
        })
}

/// What a form might send, of all of them.
const FIELDS: &[(&str, &str)] = &[
    ("name", "Theirs"),
    ("version", "1"),
    ("kind", "postgres"),
    ("confirm", "Ours"),
    ("reason", "why"),
    ("protection", "on"),
    ("state", "disabled"),
    ("url", "https://theirs.example.com"),
    ("do", "restore"),
];

/// All that was changed, by its records: no change is without one (promise 10, tested in `records`). What the service
/// does by itself has no key.
fn changes(app: &TestApp) -> Vec<String> {
    app.sql().lines(
        "SELECT action AS line FROM audit_events WHERE announced AND key_id IS NOT NULL ORDER BY id",
    )
}

#[test]
fn every_route_of_the_console_is_in_these_lists() {
    fn routes(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                routes(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path)
                    .unwrap()
                    .replace(char::is_whitespace, "");
                for part in text.split(".route(\"").skip(1) {
                    let (path, rest) = part.split_once('"').unwrap();
                    let method = rest
                        .split("web::")
                        .nth(1)
                        .unwrap()
                        .split("()")
                        .next()
                        .unwrap()
                        .to_owned();
                    let parts: Vec<&str> = path
                        .split('/')
                        .map(|part| if part.starts_with('{') { "*" } else { part })
                        .collect();
                    found.insert(format!("{method} {}", parts.join("/")));
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    routes(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/console"),
        &mut found,
    );
    let listed = |list: &[&str], method: &str| -> Vec<String> {
        list.iter()
            .map(|path| {
                path.split('/')
                    .map(|part| if part.starts_with('{') { "*" } else { part })
                    .collect::<Vec<_>>()
                    .join("/")
            })
            .map(|path| format!("{method} {path}"))
            .collect()
    };
    // Models and content go by one route; the rest is for whoever is not signed in.
    let mut known: BTreeSet<String> = listed(PAGES, "get")
        .into_iter()
        .chain(listed(FORMS, "post"))
        .collect();
    for (one, other) in [("models", "*"), ("content", "*")] {
        known.remove(&format!("post /connections/*/{one}/*/move-to-trash"));
        known.insert(format!("post /connections/*/{other}/*/move-to-trash"));
    }
    known.extend(["get /", "get /assets/*/*", "get /sign-in", "post /sign-in"].map(str::to_owned));
    assert_eq!(found, known);
}

on_both! {
    fn whoever_is_not_signed_in_is_led_to_the_sign_in(app: &TestApp) {
        let ids = ids(app);
        let nobody = app.stranger();
        for page in PAGES {
            let reply = nobody.get(&path(page, &ids));
            assert_eq!(reply.status, 303, "{page}: {reply:#?}");
            assert!(reply.header("location").unwrap().starts_with("/console/sign-in"), "{page}");
        }
        let before = changes(app);
        for form in FORMS {
            let sent = nobody.with("content-type", "application/x-www-form-urlencoded").send("POST", &path(form, &ids), Some("csrf=x&confirm=Ours".to_owned()));
            assert_eq!((sent.status, sent.header("location")), (303, Some("/console/sign-in?ended")), "{form}");
        }
        assert_eq!(changes(app), before);
    }

    fn no_form_changes_anything_without_its_token(app: &TestApp) {
        let ids = ids(app);
        let person = Person::admin(app);
        let other = Person::admin(app).token();
        let before = changes(app);
        for form in FORMS {
            for token in ["", "x", &other] {
                let sent = person.send(&path(form, &ids), token, FIELDS);
                assert_eq!(sent.status, 403, "{form}: {}", sent.text);
                assert!(sent.text.contains("This page is out of date."), "{form}");
            }
        }
        assert_eq!(changes(app), before);
    }

    fn another_organization_sees_and_changes_nothing(app: &TestApp) {
        let ids = ids(app);
        let theirs = app.other_organization("theirs");
        let mut person = Person::signed_in(app, theirs.key());
        let before = changes(app);
        for page in PAGES {
            person.open(&path(page, &ids));
            let expected = if page.contains('{') { 404 } else { 200 };
            assert_eq!(person.page.status, expected, "{page}: {}", person.text());
            assert!(!person.reads("Our"), "{page}: {}", person.text());
        }
        let token = person.token();
        for form in FORMS.iter().filter(|form| form.contains('{')) {
            let sent = person.send(&path(form, &ids), &token, FIELDS);
            assert!(matches!(sent.status, 404 | 422), "{form}: {} {}", sent.status, sent.text);
            assert!(!sent.text.contains("Our"), "{form}: {}", sent.text);
        }
        assert_eq!(changes(app), before);
    }

    fn a_key_without_rights_sees_no_page_and_changes_nothing(app: &TestApp) {
        let ids = ids(app);
        let key = app.client(&["platform:admin"]);
        let mut person = Person::signed_in_to_nothing(app, key.key());
        let before = changes(app);
        for page in PAGES {
            person.open(&path(page, &ids));
            assert_eq!(person.page.status, 403, "{page}: {}", person.text());
            assert!(!person.reads("Our"), "{page}: {}", person.text());
        }
        let token = person.token();
        for form in FORMS.iter().filter(|form| **form != "/sign-out") {
            let sent = person.send(&path(form, &ids), &token, FIELDS);
            assert_eq!(sent.status, 403, "{form}: {}", sent.text);
            assert!(sent.text.contains("Your key may not do this"), "{form}: {}", sent.text);
        }
        assert_eq!(changes(app), before);
    }

    fn no_page_holds_a_secret_and_each_has_its_headers(app: &TestApp) {
        let ids = ids(app);
        let mut person = Person::admin(app);
        let own = app.admin.key().rsplit('_').next().unwrap().to_owned();
        for page in PAGES {
            person.open(&path(page, &ids));
            assert_eq!(person.page.status, 200, "{page}: {}", person.text());
            assert!(!person.page.text.contains(SECRET) && !person.page.text.contains(&own) && !person.page.text.contains("whsec_"), "{page}");
            assert_eq!(person.page.header("x-content-type-options"), Some("nosniff"), "{page}");
            assert_eq!(person.page.header("cache-control"), Some("no-store"), "{page}");
            assert_eq!(person.page.header("referrer-policy"), Some("same-origin"), "{page}");
            let policy = person.page.header("content-security-policy").unwrap();
            assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'") && !policy.contains("unsafe"), "{page}: {policy}");
        }
    }
}
