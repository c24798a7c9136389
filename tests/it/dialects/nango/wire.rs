//! Every status of every call, as it is on the wire.

use std::fmt::Write as _;

use super::*;

/// The answer on one line, without what varies from run to run.
fn line(method: &str, path: &str, reply: &Reply) -> String {
    let mut text = reply.text.clone();
    if let Ok(mut body) = serde_json::from_str::<serde_json::Value>(&text) {
        steady(&mut body);
        text = body.to_string();
    }
    format!("{method} {path} {} {text}", reply.status)
}

fn steady(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "created" | "created_at" | "updated_at" => *member = json!("[time]"),
                    "log_id" => *member = json!("[id]"),
                    "id" if member.is_number() => *member = json!(1),
                    _ => steady(member),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(steady),
        _ => {}
    }
}

/// Calls by method, path and body.
type Calls<'a> = &'a [(&'a str, &'a str, &'a str)];

fn all(client: &Client, calls: Calls<'_>) -> String {
    calls
        .iter()
        .fold(String::new(), |mut told, (method, path, body)| {
            let body = (!body.is_empty()).then(|| (*body).to_owned());
            writeln!(
                told,
                "{}",
                line(method, path, &client.send(method, path, body))
            )
            .unwrap();
            told
        })
}

on_both! {
    fn what_every_call_answers(app: &TestApp) {
        let told = all(&nango(app), &[
            ("POST", "/integrations", r#"{"provider":"openai","unique_key":"ai"}"#),
            ("POST", "/integrations", r#"{"provider":"openai","unique_key":"ai"}"#),
            ("POST", "/connections", r#"{"provider_config_key":"ai","connection_id":"u","credentials":{"type":"API_KEY","apiKey":"k"},"end_user":{"id":"e"}}"#),
            ("POST", "/connections", "{}"),
            ("POST", "/connections", "{"),
            ("POST", "/connections", r#"{"provider_config_key":"none","credentials":{"type":"API_KEY","apiKey":"k"}}"#),
            ("POST", "/connections", r#"{"provider_config_key":"ai","credentials":{"type":"NONE"}}"#),
            ("GET", "/connections", ""),
            ("GET", "/connections?limit=0", ""),
            ("GET", "/connections/u?provider_config_key=ai", ""),
            ("GET", "/connections/u", ""),
            ("GET", "/connections/%25?provider_config_key=ai", ""),
            ("GET", "/connections/u?provider_config_key=none", ""),
            ("GET", "/connections/v?provider_config_key=ai", ""),
            ("PATCH", "/connections/u?provider_config_key=ai", r#"{"tags":{"a":"b"}}"#),
            ("PATCH", "/connections/u?provider_config_key=ai", r#"{"tags":{"1":"b"},"x":1}"#),
            ("PATCH", "/connections/v?provider_config_key=ai", "{}"),
            ("PATCH", "/connections/u?provider_config_key=none", "{}"),
            ("POST", "/connections/metadata", r#"{"connection_id":"u","provider_config_key":"ai","metadata":{"a":1}}"#),
            ("PATCH", "/connections/metadata", r#"{"connection_id":["u"],"provider_config_key":"ai","metadata":{"b":2}}"#),
            ("POST", "/connections/metadata", r#"{"connection_id":"v","provider_config_key":"ai","metadata":{}}"#),
            ("PATCH", "/connections/metadata", r#"{"connection_id":"u","provider_config_key":"ai","metadata":[]}"#),
            ("GET", "/integrations", ""),
            ("GET", "/integrations?x=1", ""),
            ("GET", "/integrations/ai?include=webhook&include=credentials", ""),
            ("GET", "/integrations/none", ""),
            ("PATCH", "/integrations/ai", r#"{"display_name":"AI"}"#),
            ("PATCH", "/integrations/ai", r#"{"unique_key":"x"}"#),
            ("PATCH", "/integrations/none", "{}"),
            ("GET", "/providers?search=algolia", ""),
            ("GET", "/providers/none", ""),
            ("DELETE", "/connections", ""),
            ("DELETE", "/connections/u?provider_config_key=ai", ""),
            ("DELETE", "/connections/u?provider_config_key=ai", ""),
            ("DELETE", "/connections/u", ""),
            ("DELETE", "/connections/%25?provider_config_key=ai", ""),
            ("DELETE", "/integrations/ai", ""),
            ("DELETE", "/integrations/ai", ""),
            ("PUT", "/connections", "{}"),
            ("GET", "/connections/u/v", ""),
        ]);
        insta::allow_duplicates! { insta::assert_snapshot!(told, @""); }
    }

    fn what_callers_are_told_who_may_not(app: &TestApp) {
        let calls: Calls<'_> = &[
            ("GET", "/connections", ""),
            ("GET", "/connections/u", ""),
            ("POST", "/connections", "{"),
            ("PATCH", "/connections/u", "{"),
            ("POST", "/connections/metadata", "{"),
            ("PATCH", "/connections/metadata", "{"),
            ("DELETE", "/connections/u", ""),
            ("GET", "/integrations", ""),
            ("GET", "/integrations/ai", ""),
            ("POST", "/integrations", "{"),
            ("PATCH", "/integrations/ai", "{"),
            ("DELETE", "/integrations/ai", ""),
        ];
        let told = all(&app.client(&["trash:read"]), calls);
        insta::allow_duplicates! { insta::assert_snapshot!(told, @""); }
        let told = all(&app.stranger(), &calls[..1]) + &all(&app.stranger().with("authorization", "Bearer"), &calls[..1])
            + &all(&app.stranger().with("authorization", "Bearer x"), &calls[..1])
            + &all(&nango(app).with("content-type", "text/plain"), &calls[..1]);
        insta::allow_duplicates! { insta::assert_snapshot!(told, @""); }
        // Each call asks who calls, and what the body is said to be.
        for (method, path, body) in calls {
            let body = (!body.is_empty()).then(|| (*body).to_owned());
            assert_eq!(app.stranger().send(method, path, body.clone()).status, 401, "{method} {path}");
            assert_eq!(nango(app).with("content-type", "text/plain").send(method, path, body).status, 415, "{method} {path}");
        }
    }
}
