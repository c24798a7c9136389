//! Signing in and out, and what a session is good for.

use super::*;

const NOT_ACCEPTED: &str = "That key was not accepted.";

on_both! {
    fn a_key_signs_in_and_is_in_no_cookie_and_on_no_page(app: &TestApp) {
        let mut person = Person::admin(app);
        assert!(person.reads("No connections yet."), "{}", person.text());
        let cookie = person.cookie("reprieve-console").unwrap().to_owned();
        let secret = app.admin.key().rsplit('_').next().unwrap().to_owned();
        assert!(!cookie.contains(&secret));
        for path in ["/console", "/console/connections"] {
            person.open(path);
            assert!(!person.page.text.contains(&secret));
            assert_eq!(person.page.header("cache-control"), Some("no-store"));
            let policy = person.page.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
            assert!(!policy.contains("unsafe"));
        }
        // The database has neither the key nor what the browser keeps.
        let kept = app.sql().lines("SELECT digest AS line FROM sign_ins").concat();
        assert!(!kept.is_empty() && !kept.contains(cookie.rsplit('_').next().unwrap()));

        person.post("/console/sign-out", &[]);
        assert!(person.reads("Sign in"));
        assert_eq!(person.cookie("reprieve-console"), None);
        assert_eq!(app.sql().count("sign_ins"), 0);
        person.open("/console/connections");
        assert!(person.reads("API key"));
    }

    fn a_cookie_of_before_is_worth_nothing_after_signing_out(app: &TestApp) {
        let mut person = Person::admin(app);
        let cookie = format!("reprieve-console={}", person.cookie("reprieve-console").unwrap());
        assert_eq!(app.stranger().with("cookie", &cookie).get("/console/connections").status, 200);
        person.post("/console/sign-out", &[]);
        let again = app.stranger().with("cookie", &cookie).get("/console/connections");
        assert_eq!((again.status, again.header("location")), (303, Some("/console/sign-in?next=%2Fconnections")));
    }

    fn what_is_no_key_that_works_is_refused_alike(app: &TestApp) {
        let made = app.admin.post("/v1/api-keys", &json!({"name": "old", "scopes": ["*"]})).ok(201);
        app.admin.delete(&format!("/v1/api-keys/{}", made["id"].as_str().unwrap())).ok(200);
        let mut other = app.admin.key().to_owned();
        other.pop();
        other.push('x');
        let pages: Vec<String> = ["", "x", &other, made["key"].as_str().unwrap()].iter().map(|key| {
            let mut person = Person::new(app);
            person.post("/console/sign-in", &[("secret.key", key)]);
            assert_eq!(person.page.status, 401, "{key}");
            assert!(person.reads(NOT_ACCEPTED));
            assert_eq!(person.cookie("reprieve-console"), None);
            person.text()
        }).collect();
        assert!(pages.iter().all(|page| *page == pages[0]), "{pages:#?}");
    }

    fn a_key_that_is_revoked_ends_the_session_at_once(app: &TestApp) {
        let made = app.admin.post("/v1/api-keys", &json!({"name": "short", "scopes": ["*"]})).ok(201);
        let mut person = Person::signed_in(app, made["key"].as_str().unwrap());
        app.admin.delete(&format!("/v1/api-keys/{}", made["id"].as_str().unwrap())).ok(200);
        person.open("/console/connections");
        assert!(person.reads("API key") && !person.reads("Sign out"), "{}", person.text());
    }

    fn a_session_ends_when_nobody_was_there_or_it_is_too_old(app: &TestApp) {
        for (column, ended) in [("seen_at", true), ("expires_at", true), ("created_at", false)] {
            let mut person = Person::admin(app);
            app.sql().run(&format!("UPDATE sign_ins SET {column} = '2026-01-01T00:00:00.000000Z'"));
            let token = person.token();
            let sent = person.send("/console/sign-out", &token, &[]);
            assert_eq!(sent.status, 303);
            assert_eq!(sent.header("location"), Some(if ended { "/console/sign-in?ended" } else { "/console/sign-in" }), "{column}");
            person.open("/console/connections");
            assert!(person.reads("API key"), "{column}");
            app.sql().run("DELETE FROM sign_ins");
        }
    }

    fn what_there_is_to_tell_waits_for_a_page_that_shows_it(app: &TestApp) {
        let id = app.sample_connection("Warehouse");
        let mut person = Person::admin(app);
        let form = [("confirm", "Warehouse")];
        let sent = person.send(&format!("/console/connections/{id}/move-to-trash"), &person.token(), &form);
        assert_eq!(sent.status, 303, "{sent:#?}");
        let entry = app.admin.get("/v1/trash").ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(person.get(&format!("/console/trash/{entry}/receipt")).status, 200);
        person.open("/console");
        assert!(person.reads("'Warehouse' was moved to the trash"), "{}", person.text());
        person.open("/console/connections");
        assert!(!person.reads("was moved to the trash"), "{}", person.text());
    }

    fn signing_in_again_ends_what_the_browser_kept(app: &TestApp) {
        let mut person = Person::admin(app);
        let before = format!("reprieve-console={}", person.cookie("reprieve-console").unwrap());
        person.open("/console/sign-in");
        person.post("/console/sign-in", &[("secret.key", app.admin.key())]);
        assert!(person.reads("Sign out"));
        assert_eq!(app.stranger().with("cookie", &before).get("/console/connections").status, 303);
        assert_eq!(app.sql().count("sign_ins"), 1);
    }

    fn whoever_was_signed_out_over_a_form_comes_back_to_its_page(app: &TestApp) {
        let id = app.sample_connection("one");
        let person = Person::admin(app);
        let token = person.token();
        app.sql().run("DELETE FROM sign_ins");
        let page = format!("http://{}/console/connections/{id}?x=1", app.address());
        let sent = person.from(&page).send(&format!("/console/connections/{id}"), &token, &[("name", "two")]);
        assert_eq!(sent.header("location"), Some(&*format!("/console/sign-in?ended&next=%2Fconnections%2F{id}%3Fx%3D1")));
        let elsewhere = person.from("https://evil.example/elsewhere").send("/console/sign-out", &token, &[]);
        assert_eq!(elsewhere.header("location"), Some("/console/sign-in?ended"));
    }

    fn signing_in_leads_back_to_the_page_and_never_elsewhere(app: &TestApp) {
        let mut person = Person::new(app);
        person.open("/console/connections?q=ware");
        assert!(person.page.text.contains("name=\"next\" value=\"/connections?q=ware\""), "{}", person.page.text);
        person.post("/console/sign-in", &[("secret.key", app.admin.key()), ("next", "/connections?q=ware")]);
        assert!(person.reads("No connections match"), "{}", person.text());
        for next in ["https://evil.example", "//evil.example", "/\\evil.example", "@evil.example", ".evil.example", "/sign-out", "/\u{1}", "/a\nb", "/ä"] {
            let person = {
                let mut person = Person::new(app);
                person.page = person.send("/console/sign-in", &person.token(), &[("secret.key", app.admin.key()), ("next", next)]);
                person
            };
            let to = person.page.header("location").unwrap();
            assert!(to == "/console" || to.starts_with("/console/"), "{next}: {to}");
            assert!(!to.contains("sign-out") && !to.contains('\\'), "{next}: {to}");
        }
    }

    fn a_form_of_another_page_or_site_signs_nobody_in_or_out(app: &TestApp) {
        let fresh = Person::new(app);
        let key = [("secret.key", app.admin.key())];
        for (person, token) in [(Person::new(app), String::new()), (Person::new(app), "00".repeat(32)), (Person::new(app), fresh.token())] {
            let sent = person.send("/console/sign-in", &token, &key);
            assert_eq!(sent.status, 403, "{sent:#?}");
            assert!(sent.text.contains("out of date"));
        }
        let mut no_cookie = Person::new(app);
        let token = no_cookie.token();
        no_cookie.forget();
        assert_eq!(no_cookie.send("/console/sign-in", &token, &key).status, 403);

        let mut person = Person::admin(app);
        let (token, other) = (person.token(), Person::admin(app).token());
        for wrong in ["", "x", &other, &fresh.token()] {
            assert_eq!(person.send("/console/sign-out", wrong, &[]).status, 403, "{wrong}");
        }
        let cookie = format!("reprieve-console={}", person.cookie("reprieve-console").unwrap());
        for (header, value) in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")] {
            let elsewhere = app.stranger().with("cookie", &cookie).with(header, value).with("content-type", "application/x-www-form-urlencoded");
            assert_eq!(elsewhere.send("POST", "/console/sign-out", Some(format!("csrf={token}"))).status, 403, "{header}: {value}");
        }
        person.open("/console/connections");
        assert!(person.reads("Sign out"));
    }

    fn a_name_is_for_keys_that_may_name_people_and_is_written_down(app: &TestApp) {
        let mut person = Person::new(app);
        person.post("/console/sign-in", &[("secret.key", app.admin.key()), ("name", "Ada <Lovelace>")]);
        assert!(person.reads("Ada <Lovelace>"), "{}", person.text());
        let record = app.admin.get("/v1/audit?action=sign_in.opened").ok(200)["data"][0].clone();
        assert_eq!(record["actor"]["name"], "Ada <Lovelace>");
        assert_eq!(record["actor"]["id"], "console:Ada_<Lovelace>", "people who share a key are told apart");
        let entry = app.delete_connection(&app.sample_connection("by the key"));
        let own = app.admin.post("/v1/connections", &postgres_connection("own")).ok(201)["id"].as_str().unwrap().to_owned();
        person.open(&format!("/console/connections/{own}/archive"));
        person.post(&format!("/console/connections/{own}/move-to-trash"), &[("confirm", "own")]);
        person.open("/console/trash?by=me");
        assert!(person.links().iter().filter(|link| link.starts_with("/console/trash/0")).count() == 1 && !person.links().iter().any(|link| link.ends_with(&entry)), "{:#?}", person.links());
        let mine = app.admin.get("/v1/trash?deleted_by=console:Ada_%3CLovelace%3E").ok(200);
        assert_eq!(mine["data"][0]["root"]["name"], "own");

        let reader = app.client(&["connections:read"]);
        let mut person = Person::new(app);
        person.post("/console/sign-in", &[("secret.key", reader.key()), ("name", "Ada")]);
        assert_eq!(person.page.status, 422);
        assert!(person.reads("This key may not give a name"));
        person.post("/console/sign-in", &[("secret.key", reader.key())]);
        assert!(person.reads("Sign out"), "{}", person.text());
    }

    fn what_the_key_may_not_see_is_not_shown_and_refused(app: &TestApp) {
        let reader = app.client(&["connections:read"]);
        let person = Person::signed_in(app, reader.key());
        assert!(person.reads("Connections") && !person.reads("New connection") && !person.reads("Trash") && !person.reads("Settings"), "{}", person.text());
        let holder = app.client(&["trash:hold"]);
        let mut person = Person::signed_in_to_nothing(app, holder.key());
        person.open("/console/connections");
        assert_eq!(person.page.status, 403);
        assert!(person.reads("This needs the scope connections:read."), "{}", person.text());
    }

    fn what_is_not_there_says_so_with_the_way_on(app: &TestApp) {
        let mut person = Person::admin(app);
        for path in ["/console/nothing", "/console/connections/x/y/z"] {
            person.open(path);
            assert_eq!(person.page.status, 404, "{path}");
            assert!(person.reads("There is nothing here") && person.reads("Sign out"));
        }
    }
}

on_each! {
    fn over_https_the_cookie_is_for_this_host_alone(backend: Backend) {
        let app = TestApp::start_with(backend, |config| {
            config.public_url = Some("https://trash.example.com/reprieve".parse().unwrap());
        });
        let person = Person::new(&app);
        let door = person.page.header("set-cookie").unwrap();
        assert!(door.starts_with("__Host-reprieve-sign-in=") && door.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{door}");
        let sent = person.send("/console/sign-in", &person.token(), &[("secret.key", app.admin.key())]);
        assert_eq!(sent.header("location"), Some("/reprieve/console"));
        let cookie = sent.header("set-cookie").unwrap();
        assert!(cookie.starts_with("__Host-reprieve-console=rps_"), "{cookie}");
        assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    }
}
