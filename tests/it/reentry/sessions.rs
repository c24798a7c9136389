//! The session that comes of a link: when it ends, and what it never reaches.

use super::*;

/// Every way to use a session is over.
#[track_caller]
fn is_over(app: &TestApp, cookie: &str, token: &str) {
    is_gone(&look(app, cookie));
    let browser = browser(app, Some(cookie)).with("sec-fetch-site", "same-origin");
    is_gone(&send(
        &browser,
        form(&[("csrf", token), ("secret.password", "too late")]),
    ));
}

on_both! {
    fn a_session_ends_after_its_time(app: &TestApp) {
        let id = restored(app, "late");
        let link = link(&app.admin, &id);
        let pressed = press(app, &link);
        let seconds = pressed.header("set-cookie").unwrap().split("Max-Age=").nth(1).unwrap().split(';').next().unwrap().parse::<u32>().unwrap();
        assert!((1_600..=1_800).contains(&seconds), "{seconds}");
        let cookie = pressed.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let token = token(&look(app, &cookie));
        app.sql().run("UPDATE connect_sessions SET expires_at = '2020-01-01T00:00:00.000000Z'");
        is_over(app, &cookie, &token);
        assert_eq!(status_of(app, &id), "needs_credentials");
    }

    fn a_session_ends_with_its_success(app: &TestApp) {
        let id = restored(app, "done");
        let cookie = follow(app, &link(&app.admin, &id));
        let token = token(&look(app, &cookie));
        assert_eq!(enter(app, &cookie, &[("password", "entered")]).status, 200);
        is_over(app, &cookie, &token);
        assert_eq!(secrets_of(app, &id).ok(200)["secrets"]["password"], "entered");
    }

    fn a_session_dies_with_its_connection_and_a_restore_brings_none_back(app: &TestApp) {
        let id = restored(app, "mortal");
        let unused = |app: &TestApp| link(&app.admin, &id);
        let cookie = follow(app, &unused(app));
        let token = token(&look(app, &cookie));
        let entry = app.delete_connection(&id);
        assert_eq!(app.sql().count("connect_sessions"), 0, "the deletion forgets it in its own transaction");
        is_over(app, &cookie, &token);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        is_over(app, &cookie, &token);

        let link = unused(app);
        let entry = app.delete_connection(&id);
        is_gone(&press(app, &link));
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        is_gone(&press(app, &link));
        assert_eq!(app.admin.delete(&path_of(&id)).ok(200)["ended"], 0);
        assert_eq!(status_of(app, &id), "needs_credentials");
    }

    fn a_session_dies_with_the_integration_of_its_connection(app: &TestApp) {
        app.admin.post("/v1/integrations", &json!({"key": "lake", "connector": "exasol"})).ok(201);
        let settings = json!({"host": "exasol.example.com", "username": "bi"});
        let member = json!({"name": "member", "connector": "exasol", "integration": "lake", "settings": settings, "secrets": {"password": "p"}, "source_hints": {"password": "vault: member"}});
        let id = app.admin.post("/v1/connections", &member).ok(201)["id"].as_str().unwrap().to_owned();
        let kept = restored(app, "kept");
        let cookie = follow(app, &link(&app.admin, &id));
        let other = follow(app, &link(&app.admin, &kept));
        let token = token(&look(app, &cookie));
        let entry = app.admin.delete("/v1/integrations/lake").ok(200)["id"].as_str().unwrap().to_owned();
        is_over(app, &cookie, &token);
        assert_eq!(look(app, &other).status, 200, "what is not of the integration stays");
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        is_over(app, &cookie, &token);

        // What the deletion of the integration kept of the secret helps to find it again.
        let page = look(app, &follow(app, &link(&app.admin, &id)));
        assert!(page.text.contains("vault: member") && page.text.contains("Removed when this connection was deleted."), "{page:#?}");
    }

    fn a_session_is_of_one_connection_alone(app: &TestApp) {
        let (one, other) = (restored(app, "one"), restored(app, "other"));
        let (first, second) = (link(&app.admin, &one), link(&app.admin, &other));
        let (cookie, others) = (follow(app, &first), follow(app, &second));
        let page = look(app, &cookie);
        assert!(page.text.contains("one") && !page.text.contains(">other<"), "{page:#?}");
        // The id of another session with one's own secret is nothing.
        let plain = |id: &str| id.replace('-', "");
        let forged = cookie.replace(&plain(&first.id), &plain(&second.id));
        assert_ne!(forged, cookie);
        is_over(app, &forged, &token(&page));
        // Nor do a path, a query or a field lead elsewhere.
        let token = token(&page);
        let browser = browser(app, Some(&cookie)).with("sec-fetch-site", "same-origin");
        let elsewhere = form(&[("csrf", &token), ("secret.password", "x"), ("connection_id", &other)]);
        assert_eq!(send(&browser, elsewhere).status, 403);
        assert_eq!(enter(app, &cookie, &[("password", "for one")]).status, 200);
        assert_eq!(status_of(app, &other), "needs_credentials");
        assert_eq!(look(app, &others).status, 200);
    }

    fn neither_code_nor_cookie_opens_the_api(app: &TestApp) {
        let id = restored(app, "api");
        let link = link(&app.admin, &id);
        let cookie = follow(app, &link);
        let value = cookie.split('=').nth(1).unwrap();
        let as_key = |text: &str| text.replacen("rpc_", "rpv_", 1).replacen("rpe_", "rpv_", 1);
        let callers = [
            browser(app, Some(&cookie)),
            Client::new(app.address(), value),
            Client::new(app.address(), &link.code),
            Client::new(app.address(), &as_key(value)),
            Client::new(app.address(), &as_key(&link.code)),
        ];
        for caller in callers {
            for path in ["/v1/whoami".to_owned(), format!("/v1/connections/{id}"), format!("/v1/connections/{id}/secrets")] {
                caller.get(&path).problem(401, "unauthenticated");
            }
            caller.put(&format!("/v1/connections/{id}/secrets"), &json!({"secrets": {"password": "x"}})).problem(401, "unauthenticated");
            caller.delete(&format!("/v1/connections/{id}")).problem(401, "unauthenticated");
        }
        // And an API key, or a code, is no cookie.
        for text in [app.admin.key(), link.code.as_str()] {
            is_gone(&look(app, &format!("reprieve-reentry={text}")));
        }
    }

    fn a_session_enters_what_it_was_opened_for_and_nothing_else(app: &TestApp) {
        let settings = json!({"account": "a", "username": "u"});
        let body = json!({"name": "partly", "connector": "snowflake", "settings": settings, "secrets": {"private_key_passphrase": "kept"}});
        let id = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
        let cookie = follow(app, &link(&app.admin, &id));
        let page = look(app, &cookie);
        assert!(page.text.contains("secret.private_key\"") && !page.text.contains("secret.private_key_passphrase"), "{page:#?}");
        assert!(!page.text.contains("secret.extra"));
        for field in ["private_key_passphrase", "extra", "nonsense"] {
            let refused = enter(app, &cookie, &[("private_key", "key"), (field, "stolen")]);
            assert_eq!(refused.status, 403, "{refused:#?}");
        }
        assert_eq!(status_of(app, &id), "needs_credentials");
        assert_eq!(app.sql().count("secrets"), 1);
    }

    fn what_ended_long_ago_is_forgotten(app: &TestApp) {
        let id = restored(app, "tidy");
        link(&app.admin, &id);
        link(&app.admin, &id);
        reprieve::jobs::housekeeping::round(&app.services);
        assert_eq!(app.sql().count("connect_sessions"), 2);
        app.sql().run("UPDATE connect_sessions SET expires_at = '2020-01-01T00:00:00.000000Z' WHERE ended_at IS NOT NULL");
        reprieve::jobs::housekeeping::round(&app.services);
        assert_eq!(app.sql().count("connect_sessions"), 1);
    }

    fn a_deletion_and_an_entry_that_meet_leave_no_secret_behind(app: &TestApp) {
        for round in 0..6 {
            let id = restored(app, &format!("race {round}"));
            let cookie = follow(app, &link(&app.admin, &id));
            let token = token(&look(app, &cookie));
            let body = form(&[("csrf", &token), ("secret.password", "in a race")]);
            let browser = browser(app, Some(&cookie)).with("sec-fetch-site", "same-origin");
            let barrier = std::sync::Barrier::new(2);
            let (entered, deleted) = std::thread::scope(|scope| {
                let entering = scope.spawn(|| {
                    barrier.wait();
                    send(&browser, body.clone())
                });
                let deleting = scope.spawn(|| {
                    barrier.wait();
                    app.admin.delete(&format!("/v1/connections/{id}"))
                });
                (entering.join().unwrap(), deleting.join().unwrap())
            });
            assert!(matches!(entered.status, 200 | 410), "{entered:#?}");
            deleted.ok(200);
            is_over(app, &cookie, &token);
            assert_eq!(app.sql().count("secrets"), 0);
        }
    }
}
