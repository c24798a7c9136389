//! `/link`: a user enters the secrets again, comes back with a code, and the code becomes an access token.

use super::*;
use crate::reentry::{self, Link, enter, follow, is_gone, restored, secrets_of};

const BACK: &str = "https://app.example.com/linked?state=a%20b";

fn link_of(code: &str) -> Link {
    Link {
        id: String::new(),
        path: format!("/enter/{code}"),
        code: code.to_owned(),
    }
}

/// A link token by Trackstar's call, as a link.
#[track_caller]
fn link(client: &Client, connection: &str, redirect_uri: Option<&str>) -> Link {
    let mut body = json!({ "connection_id": connection });
    if let Some(uri) = redirect_uri {
        body["redirect_uri"] = json!(uri);
    }
    let made = client.post("/link/token", &body).ok(200);
    link_of(made["link_token"].as_str().unwrap())
}

/// Where the last page leads.
#[track_caller]
fn way_back(page: &Reply) -> String {
    let after = page.text.split("href=\"").nth(1);
    let href = after.unwrap_or_else(|| panic!("no way back: {page:#?}"));
    let href = href.split('"').next().unwrap();
    href.replace("&#38;", "&").replace("&amp;", "&")
}

/// The code in an address.
#[track_caller]
fn code_in(address: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    let mut codes = url.query_pairs().filter(|(name, _)| name == "auth_code");
    let code = codes.next().unwrap().1.into_owned();
    assert!(codes.next().is_none());
    code
}

/// Goes through the pages; the code that the user brings back.
#[track_caller]
fn linked(app: &TestApp, client: &Client, connection: &str) -> String {
    let link = link(client, connection, Some(BACK));
    let done = enter(app, &follow(app, &link), &[("password", "entered again")]);
    assert_eq!(done.status, 200, "{done:#?}");
    code_in(&way_back(&done))
}

fn exchange(client: &Client, code: &str) -> Reply {
    client.post("/link/exchange", &json!({ "auth_code": code }))
}

#[track_caller]
fn is_spent(reply: &Reply) {
    assert_eq!(fields(reply), ["json.auth_code"]);
    let text = "This code can't be used, or not any more.";
    assert!(reply.text.contains(text), "{reply:#?}");
}

on_both! {
    fn a_user_enters_secrets_comes_back_and_the_client_has_a_token_that_deletes(app: &TestApp) {
        let id = restored(app, "linked");
        let client = trackstar(app, &app.client(&["secrets:write", "connections:read"]));
        let link = link(&client, &id, Some(BACK));
        let cookie = follow(app, &link);
        let done = enter(app, &cookie, &[("password", "entered again")]);
        assert!(done.text.contains("Thank you") && done.text.contains("Go back to app.example.com"), "{done:#?}");
        let policy = done.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self'") && done.header("location").is_none(), "no redirect follows the form");
        assert_eq!(done.header("referrer-policy"), Some("no-referrer"));
        let back = way_back(&done);
        assert!(back.starts_with("https://app.example.com/linked?state=a%20b&auth_code=rpa_"), "{back}");
        is_gone(&reentry::press(app, &link));

        let made = exchange(&client, &code_in(&back));
        assert_eq!(made.header("connection"), Some("close"));
        let made = made.ok(200);
        assert_eq!((&made["connection_id"], &made["integration_name"], &made["customer_id"]), (&json!(id), &json!("exasol"), &json!(null)));
        assert_eq!(secrets_of(app, &id).ok(200)["secrets"]["password"], "entered again");
        let token = made["access_token"].as_str().unwrap();
        let deleting = of_connection(app, &app.client(&["connections:delete"]), token);
        assert_eq!(deleting.delete("/connections").ok(200)["id"], id);
        refused(&deleting.delete("/connections"), 401);
    }

    fn a_code_is_exchanged_once_in_time_and_by_its_own_organization(app: &TestApp) {
        let client = trackstar(app, &app.admin);
        let code = linked(app, &client, &restored(app, "coded"));
        let theirs = app.other_organization("theirs");
        is_spent(&exchange(&trackstar(app, &theirs), &code));
        let org = |client: &Client| client.key().split('_').nth(1).unwrap().to_owned();
        let forged = code.replace(&org(&app.admin), &org(&theirs));
        is_spent(&exchange(&trackstar(app, &theirs), &forged));
        for wrong in ["", "nonsense", app.admin.key(), &code.replacen("rpa_", "rpe_", 1), code.strip_suffix(|_: char| true).unwrap()] {
            is_spent(&exchange(&client, wrong));
        }
        exchange(&client, &code).ok(200);
        is_spent(&exchange(&client, &code));

        let late = linked(app, &client, &restored(app, "late"));
        app.sql().run("UPDATE connect_sessions SET auth_expires_at = '2020-01-01T00:00:00.000000Z'");
        is_spent(&exchange(&client, &late));

        let id = restored(app, "deleted meanwhile");
        let dead = linked(app, &client, &id);
        let entry = app.delete_connection(&id);
        is_spent(&exchange(&client, &dead));
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        is_spent(&exchange(&client, &dead));
        assert_eq!(app.sql().count("access_tokens"), 1);
    }

    fn of_many_that_exchange_one_code_one_gets_a_token(app: &TestApp) {
        let client = trackstar(app, &app.admin);
        let code = linked(app, &client, &restored(app, "crowd"));
        let barrier = std::sync::Barrier::new(5);
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..5)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        exchange(&client, &code).status
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422, 422, 422, 422]);
        assert_eq!(app.sql().count("access_tokens"), 1);
    }

    fn nobody_is_led_anywhere_but_where_the_key_holder_said(app: &TestApp) {
        let id = restored(app, "led astray");
        let client = trackstar(app, &app.admin);
        for uri in ["http://evil.example/", "javascript:alert(1)", "//evil.example", "/local", "https://a@evil.example/", "https://app.example.com/#x", "https://app.example.com/?auth_code=x", ""] {
            let body = json!({"connection_id": id, "redirect_uri": uri});
            assert_eq!(fields(&client.post("/link/token", &body)), ["json.redirect_uri"], "{uri}");
            let native = app.admin.post(&format!("/v1/connections/{id}/reentry-session"), &json!({"redirect_uri": uri}));
            assert_eq!(native.field_errors()[0].0, "/redirect_uri", "{uri}");
        }
        assert_eq!(app.sql().count("connect_sessions"), 0);

        // What a browser sends leads nowhere.
        let plain = link(&client, &id, None);
        let tempting = Link { path: format!("{}?redirect_uri=https%3A%2F%2Fevil.example%2F", plain.path), ..plain };
        let cookie = follow(app, &tempting);
        let done = enter(app, &cookie, &[("password", "x")]);
        assert!(done.text.contains("You can close this page.") && !done.text.contains("href") && !done.text.contains("evil"), "{done:#?}");
        assert_eq!(app.sql().count("connect_sessions WHERE auth_digest IS NOT NULL"), 0);

        // Nothing of an address can leave its attribute.
        let odd = "https://app.example.com/\"><script>alert(1)</script>?a='b";
        let done = enter(app, &follow(app, &link(&client, &id, Some(odd))), &[("password", "x")]);
        assert!(!done.text.contains("<script") && way_back(&done).starts_with("https://app.example.com/%22%3E%3Cscript%3E"), "{done:#?}");
    }

    fn the_native_call_leads_back_too(app: &TestApp) {
        let id = restored(app, "native");
        let made = app.admin.post(&format!("/v1/connections/{id}/reentry-session"), &json!({"redirect_uri": "http://127.0.0.1:5/cb"})).ok(201);
        let link = link_of(made["code"].as_str().unwrap());
        let done = enter(app, &follow(app, &link), &[("password", "x")]);
        let code = code_in(&way_back(&done));
        assert_eq!(exchange(&trackstar(app, &app.admin), &code).ok(200)["connection_id"], id);
    }

    fn a_code_is_stored_nowhere_and_opens_nothing_else(app: &TestApp) {
        let client = trackstar(app, &app.admin);
        let code = linked(app, &client, &restored(app, "hidden"));
        let secret = code.rsplit('_').next().unwrap();
        for (table, content) in crate::secrets::dump(app) {
            assert!(!content.contains(secret), "{table} holds the code");
        }
        for prefix in ["rpa_", "rpv_", "rpe_", "rpt_"] {
            let other = code.replacen("rpa_", prefix, 1);
            Client::new(app.address(), &other).get("/v1/whoami").problem(401, "unauthenticated");
            refused(&of_connection(app, &app.admin, &other).delete("/connections"), 401);
            is_gone(&app.stranger().get(&format!("/enter/{other}")));
        }
    }

    fn a_link_is_for_a_connection_that_is_there(app: &TestApp) {
        let client = trackstar(app, &app.admin);
        for body in [json!({}), json!({"customer_id": "acme"}), json!({"connection_id": null})] {
            let reply = client.post("/link/token", &body);
            assert!(refused(&reply, 501).contains("POST /v1/connections"), "{reply:#?}");
        }
        refused(&client.send("POST", "/link/token", None), 501);
        let id = restored(app, "there");
        app.delete_connection(&id);
        let theirs = app.other_organization("theirs");
        let foreign = theirs.post("/v1/connections", &postgres_connection("theirs")).ok(201)["id"].as_str().unwrap().to_owned();
        for id in [id.as_str(), &foreign, "nonsense", &uuid::Uuid::now_v7().to_string()] {
            assert_eq!(refused(&client.post("/link/token", &json!({"connection_id": id})), 404), "There is no connection with this id.");
        }
        assert_eq!(fields(&client.post("/link/token", &json!({"connection_id": 7}))), ["json.connection_id"]);
        assert_eq!(fields(&client.post("/link/token?redirect_uri=https://evil.example/", &json!({}))), ["query.redirect_uri"]);
        assert_eq!(fields(&client.post("/link/exchange", &json!({}))), ["json.auth_code"]);
        assert_eq!(fields(&client.post("/link/exchange", &json!({"auth_code": "x", "code": "x"}))), ["json.code"]);
    }

    fn a_customer_is_set_by_whoever_may_change_connections(app: &TestApp) {
        let id = restored(app, "customer");
        let tags = || app.admin.get(&format!("/v1/connections/{id}")).ok(200)["tags"].clone();
        let may_not = trackstar(app, &app.client(&["secrets:write"]));
        refused(&may_not.post("/link/token", &json!({"connection_id": id, "customer_id": "acme"})), 403);
        assert_eq!((tags(), app.sql().count("connect_sessions")), (json!({}), 0));
        let client = trackstar(app, &app.client(&["secrets:write", "connections:write"]));
        client.post("/link/token", &json!({"connection_id": id, "customer_id": "acme"})).ok(200);
        assert_eq!(tags(), json!({"customer_id": "acme"}));

        let code = linked(app, &client, &id);
        let reply = may_not.post("/link/exchange", &json!({"auth_code": code, "customer_id": "other"}));
        refused(&reply, 403);
        assert_eq!(fields(&client.post("/link/exchange", &json!({"auth_code": code, "customer_id": "x".repeat(256)}))), ["json.customer_id"]);
        assert_eq!(client.post("/link/exchange", &json!({"auth_code": code, "customer_id": null})).ok(200)["customer_id"], "acme", "what was refused used nothing up");
        let code = linked(app, &client, &id);
        assert_eq!(client.post("/link/exchange", &json!({"auth_code": code, "customer_id": "other"})).ok(200)["customer_id"], "other");
        let reader = trackstar(app, &app.client(&["connections:*", "secrets:read"]));
        refused(&reader.post("/link/token", &json!({"connection_id": id})), 403);
        refused(&exchange(&reader, "x"), 403);
    }

    fn a_session_that_was_ended_has_no_way_back(app: &TestApp) {
        let id = restored(app, "ended");
        let client = trackstar(app, &app.admin);
        let first = follow(app, &link(&client, &id, Some(BACK)));
        let second = link(&client, &id, Some(BACK));
        is_gone(&reentry::look(app, &first));
        let cookie = follow(app, &second);
        app.admin.delete(&format!("/v1/connections/{id}/reentry-session")).ok(200);
        is_gone(&reentry::look(app, &cookie));
        assert_eq!(app.sql().count("connect_sessions WHERE auth_digest IS NOT NULL"), 0);
    }
}
