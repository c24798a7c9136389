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
        insta::allow_duplicates! { insta::assert_snapshot!(told, @r#"
        POST /integrations 200 {"data":{"created_at":"[time]","display_name":"OpenAI","forward_webhooks":true,"logo":"","provider":"openai","unique_key":"ai","updated_at":"[time]"}}
        POST /integrations 400 {"error":{"code":"invalid_body","errors":[{"code":"custom","message":"Unique key already exists","path":["unique_key"]}]}}
        POST /connections 201 {"connection_config":{},"connection_id":"u","created_at":"[time]","credentials":{"apiKey":"k","type":"API_KEY"},"end_user":{"display_name":null,"email":null,"id":"e","organization":null,"tags":{}},"errors":[],"id":1,"last_fetched_at":null,"metadata":{},"provider":"openai","provider_config_key":"ai","tags":{"end_user_id":"e"},"updated_at":"[time]","webhook_url_override":null}
        POST /connections 400 {"error":{"code":"invalid_body","errors":[{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["provider_config_key"]},{"code":"invalid_type","message":"Invalid input: expected object, received undefined","path":["credentials"]}]}}
        POST /connections 400 {"error":{"code":"invalid_json","message":"The body is not JSON at line 1, column 1."}}
        POST /connections 404 {"error":{"code":"not_found","message":"Integration does not exist"}}
        POST /connections 400 {"error":{"code":"invalid_body","message":"The provider of ai takes credentials of type API_KEY"}}
        GET /connections 200 {"connections":[{"connection_id":"u","created":"[time]","end_user":{"display_name":null,"email":null,"id":"e","organization":null,"tags":{}},"errors":[],"id":1,"metadata":{},"provider":"openai","provider_config_key":"ai","tags":{"end_user_id":"e"}}]}
        GET /connections?limit=0 400 {"error":{"code":"invalid_query_params","errors":[{"code":"too_small","message":"Too small: expected number to be >=1","path":["limit"]}]}}
        GET /connections/u?provider_config_key=ai 200 {"connection_config":{},"connection_id":"u","created_at":"[time]","credentials":{"apiKey":"k","type":"API_KEY"},"end_user":{"display_name":null,"email":null,"id":"e","organization":null,"tags":{}},"errors":[],"id":1,"last_fetched_at":null,"metadata":{},"provider":"openai","provider_config_key":"ai","tags":{"end_user_id":"e"},"updated_at":"[time]","webhook_url_override":null}
        GET /connections/u 400 {"error":{"code":"invalid_query_params","errors":[{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["provider_config_key"]}]}}
        GET /connections/%25?provider_config_key=ai 400 {"error":{"code":"invalid_uri_params","errors":[{"code":"invalid_format","message":"Invalid string: must match pattern /^[a-zA-Z0-9,.;:=+~[\\]|@${}\"'\\\\/_ -]+$/","path":["connectionId"]}]}}
        GET /connections/u?provider_config_key=none 400 {"error":{"code":"unknown_provider_config","message":"There is no integration with this key."}}
        GET /connections/v?provider_config_key=ai 404 {"error":{"code":"not_found","message":"There is no connection with this id."}}
        PATCH /connections/u?provider_config_key=ai 200 {"success":true}
        PATCH /connections/u?provider_config_key=ai 400 {"error":{"code":"invalid_body","errors":[{"code":"invalid_key","message":"Tag keys must start with a letter and contain only alphanumerics, underscores, hyphens, periods, or slashes","path":["tags","1"]},{"code":"unrecognized_keys","message":"Unrecognized key: \"x\"","path":[]}]}}
        PATCH /connections/v?provider_config_key=ai 404 {"error":{"code":"not_found","message":"There is no connection with this id."}}
        PATCH /connections/u?provider_config_key=none 400 {"error":{"code":"unknown_provider_config","message":"There is no integration with this key."}}
        POST /connections/metadata 201 {"connection_id":"u","metadata":{"a":1},"provider_config_key":"ai"}
        PATCH /connections/metadata 200 {"connection_id":["u"],"metadata":{"b":2},"provider_config_key":"ai"}
        POST /connections/metadata 404 {"error":{"code":"unknown_connection"}}
        PATCH /connections/metadata 400 {"error":{"code":"invalid_body","errors":[{"code":"invalid_type","message":"Invalid input: expected record, received array","path":["metadata"]}]}}
        GET /integrations 200 {"data":[{"created_at":"[time]","display_name":"OpenAI","forward_webhooks":true,"logo":"","provider":"openai","unique_key":"ai","updated_at":"[time]"}]}
        GET /integrations?x=1 400 {"error":{"code":"invalid_query_params","errors":[{"code":"unrecognized_keys","message":"Unrecognized key: \"x\"","path":[]}]}}
        GET /integrations/ai?include=webhook&include=credentials 200 {"data":{"created_at":"[time]","credentials":null,"display_name":"OpenAI","forward_webhooks":true,"logo":"","provider":"openai","unique_key":"ai","updated_at":"[time]","webhook_url":null}}
        GET /integrations/none 404 {"error":{"code":"not_found","message":"There is no integration with this id."}}
        PATCH /integrations/ai 200 {"data":{"created_at":"[time]","display_name":"AI","forward_webhooks":true,"logo":"","provider":"openai","unique_key":"ai","updated_at":"[time]"}}
        PATCH /integrations/ai 400 {"error":{"code":"invalid_body","errors":[{"code":"custom","message":"The key of an integration can't be changed","path":["unique_key"]}]}}
        PATCH /integrations/none 404 {"error":{"code":"not_found","message":"There is no integration with this id."}}
        GET /providers?search=algolia 200 {"data":[{"auth_mode":"API_KEY","categories":["dev-tools","search"],"connection_config":{"appId":{"description":"The ID of the application, part of the address of its API.","optional":false,"title":"Application ID","type":"string"},"ca_certificate":{"description":"The public certificate of the authority that signed the server's, in PEM form.","optional":true,"title":"CA certificate","type":"string"},"index":{"description":"The index to use when a request names none.","optional":true,"title":"Index","type":"string"}},"credentials":{"apiKey":{"description":"An API key with the rights that are needed.","optional":false,"title":"API key","type":"string"}},"display_name":"Algolia","docs":"https://www.algolia.com/doc/","name":"algolia"}]}
        GET /providers/none 404 {"error":{"code":"not_found","message":"There is no provider with this name."}}
        DELETE /connections 400 {"error":{"code":"invalid_uri_params","errors":[{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["connectionId"]}]}}
        DELETE /connections/u?provider_config_key=ai 200 {"success":true}
        DELETE /connections/u?provider_config_key=ai 404 {"error":{"code":"unknown_connection"}}
        DELETE /connections/u 400 {"error":{"code":"invalid_query_params","errors":[{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["provider_config_key"]}]}}
        DELETE /connections/%25?provider_config_key=ai 400 {"error":{"code":"invalid_uri_params","errors":[{"code":"invalid_format","message":"Invalid string: must match pattern /^[a-zA-Z0-9,.;:=+~[\\]|@${}\"'\\\\/_ -]+$/","path":["connectionId"]}]}}
        DELETE /integrations/ai 200 {"success":true}
        DELETE /integrations/ai 404 {"error":{"code":"not_found","message":"There is no integration with this id."}}
        PUT /connections 405 {"error":{"code":"method_not_allowed","message":"This path takes GET, POST."}}
        GET /connections/u/v 404 {"error":{"code":"not_found","message":"There is nothing at this path."}}
        "#); }
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
        insta::allow_duplicates! { insta::assert_snapshot!(told, @r#"
        GET /connections 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:connections:list or environment:connections:list_credentials."}}
        GET /connections/u 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:connections:read or environment:connections:read_credentials."}}
        POST /connections 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:connections:create."}}
        PATCH /connections/u 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:connections:update."}}
        POST /connections/metadata 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:connections:update."}}
        PATCH /connections/metadata 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:connections:update."}}
        DELETE /connections/u 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:connections:delete."}}
        GET /integrations 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:integrations:list or environment:integrations:list_credentials."}}
        GET /integrations/ai 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:integrations:read or environment:integrations:read_credentials."}}
        POST /integrations 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:integrations:create."}}
        PATCH /integrations/ai 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:integrations:update."}}
        DELETE /integrations/ai 403 {"error":{"code":"forbidden","message":"This API key lacks the scope environment:integrations:delete."}}
        "#); }
        let told = all(&app.stranger(), &calls[..1]) + &all(&app.stranger().with("authorization", "Bearer"), &calls[..1])
            + &all(&app.stranger().with("authorization", "Bearer x"), &calls[..1])
            + &all(&nango(app).with("content-type", "text/plain"), &calls[..1]);
        insta::allow_duplicates! { insta::assert_snapshot!(told, @r#"
        GET /connections 401 {"error":{"code":"missing_auth_header","message":"Authentication failed. The request is missing the Authorization header."}}
        GET /connections 401 {"error":{"code":"malformed_auth_header","message":"Authentication failed. The Authorization header is malformed."}}
        GET /connections 401 {"error":{"code":"invalid_secret_key_format","message":"Authentication failed. The provided secret/public key is not a key of this service."}}
        GET /connections 415 {"error":{"code":"invalid_content_type","message":"The Content-Type header must begin with application/json."}}
        "#); }
        // Each call asks who calls, and what the body is said to be.
        for (method, path, body) in calls {
            let body = (!body.is_empty()).then(|| (*body).to_owned());
            assert_eq!(app.stranger().send(method, path, body.clone()).status, 401, "{method} {path}");
            assert_eq!(nango(app).with("content-type", "text/plain").send(method, path, body).status, 415, "{method} {path}");
        }
    }
}
