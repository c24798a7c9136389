//! What must not happen: forms of other sites, secrets and codes in places that are kept, a 5xx without its words.

use std::collections::BTreeMap;

use super::*;

/// What it is, the headers, the token.
type Attempt<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a str);

on_both! {
    fn a_form_of_another_site_changes_nothing(app: &TestApp) {
        let id = restored(app, "forged");
        let cookie = follow(app, &link(&app.admin, &id));
        let others = follow(app, &link(&app.admin, &restored(app, "mine")));
        let (own, foreign) = (token(&look(app, &cookie)), token(&look(app, &others)));
        assert_ne!(own, foreign);
        let here = format!("http://{}", app.address());
        crate::secrets::wait_until_erased(app);
        // On PostgreSQL a record gets its number a moment later.
        TestApp::wait_for("the seals", || app.sql().count("audit_seals WHERE seq IS NULL") == 0);
        let before = crate::secrets::dump(app);
        let attempts: Vec<Attempt> = vec![
            ("no token", vec![], ""),
            ("an empty token", vec![], "csrf="),
            ("another session's token", vec![], &foreign),
            ("another site", vec![("sec-fetch-site", "cross-site")], &own),
            ("another port of this host", vec![("sec-fetch-site", "same-site")], &own),
            ("another site in a browser of before", vec![("origin", "https://evil.example")], &own),
            ("another port in a browser of before", vec![("origin", "http://127.0.0.1:1")], &own),
            ("another site by a redirect of ours", vec![("origin", here.as_str()), ("sec-fetch-site", "cross-site")], &own),
            ("nobody, without a token", vec![("origin", "null")], ""),
        ];
        for (what, headers, token) in attempts {
            let mut client = browser(app, Some(&cookie));
            for (name, value) in headers {
                client = client.with(name, value);
            }
            let body = match token {
                "" => form(&[("secret.password", "forged")]),
                "csrf=" => form(&[("csrf", ""), ("secret.password", "forged")]),
                token => form(&[("csrf", token), ("secret.password", "forged")]),
            };
            let reply = send(&client, body);
            assert_eq!(reply.status, 403, "{what}: {reply:#?}");
            assert!(reply.text.contains("This page is out of date. Reload it and try again."), "{what}: {reply:#?}");
            assert!(crate::secrets::dump(app) == before, "{what} changed something");
        }
        // What browsers do say of our own form: over HTTPS, over HTTP, and those that say nothing.
        for headers in [vec![("sec-fetch-site", "same-origin"), ("origin", "null")], vec![("origin", "null")], vec![("origin", here.as_str())], vec![]] {
            let mut client = browser(app, Some(&cookie));
            for (name, value) in headers {
                client = client.with(name, value);
            }
            assert_eq!(send(&client, form(&[("csrf", &own), ("secret.password", "")])).status, 422);
        }
    }

    fn no_other_site_presses_the_button_of_a_link(app: &TestApp) {
        let link = link(&app.admin, &restored(app, "pressed"));
        for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
            let reply = browser(app, None).with(name, value).send("POST", &link.path, None);
            assert_eq!((reply.status, reply.header("set-cookie")), (403, None), "{reply:#?}");
        }
        follow(app, &link);
    }

    fn no_secret_no_code_and_no_cookie_is_kept_anywhere(app: &TestApp) {
        let log = log::record();
        let id = restored(app, "traces");
        let link = link(&app.admin, &id);
        let mut replies = vec![browser(app, None).get(&link.path), press(app, &link)];
        let set = replies[1].header("set-cookie").unwrap().to_owned();
        let cookie = set.split(';').next().unwrap().to_owned();
        let canary = format!("cAnArY{}", uuid::Uuid::new_v4().simple());
        let too_long = canary.repeat(500);
        let page = look(app, &cookie);
        let form_token = token(&page);
        replies.push(page);
        replies.push(enter(app, &cookie, &[("password", &too_long)]));
        replies.push(enter(app, &cookie, &[("password", &format!("{canary}\0"))]));
        replies.push(enter(app, &cookie, &[(canary.as_str(), canary.as_str())]));
        replies.push(send(&browser(app, Some(&cookie)), form(&[("csrf", "wrong"), ("secret.password", &canary)])));
        replies.push(send(&browser(app, Some(&cookie)), canary.repeat(3_000)));
        replies.push(enter(app, &cookie, &[("password", &canary)]));
        replies.push(press(app, &link));
        replies.push(browser(app, None).send("PUT", &link.path, None));
        replies.push(browser(app, None).get(&format!("{}/", link.path)));
        replies.push(browser(app, None).get(&format!("/v1/{}", link.code)));
        assert_eq!(secrets_of(app, &id).ok(200)["secrets"]["password"], canary);

        let secret_of = |text: &str| text.rsplit('_').next().unwrap().to_owned();
        let hidden = BTreeMap::from([("the secret", canary.clone()), ("the code", secret_of(&link.code)), ("the cookie", secret_of(&cookie)), ("the form's token", form_token)]);
        for (what, text) in &hidden {
            for (table, content) in crate::secrets::dump(app) {
                assert!(!content.contains(text.as_str()), "{table} holds {what}");
            }
            for reply in &replies {
                let shown = *what == "the form's token" && reply.text.contains("name=\"csrf\"");
                assert!(shown || !reply.text.contains(text.as_str()), "a page shows {what}: {reply:#?}");
                let told = *what == "the cookie" && reply.status == 303;
                let headers = format!("{:?}", reply.headers);
                assert!(told || !headers.contains(text.as_str()), "a header holds {what}: {reply:#?}");
            }
        }
        let log = log.text();
        for reply in &replies {
            let request = reply.header("x-request-id").expect("every answer has its request's id");
            assert!(log.contains(request), "the log has no line for {}", reply.request);
        }
        assert!(log.contains("route=\"/enter/{code}\"") || log.contains("route=/enter/{code}"), "the log names the route");
        for (what, text) in &hidden {
            if let Some(at) = log.find(text.as_str()) {
                let from = log.floor_char_boundary(at.saturating_sub(300));
                panic!("the log holds {what}: {}", log.get(from..at).unwrap());
            }
        }
    }

    fn what_breaks_is_told_in_words_on_a_page(app: &TestApp) {
        let id = restored(app, "broken");
        let cookie = follow(app, &link(&app.admin, &id));
        let too_much = send(&browser(app, Some(&cookie)), "x".repeat(70_000));
        assert_eq!(too_much.status, 413);
        assert!(too_much.text.contains("This is more than can be entered here."), "{too_much:#?}");
        app.sql().run("ALTER TABLE connect_sessions RENAME TO elsewhere");
        let broken = look(app, &cookie);
        assert_eq!(broken.status, 500, "{broken:#?}");
        assert!(broken.text.contains("Something went wrong here.") && broken.text.contains(broken.header("x-request-id").unwrap()), "{broken:#?}");
        assert!(!broken.text.contains("connect_sessions"), "{broken:#?}");
        app.sql().run("ALTER TABLE elsewhere RENAME TO connect_sessions");
        assert_eq!(enter(app, &cookie, &[("password", "p")]).status, 200);
    }
}

#[test]
fn without_the_keys_the_page_says_so_and_the_link_stays_good() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let mut app = TestApp::start(backend);
        let id = restored(&app, "locked");
        app.halt();
        let (keys, away) = (
            app.data_dir().join("keys"),
            app.data_dir().join("keys-away"),
        );
        std::fs::rename(&keys, &away).unwrap();
        app.restart();
        let cookie = follow(&app, &link(&app.admin, &id));
        let refused = enter(&app, &cookie, &[("password", "while locked")]);
        assert_eq!(refused.status, 503, "{refused:#?}");
        assert!(refused.text.contains("Secrets can&#39;t be entered now, because the service&#39;s encryption key is missing."), "{refused:#?}");
        assert!(!refused.text.contains("while locked"));
        std::fs::rename(&away, &keys).unwrap();
        TestApp::wait_for("the keys", || app.stranger().get("/readyz").status == 200);
        assert_eq!(
            enter(&app, &cookie, &[("password", "with the key")]).status,
            200
        );
        assert_eq!(
            secrets_of(&app, &id).ok(200)["secrets"]["password"],
            "with the key"
        );
    }
}
