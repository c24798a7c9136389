//! The list of connections, a new one, its settings and what hangs on it.

use super::*;
use crate::support::servers::{OPEN, READER, probed_postgres};

/// The version that the page's form carries.
pub(super) fn version(person: &Person) -> String {
    person
        .page
        .text
        .split("name=\"version\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

/// The settings form of a connection to a real server, as a browser sends it.
fn to_the_server(version: &str, port: &str, password: &str, press: &str) -> Vec<(String, String)> {
    let server = probed_postgres();
    let fields = [
        ("version", version),
        ("name", "Warehouse"),
        ("external_id", ""),
        ("setting.host", server.host),
        ("setting.port", port),
        ("setting.database", OPEN),
        ("setting.username", READER),
        ("setting.ca_certificate", &server.ca),
        ("secret.password", password),
        ("do", press),
    ];
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

on_both! {
    fn the_list_tells_of_each_connection_what_it_is_and_what_hangs_on_it(app: &TestApp) {
        let id = app.sample_connection("Warehouse <b>");
        app.admin.post("/v1/connections", &postgres_connection("empty")).ok(201);
        let mut person = Person::admin(app);
        person.open("/console/connections");
        assert!(person.reads("Warehouse <b>") && person.reads("PostgreSQL") && person.reads("db.example.com"), "{}", person.text());
        assert!(!person.page.text.contains("Warehouse <b>"), "a name is text");
        assert!(person.reads("Not tested") && person.reads("3 models and 4 pieces of content"), "{}", person.text());
        assert!(person.links().contains(&format!("/console/connections/{id}")));
        person.open("/console/connections?q=wAREh");
        assert!(person.reads("Warehouse <b>") && !person.reads("empty"));
        person.open("/console/connections?q=%22%3E%3Cscript%3E");
        assert!(person.reads("No connections match") && !person.page.text.contains("\"><script>"));
    }

    fn a_long_list_is_paged_and_the_search_stays(app: &TestApp) {
        for index in 0..120 {
            app.admin.post("/v1/connections", &postgres_connection(&format!("db {index:03}"))).ok(201);
        }
        app.admin.post("/v1/connections", &postgres_connection("other")).ok(201);
        let mut person = Person::admin(app);
        person.open("/console/connections?q=db");
        let mut seen = 0;
        for (shown, more) in [(50, true), (50, true), (20, false)] {
            seen += person.page.text.matches("<tr><th scope=\"row\">").count();
            assert_eq!(person.page.text.matches("<tr><th scope=\"row\">").count(), shown);
            let next = person.links().into_iter().find(|link| link.contains("page="));
            assert_eq!(next.is_some(), more);
            if let Some(next) = next {
                person.open(&next.replace("&#38;", "&"));
            }
        }
        assert_eq!(seen, 120);
        assert!(!person.reads("other"));
        let wrong = person.get("/console/connections?q=c&page=nonsense");
        assert_eq!((wrong.status, wrong.header("location")), (303, Some("/console/connections?q=c")), "the list begins anew");
    }

    fn a_new_connection_is_made_by_its_form(app: &TestApp) {
        let mut person = Person::admin(app);
        person.open("/console/connections/new");
        assert!(person.reads("Create connection") && person.reads("PostgreSQL"));
        person.open("/console/connections/new?kind=snowflake");
        assert!(person.reads("Private key"), "{}", person.text());

        // What is missing is told at its place; what was typed stays, the password does not.
        let typed = [("kind", "postgres"), ("name", "Ware & \"house\""), ("setting.host", ""), ("setting.port", "five"), ("setting.database", "sales"), ("setting.username", "bi"), ("secret.password", "hunter2hunter2")];
        person.post("/console/connections/new", &typed);
        assert_eq!(person.page.status, 422);
        assert!(person.reads("Nothing was saved.") && person.reads("Expected a whole number."), "{}", person.text());
        assert!(person.page.text.contains("Ware &#38; &#34;house&#34;") && person.page.text.contains("value=\"sales\""), "{}", person.page.text);
        assert!(!person.page.text.contains("hunter2"));
        assert_eq!(app.admin.get("/v1/connections").ok(200)["data"], json!([]));

        let mut typed = typed;
        (typed[2].1, typed[3].1) = ("db.example.com", "5433");
        person.post("/console/connections/new", &typed);
        assert_eq!(person.page.status, 200, "{}", person.text());
        assert!(person.reads("'Ware & \"house\"' was created."), "{}", person.text());
        let made = app.admin.get("/v1/connections").ok(200)["data"][0].clone();
        assert_eq!((&made["name"], &made["settings"]["port"], &made["secrets"]["password"]["set"]), (&json!("Ware & \"house\""), &json!(5433), &json!(true)));
        // What there was to tell is told once.
        person.open(&format!("/console/connections/{}", made["id"].as_str().unwrap()));
        assert!(!person.reads("was created"));
    }

    fn a_name_that_is_in_the_trash_is_told_and_leads_there(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("Warehouse"));
        let mut person = Person::admin(app);
        person.open("/console/connections/new");
        let typed = [("kind", "postgres"), ("name", "warehouse"), ("setting.host", "h"), ("setting.database", "d"), ("setting.username", "u")];
        person.post("/console/connections/new", &typed);
        assert!(person.reads("restoring it later will ask for another name"), "{}", person.text());
        assert!(person.links().contains(&format!("/console/trash/{entry}")));
    }

    fn the_settings_are_filled_in_and_the_secrets_never(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{id}"));
        assert!(person.page.text.contains("value=\"db.example.com\"") && person.page.text.contains("value=\"Warehouse\""));
        assert!(person.reads("Stored. Leave empty to keep it.") && person.reads("Update and test connection"), "{}", person.text());
        assert!(!person.page.text.contains("correct horse"));

        let (before, stale) = (version(&person), person.token());
        let fields = |version: &str, name: &str| vec![("version".to_owned(), version.to_owned()), ("name".to_owned(), name.to_owned()), ("external_id".to_owned(), String::new()),
            ("setting.host".to_owned(), "db.example.com".to_owned()), ("setting.port".to_owned(), String::new()), ("setting.database".to_owned(), "sales".to_owned()), ("setting.username".to_owned(), "bi".to_owned()), ("do".to_owned(), "save".to_owned())];
        person.post(&format!("/console/connections/{id}"), &pairs(&fields(&before, "Renamed")));
        assert!(person.reads("'Renamed' was saved."), "{}", person.text());
        let saved = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        assert_eq!((&saved["name"], &saved["external_id"], &saved["settings"].get("port"), &saved["secrets"]["password"]["set"]), (&json!("Renamed"), &json!(null), &None, &json!(true)));

        // Another window has an older page open.
        for no_version in ["", "x", &before] {
            let sent = person.send(&format!("/console/connections/{id}"), &stale, &pairs(&fields(no_version, "Typed")));
            assert_eq!(sent.status, 403);
            assert!(sent.text.contains("This page is out of date. Reload it and try again."));
            person.page = sent;
        }
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["name"], "Renamed");
        // Nothing of it is lost, and who wants it so may send it again.
        assert!(person.page.text.contains("value=\"Typed\"") && person.reads("Secrets must be entered again."), "{}", person.text());
        let now = version(&person);
        person.post(&format!("/console/connections/{id}"), &pairs(&fields(&now, "Typed")));
        assert!(person.reads("'Typed' was saved."), "{}", person.text());
    }

    fn blanks_around_a_name_are_no_part_of_it(app: &TestApp) {
        let mut person = Person::admin(app);
        person.open("/console/connections/new");
        person.post("/console/connections/new", &[("kind", "postgres"), ("name", "  Ware house\t"), ("setting.host", "h"), ("setting.database", "d"), ("setting.username", "u")]);
        assert!(person.reads("'Ware house' was created."), "{}", person.text());
        let (id, version) = (app.admin.get("/v1/connections").ok(200)["data"][0]["id"].as_str().unwrap().to_owned(), version(&person));
        person.post(&format!("/console/connections/{id}"), &[("version", &version), ("name", " Ware "), ("setting.host", "h"), ("setting.database", "d"), ("setting.username", "u"), ("do", "save")]);
        assert!(person.reads("'Ware' was saved."), "{}", person.text());
    }

    fn a_connection_that_never_had_its_secrets_is_asked_for_them_first_too(app: &TestApp) {
        let mut bare = postgres_connection("bare");
        bare["secrets"] = json!({});
        let id = app.admin.post("/v1/connections", &bare).ok(201)["id"].as_str().unwrap().to_owned();
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{id}"));
        let (secret, name) = (person.page.text.find("name=\"secret.password\"").unwrap(), person.page.text.find("name=\"name\"").unwrap());
        assert!(secret < name, "{}", person.text());
        person.open(&format!("/console/connections/{id}/move-to-trash"));
        assert!(person.reads("Everything can be restored until") && !person.reads("Everything else"), "{}", person.text());
    }

    fn another_kind_shows_its_fields_and_keeps_what_was_typed(app: &TestApp) {
        let mut person = Person::admin(app);
        person.open("/console/connections/new");
        let typed = [("shown", "postgres"), ("kind", "mysql"), ("name", "Ware"), ("setting.host", "db.example.com"), ("setting.database", "d"), ("setting.username", "u"), ("secret.password", "hunter2hunter2")];
        person.post("/console/connections/new", &[&typed[..], &[("do", "fields")]].concat());
        assert_eq!(person.page.status, 200);
        assert!(person.reads("MySQL") && person.page.text.contains("value=\"Ware\"") && person.page.text.contains("value=\"db.example.com\""), "{}", person.text());
        assert!(person.page.text.contains("name=\"shown\" value=\"mysql\"") && !person.page.text.contains("hunter2"));
        // The fields are those of one kind, and another is chosen: nothing is made of them.
        person.post("/console/connections/new", &typed);
        assert_eq!(person.page.status, 422);
        assert!(person.reads("Nothing was saved: the fields were those of another kind. These are the fields of MySQL."), "{}", person.text());
        assert_eq!(app.admin.get("/v1/connections").ok(200)["data"], json!([]));
    }

    fn who_may_only_look_is_shown_facts_and_who_has_to_enter_what_is_missing(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let entry = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        for scopes in [&["connections:read"][..], &["connections:read", "connections:write"]] {
            let mut person = Person::signed_in(app, app.client(scopes).key());
            person.open(&format!("/console/connections/{id}"));
            assert!(person.reads("It can't be used before its secrets are entered: Password. Your key may not do that"), "{}", person.text());
            assert_eq!(person.page.text.contains("name=\"setting.host\""), scopes.len() == 2);
            assert!(person.page.text.contains("db.example.com") && !person.page.text.contains("name=\"secret."));
        }
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{id}"));
        assert!(!person.reads("Your key may not"));
        let (secret, name) = (person.page.text.find("name=\"secret.password\"").unwrap(), person.page.text.find("name=\"name\"").unwrap());
        assert!(secret < name, "what was lost is asked for first");
    }

    fn deleting_needs_no_more_than_the_page_it_is_on_and_offers_undo_to_who_may(app: &TestApp) {
        for (scopes, undo) in [
            (&["connections:read", "connections:delete"][..], false),
            (&["connections:read", "connections:delete", "trash:restore"], false),
            (&["connections:read", "connections:delete", "trash:restore", "trash:read"], true),
        ] {
            let id = app.admin.post("/v1/connections", &json!({"name": format!("n{}", scopes.len()), "connector": "postgres", "settings": {"host": "h", "database": "d", "username": "u"}})).ok(201)["id"].as_str().unwrap().to_owned();
            let mut person = Person::signed_in(app, app.client(scopes).key());
            person.open(&format!("/console/connections/{id}/archive"));
            person.post(&format!("/console/connections/{id}/move-to-trash"), &[("confirm", &*format!("n{}", scopes.len()))]);
            assert!(person.reads("was moved to the trash"), "{}", person.text());
            assert_eq!(person.reads("Undo"), undo, "{scopes:?}");
        }
        let id = app.sample_connection("unseen");
        let mut person = Person::signed_in_to_nothing(app, app.client(&["connections:delete", "connections:write", "secrets:write"]).key());
        for path in ["archive", "move-to-trash"] {
            person.open(&format!("/console/connections/{id}/{path}"));
            assert!(person.page.status == 403 && !person.reads("unseen"), "{}", person.text());
        }
        for path in ["", "/move-to-trash", "/protection", "/reentry"] {
            person.post(&format!("/console/connections/{id}{path}"), &[("confirm", "x"), ("version", "1")]);
            assert!(person.page.status == 403 && !person.reads("unseen"), "{path}: {}", person.text());
        }
    }

    fn what_hangs_on_another_connection_is_not_deleted_by_this_ones_address(app: &TestApp) {
        let (one, other) = (app.sample_connection("one"), app.sample_connection("other"));
        let models = app.admin.get(&format!("/v1/connections/{other}/models")).ok(200);
        let model = models["data"][0]["id"].as_str().unwrap().to_owned();
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{one}/content"));
        person.post(&format!("/console/connections/{one}/models/{model}/move-to-trash"), &[]);
        assert_eq!(person.page.status, 404, "{}", person.text());
        app.admin.get(&format!("/v1/models/{model}")).ok(200);
    }

    fn a_new_destination_wants_the_secrets_again(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{id}"));
        let version = version(&person);
        let typed = [("version", &*version), ("name", "Warehouse"), ("setting.host", "evil.example"), ("setting.database", "sales"), ("setting.username", "bi"), ("do", "save")];
        person.post(&format!("/console/connections/{id}"), &typed);
        assert_eq!(person.page.status, 422, "{}", person.text());
        assert!(person.reads("Nothing was saved.") && person.page.text.contains("value=\"evil.example\""));
        assert!(person.reads("Enter it again: what you changed sends it elsewhere.") && person.page.text.contains("id=\"secret.password-error\""), "at the field that is meant: {}", person.text());
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["settings"]["host"], "db.example.com");
    }

    fn after_a_restore_the_password_is_entered_again_and_the_connection_tested(app: &TestApp) {
        let server = probed_postgres();
        let body = json!({"name": "Warehouse", "connector": "postgres", "settings": {"host": server.host, "port": server.port, "database": OPEN, "username": READER, "ca_certificate": server.ca},
            "secrets": {"password": server.password}, "source_hints": {"password": "vault <b>"}});
        let id = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
        let entry = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        let mut person = Person::admin(app);
        let path = format!("/console/connections/{id}");
        person.open(&path);
        assert!(person.reads("Needs credentials") && person.reads("Removed when this connection was deleted.") && person.reads("Where to find it: vault <b>"), "{}", person.text());
        assert_eq!(person.page.text.matches(" autofocus").count(), 1);

        let port = server.port.to_string();
        person.post(&path, &pairs(&to_the_server(&version(&person), &port, "", "test")));
        assert_eq!(person.page.status, 422);
        assert!(person.reads("This is missing: please enter it."), "{}", person.text());

        person.post(&path, &pairs(&to_the_server(&version(&person), &port, "wrong", "test")));
        assert!(person.reads("Connection failed: ") && person.reads("What you entered is saved.") && person.reads("Failing"), "{}", person.text());
        assert!(person.page.text.contains("role=\"alert\""));

        person.post(&path, &pairs(&to_the_server(&version(&person), &port, &server.password, "test")));
        assert!(person.reads("Connection test succeeded in ") && person.reads("Working"), "{}", person.text());
        assert!(!person.page.text.contains(&server.password));
    }

    fn a_link_for_whoever_knows_the_password_is_shown_once(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{id}"));
        person.post(&format!("/console/connections/{id}/reentry"), &[]);
        let text = person.text();
        let link = text.split_whitespace().find(|word| word.contains("/enter/rpe_")).unwrap().to_owned();
        let path = link.split_once("/enter/").unwrap().1;
        assert_eq!(app.stranger().get(&format!("/enter/{path}")).status, 200);
        person.open(&format!("/console/connections/{id}"));
        assert!(!person.page.text.contains("rpe_"));
        assert_eq!(app.sql().count("sign_ins WHERE flash IS NOT NULL"), 0);
    }

    fn one_of_what_hangs_on_it_goes_by_a_press_and_comes_back_by_undo(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let mut person = Person::admin(app);
        person.open(&format!("/console/connections/{id}/content?kind=models"));
        assert!(person.reads("base") && person.reads("extension") && person.reads("empty"), "{}", person.text());
        let model = app.admin.get(&format!("/v1/connections/{id}/models")).ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        person.post(&format!("/console/connections/{id}/models/{model}/move-to-trash"), &[]);
        assert!(person.reads("'base' was moved to the trash with 1 model and 4 pieces of content.") || person.reads("'base' was moved to the trash with 1 model and 3 pieces of content."), "{}", person.text());
        assert!(person.reads("Undo") && !person.reads("extension"));
        let entry = app.admin.get("/v1/trash").ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        assert!(person.page.text.contains(&format!("action=\"/console/trash/{entry}/restore\"")));
        for gone in [format!("/console/connections/{id}/models/{model}/move-to-trash"), format!("/console/connections/{id}/other/{model}/move-to-trash"), format!("/console/connections/{id}/models/x/move-to-trash")] {
            let token = person.token();
            assert_eq!(person.send(&gone, &token, &[]).status, 404, "{gone}");
        }
    }

    fn what_the_key_may_not_do_is_not_shown_and_refused(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let reader = app.client(&["connections:read"]);
        let mut person = Person::signed_in(app, reader.key());
        person.open(&format!("/console/connections/{id}"));
        assert!(!person.reads("Update and test") && !person.reads("Secrets") && !person.reads("re-entry link"), "{}", person.text());
        person.open(&format!("/console/connections/{id}/content"));
        assert!(person.reads("overview") && !person.reads("Move to trash"), "{}", person.text());
        person.open(&format!("/console/connections/{id}/archive"));
        assert!(person.reads("Your key may not delete connections.") && !person.reads("Protect it"));
        let token = person.token();
        let before = app.sql().lines("SELECT CAST(version AS text) AS line FROM connections");
        for path in posts(&id) {
            let sent = person.send(&path, &token, &[("confirm", "Warehouse"), ("name", "x"), ("kind", "postgres"), ("protection", "on")]);
            assert_eq!(sent.status, 403, "{path}: {}", sent.text);
            assert!(sent.text.contains("Your key may not do this"), "{path}");
        }
        person.open(&format!("/console/connections/{id}/move-to-trash"));
        assert_eq!(person.page.status, 403);
        assert_eq!(app.sql().lines("SELECT CAST(version AS text) AS line FROM connections"), before);
        assert_eq!(app.sql().count("connections"), 1);
    }

    fn nothing_changes_without_the_token(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let person = Person::admin(app);
        let other = Person::admin(app).token();
        for path in posts(&id) {
            for token in ["", "x", &other] {
                let sent = person.send(&path, token, &[("confirm", "Warehouse"), ("name", "x"), ("kind", "postgres"), ("protection", "on")]);
                assert_eq!(sent.status, 403, "{path}");
                assert!(sent.text.contains("This page is out of date."), "{path}");
            }
        }
        assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["version"], 1);
        assert_eq!(app.admin.get("/v1/trash").ok(200)["data"], json!([]));
    }
}

/// Everything here that a form is sent to.
fn posts(id: &str) -> Vec<String> {
    let nobody = uuid::Uuid::now_v7();
    let below = ["", "/reentry", "/protection", "/move-to-trash"]
        .map(|part| format!("/console/connections/{id}{part}"));
    let rows = ["models", "content"]
        .map(|kind| format!("/console/connections/{id}/{kind}/{nobody}/move-to-trash"));
    [
        vec!["/console/connections/new".to_owned()],
        below.into(),
        rows.into(),
    ]
    .concat()
}
