//! What the pages show and say: fields, hints, errors at their place, headers.

use super::*;

on_both! {
    fn a_field_of_several_lines_is_a_text_area_and_all_others_hide_what_is_typed(app: &TestApp) {
        let settings = json!({"account": "a", "username": "u"});
        let body = json!({"name": "keys", "connector": "snowflake", "settings": settings});
        let id = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
        let made = app.admin.send("POST", &path_of(&id), None).ok(201);
        assert_eq!(made["missing"], json!(["password"]));
        let page = look(app, &follow(app, &link(&app.admin, &id))).text;
        for field in ["Private key", "Password", "Private key passphrase", "(one of these is required)", "(optional)", "The user&#39;s RSA key in PEM form, to use instead of a password."] {
            assert!(page.contains(field), "{field}: {page}");
        }
        assert!(page.contains("<textarea id=\"private_key\" name=\"secret.private_key\" autocomplete=\"off\""), "{page}");
        for key in ["password", "private_key_passphrase"] {
            assert!(page.contains(&format!("<input type=\"password\" id=\"{key}\" name=\"secret.{key}\" autocomplete=\"off\"")), "{page}");
        }
        for key in ["password", "private_key", "private_key_passphrase"] {
            assert!(page.contains(&format!("<label for=\"{key}\">")), "{page}");
        }
    }

    fn one_of_a_group_is_enough(app: &TestApp) {
        let settings = json!({"account": "a", "username": "u"});
        let body = json!({"name": "keys", "connector": "snowflake", "settings": settings});
        let id = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
        let cookie = follow(app, &link(&app.admin, &id));
        let refused = enter(app, &cookie, &[("password", ""), ("private_key", ""), ("private_key_passphrase", "p")]);
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains("Please enter one of these: Password, Private key."), "{refused:#?}");
        assert_eq!(app.sql().count("secrets"), 0, "all of it or nothing");
        enter(app, &cookie, &[("password", ""), ("private_key", "-----BEGIN\r\nKEY\r\n-----END")]);
        assert_eq!(secrets_of(app, &id).ok(200)["secrets"], json!({"private_key": "-----BEGIN\nKEY\n-----END"}));
    }

    fn what_can_not_be_stored_is_said_beside_its_field_and_nothing_is_saved(app: &TestApp) {
        let id = restored(app, "wrong");
        let cookie = follow(app, &link(&app.admin, &id));
        let long = "long4711".repeat(2_001);
        for (value, words) in [
            ("", "This is missing: please enter it."),
            ("nul4711\0", "This holds a NUL character, which no system takes."),
            (long.as_str(), "This is too long: at most 16000 bytes can be stored."),
        ] {
            let refused = enter(app, &cookie, &[("password", value)]);
            assert_eq!(refused.status, 422, "{refused:#?}");
            assert!(refused.text.contains(&format!("<p class=\"error\" id=\"password-error\">{words}</p>")), "{refused:#?}");
            assert!(refused.text.contains("aria-describedby=\"password-error password-help\" aria-invalid=\"true\""), "{refused:#?}");
            assert!(refused.text.contains("Nothing was saved.") && !refused.text.contains("4711"), "{refused:#?}");
            assert_eq!(refused.header("connection"), Some("close"));
            assert_eq!(status_of(app, &id), "needs_credentials");
        }
        assert_eq!(enter(app, &cookie, &[("password", "right")]).status, 200);
    }

    fn a_password_arrives_byte_for_byte(app: &TestApp) {
        for password in ["p\u{e4}ss w\u{f6}rd+\u{1f511}&=%41<\">'", "  spaces at both ends  ", "e\u{301} is not \u{e9}", "100%25", &"\u{fc}".repeat(8_000)] {
            let id = restored(app, &format!("bytes {}", uuid::Uuid::new_v4()));
            let cookie = follow(app, &link(&app.admin, &id));
            assert_eq!(enter(app, &cookie, &[("password", password)]).status, 200);
            assert_eq!(secrets_of(app, &id).ok(200)["secrets"]["password"], password);
        }
    }

    fn a_connection_that_lacks_nothing_can_get_another_secret(app: &TestApp) {
        let id = connection(&app.admin, "expired password");
        let made = app.admin.send("POST", &path_of(&id), None).ok(201);
        assert_eq!(made["missing"], json!([]));
        let cookie = follow(app, &link(&app.admin, &id));
        let page = look(app, &cookie);
        assert!(page.text.contains("Stored. Leave empty to keep it.") && page.text.contains(HINT), "{page:#?}");
        assert!(!page.text.contains("before the deletion"), "no value is ever shown");
        assert_eq!(enter(app, &cookie, &[("password", "the next one")]).status, 200);
        assert_eq!(secrets_of(app, &id).ok(200)["secrets"]["password"], "the next one");
        let cookie = follow(app, &link(&app.admin, &id));
        assert_eq!(enter(app, &cookie, &[("password", "")]).status, 200);
        assert_eq!(secrets_of(app, &id).ok(200)["secrets"]["password"], "the next one");
    }

    fn options_that_no_connector_declares_are_asked_for_only_where_they_were(app: &TestApp) {
        let id = connection(&app.admin, "options");
        let secrets = json!({"secrets": {"extra": "{\"sslcert\": 1}"}, "source_hints": {"extra": "vault: options"}});
        app.admin.put(&format!("/v1/connections/{id}/secrets"), &secrets).ok(200);
        let entry = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        let cookie = follow(app, &link(&app.admin, &id));
        let page = look(app, &cookie);
        assert!(page.text.contains("Additional connection options") && page.text.contains("vault: options"), "{page:#?}");
        assert_eq!(enter(app, &cookie, &[("password", "p"), ("extra", "{}")]).status, 200);
        assert_eq!(secrets_of(app, &id).ok(200)["secrets"], json!({"password": "p", "extra": "{}"}));
        let other = look(app, &follow(app, &link(&app.admin, &restored(app, "plain"))));
        assert!(!other.text.contains("Additional connection options"), "{other:#?}");
    }

    fn names_and_hints_are_text_and_never_markup(app: &TestApp) {
        let name = "<img src=x onerror=alert(1)> \"&' {{ 7*7 }}";
        let hint = "</span><script>alert(2)</script>";
        let body = json!({
            "name": name, "connector": "exasol", "settings": {"host": "h", "username": "u"},
            "secrets": {"password": "p"}, "source_hints": {"password": hint},
        });
        let id = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
        let cookie = follow(app, &link(&app.admin, &id));
        for page in [look(app, &cookie), enter(app, &cookie, &[("password", "p\0")]), enter(app, &cookie, &[("password", "p")])] {
            assert!(page.text.contains("&#60;img src=x onerror=alert(1)&#62; &#34;&#38;&#39; {{ 7*7 }}"), "{page:#?}");
            assert!(!page.text.contains("<img") && !page.text.contains("<script"), "{page:#?}");
        }
    }

    fn every_answer_has_the_headers_of_a_page_that_is_kept_to_itself(app: &TestApp) {
        let id = restored(app, "headers");
        let link = link(&app.admin, &id);
        let first = browser(app, None).get(&link.path);
        let pressed = press(app, &link);
        let cookie = pressed.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let set = pressed.header("set-cookie").unwrap();
        assert!(set.contains("; Path=/enter; ") && set.ends_with("; HttpOnly; SameSite=Strict"), "{set}");
        let replies = [
            first,
            pressed,
            look(app, &cookie),
            press(app, &link),
            enter(app, &cookie, &[("password", "")]),
            send(&browser(app, Some(&cookie)), "csrf=wrong".to_owned()),
            browser(app, Some(&cookie)).with("content-type", "text/plain").send("POST", "/enter", Some("x".to_owned())),
            send(&browser(app, Some(&cookie)), "x".repeat(70_000)),
            enter(app, &cookie, &[("password", "p")]),
            browser(app, None).get("/enter"),
            browser(app, None).get("/enter/nonsense"),
        ];
        for reply in replies {
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:#?}");
            assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{reply:#?}");
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{reply:#?}");
            let policy = reply.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
            assert!(policy.ends_with("; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"), "{policy}");
            if reply.status != 303 {
                assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{reply:#?}");
                assert!(reply.text.contains("<main>") && reply.text.contains("<h1>") && !reply.text.contains("style=\""), "{reply:#?}");
            }
        }
    }

    fn other_methods_and_paths_are_nothing(app: &TestApp) {
        let link = link(&app.admin, &restored(app, "paths"));
        for (method, path) in [("PUT", "/enter"), ("DELETE", link.path.as_str()), ("GET", "/enter/"), ("GET", "/enter/a/b")] {
            let reply = browser(app, None).send(method, path, None);
            assert!(matches!(reply.status, 404 | 410), "{reply:#?}");
        }
        follow(app, &link);
    }
}
