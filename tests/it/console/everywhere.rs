//! What holds for every page and every form of the console.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

const SECRET: &str = "cAnArY-of-every-page";

/// Texts that would do something on a page that does not take them as text.
const CORPUS: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus=\"alert(1)\" x='",
    "\" onmouseover=\"alert(1)",
    "</title><script>alert(1)</script>",
    "</textarea><svg/onload=alert(1)>",
    "--><script>alert(1)</script><!--",
    "javascript:alert(1)",
    "<iframe srcdoc=\"<script>alert(1)</script>\">",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "{{7*7}}{% if true %}",
    "${alert(1)}`<!--",
    "]]><x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
    "\u{202e}txt.exe\u{202c}",
    "\u{ff1c}script\u{ff1e}alert(1)",
];

/// A part of an address.
fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

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
    let other = id(&app.admin.post("/v1/connections", &body).ok(201));
    let kept = app.delete_connection(&other);
    let hold = id(&app
        .admin
        .post(
            &format!("/v1/trash/{kept}/holds"),
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
    // More than both in an hour: the brake is on, and an alarm says so.
    let brake = |number: u32| {
        let set = format!("UPDATE organizations SET brake_deletions = {number}, brake_percent = 1");
        app.sql().run(&set);
    };
    brake(1);
    app.delete_connection(&app.sample_connection("Ours of the brake"));
    brake(1_000);
    let brake = id(&app.admin.get("/v1/brakes").ok(200)["data"][0]);
    let alarm = id(&app.admin.get("/v1/alarms").ok(200)["data"][0]);
    app.admin.delete(&format!("/v1/brakes/{brake}")).ok(200);
    let event = app.admin.get("/v1/audit").ok(200)["data"][0].clone();
    vec![
        ("{connection}", connection),
        ("{model}", model),
        ("{content}", content),
        ("{entry}", entry),
        ("{held}", kept),
        ("{hold}", hold),
        ("{webhook}", webhook),
        ("{key}", key),
        ("{alarm}", alarm),
        ("{brake}", brake),
        ("{event}", id(&event)),
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
    ("act", "delete"),
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
        let entry = [("id", path("{entry}", &ids).replace("/console", ""))];
        let fields: Vec<(&str, &str)> = FIELDS.iter().copied().chain(entry.iter().map(|(name, id)| (*name, id.as_str()))).collect();
        for form in FORMS.iter().filter(|form| form.contains('{') || form.starts_with("/trash/selected")) {
            let sent = person.send(&path(form, &ids), &token, &fields);
            // Several entries are told of one by one, on the page that follows.
            assert!(matches!(sent.status, 404 | 422) || (*form == "/trash/selected" && sent.status == 303), "{form}: {} {}", sent.status, sent.text);
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

    fn what_no_field_can_hold_in_an_address_breaks_no_page(app: &TestApp) {
        let ids = ids(app);
        let mut person = Person::admin(app);
        let long = "x".repeat(5_000);
        for page in PAGES {
            for name in ["q", "kind", "by", "since", "sort", "what", "who", "from", "to", "state", "show", "page", "next"] {
                for value in ["%00", "a%00b", "%FF%FE", "%0A", "%F0%9F%A7%A8", "-1", "99999999999999999999", "'", "%25", "_", &long] {
                    let path = path(page, &ids);
                    let sent = person.get(&format!("{path}?{name}={value}&{name}=again"));
                    assert!(matches!(sent.status, 200 | 303), "{path}?{name}={value}: {} {}", sent.status, sent.text);
                }
            }
        }
        person.open("/console/connections?q=Ou%00rs");
        assert!(person.reads("Ours"), "{}", person.text());
    }

    fn the_token_of_another_list_begins_the_list_anew(app: &TestApp) {
        let ids = ids(app);
        let person = Person::admin(app);
        for page in ["/connections", "/connections/{connection}/content", "/trash", "/activity", "/settings/webhooks", "/settings/webhooks/{webhook}", "/settings/keys", "/settings/alarms"] {
            let path = path(page, &ids);
            let sent = person.get(&format!("{path}?page=nonsense"));
            assert_eq!(sent.status, 303, "{page}: {}", sent.text);
            let to = sent.header("location").unwrap();
            assert!(to.starts_with(&path) && !to.contains("nonsense"), "{page}: {to}");
            assert_eq!(person.get(to).status, 200, "{page}: {to}");
        }
    }

    fn the_address_of_a_form_leads_back_to_its_page(app: &TestApp) {
        let ids = ids(app);
        let person = Person::admin(app);
        for form in ["/trash/{entry}/holds", "/trash/{entry}/restore", "/settings/retention/pause", "/connections/{connection}/protection", "/connections/{connection}/reentry"] {
            let path = path(form, &ids);
            let sent = person.get(&path);
            assert_eq!((sent.status, sent.header("location")), (303, path.rsplit_once('/').map(|(page, _)| page)), "{form}");
        }
    }

    fn head_is_answered_like_get_and_every_answer_has_the_headers(app: &TestApp) {
        let ids = ids(app);
        let person = Person::admin(app);
        let style = person.links().into_iter().find(|link| link.ends_with("console.css")).unwrap();
        let more = [style.as_str(), "/console/assets/x/console.css", "/console/nothing", "/console/connections/x", "/console/sign-in"];
        let pages = PAGES.iter().map(|page| path(page, &ids));
        for path in pages.chain(more.map(str::to_owned)) {
            let (get, head) = (person.get(&path), person.head(&path));
            assert_eq!((head.status, head.header("content-type"), head.text.as_str()), (get.status, get.header("content-type"), ""), "{path}");
            for answer in [get, head] {
                let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path}"));
                assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
                assert_eq!((answer.header("x-content-type-options"), answer.header("referrer-policy")), (Some("nosniff"), Some("same-origin")), "{path}");
                assert!(answer.header("cache-control").is_some(), "{path}");
            }
        }
    }

    fn whatever_something_is_called_a_page_shows_it_as_text(app: &TestApp) {
        let mut pages = BTreeSet::new();
        let mut person = Person::new(app);
        person.post("/console/sign-in", &[("secret.key", app.admin.key()), ("name", CORPUS[0])]);
        for (n, text) in CORPUS.iter().enumerate() {
            let mut body = postgres_connection(&format!("{text} {n}"));
            body["external_id"] = json!(format!("{text} {n}"));
            body["settings"]["host"] = json!("db.example.com");
            body["settings"]["database"] = json!(text);
            body["source_hints"] = json!({"password": text});
            let live = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
            app.admin.post(&format!("/v1/connections/{live}/models"), &json!({"name": text})).ok(201);
            app.admin.post(&format!("/v1/connections/{live}/content"), &json!({"name": text})).ok(201);
            body["name"] = json!(format!("{text} {n} of before"));
            body["external_id"] = json!(format!("{text} {n} of before"));
            let gone = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
            app.admin.post(&format!("/v1/connections/{gone}/models"), &json!({"name": text})).ok(201);
            let actor = app.admin.with("reprieve-actor", &format!("id=a{n}; name={}", percent(text)));
            let entry = actor.send("DELETE", &format!("/v1/connections/{gone}?reason={}", percent(text)), None).ok(200)["id"].as_str().unwrap().to_owned();
            actor.post(&format!("/v1/trash/{entry}/holds"), &json!({"reason": text})).ok(201);
            actor.get(&format!("/v1/connections/{gone}")).problem(410, "in_trash");
            app.admin.post("/v1/api-keys", &json!({"name": text, "scopes": ["trash:read"]})).ok(201);
            app.admin.post("/v1/webhooks", &json!({"url": "https://hooks.example.com/in", "description": text})).ok(201);
            for page in ["/connections/{live}", "/connections/{live}/content?kind=models", "/connections/{live}/content?kind=content", "/connections/{live}/archive", "/connections/{live}/move-to-trash", "/trash/{entry}", "/trash/{entry}/delete"] {
                pages.insert(format!("/console{}", page.replace("{live}", &live).replace("{entry}", &entry)));
            }
            for query in ["/connections?q=", "/trash?q=", "/trash?by=", "/activity?q=", "/activity?who=", "/activity?from=", "/sign-in?next=/"] {
                pages.insert(format!("/console{query}{}", percent(text)));
            }
        }
        app.services.uses.flush(&app.services.store).unwrap();
        pages.extend(["/connections", "/trash", "/activity", "/settings/keys", "/settings/webhooks"].map(|page| format!("/console{page}")));
        for page in pages {
            person.open(&page);
            // What is on hold can't be deleted for good: that is said with its name, too.
            assert!(matches!(person.page.status, 200 | 409), "{page}");
            let text = &person.page.text;
            for bad in ["<script>alert", "<img src=x", "<svg/onload", "onmouseover=\"", "onfocus=\"", "href=\"javascript:", "<iframe", "</title><script", "--><", "{{7*7}}49"] {
                assert!(!text.contains(bad), "{page} has {bad}");
            }
            // Of a tag only what is not in quotes: the names of its attributes.
            let tags = text.split('<').filter_map(|tag| tag.split('>').next());
            let names = tags.flat_map(|tag| tag.split('"').step_by(2)).flat_map(str::split_whitespace);
            let handlers = names.filter(|name| name.starts_with("on") && name.contains('=')).count();
            assert_eq!(handlers, 0, "{page}");
        }
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
