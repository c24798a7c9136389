//! Ids and keys arrive in the URL without being encoded: whatever they make of it, no other row is hit.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::*;

/// Sends a request line as it stands.
fn raw(app: &TestApp, key: &str, target: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(app.address()).unwrap();
    write!(stream, "DELETE {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    let code = serde_json::from_str::<serde_json::Value>(body)
        .map(|body| {
            body["error"]["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .unwrap_or_default();
    (status, code)
}

fn live(client: &Client) -> BTreeSet<String> {
    let list = client.get("/connections").ok(200);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let connections = list["connections"].as_array().unwrap();
    let name = |row: &serde_json::Value| {
        format!(
            "{}|{}",
            text(&row["provider_config_key"]),
            text(&row["connection_id"])
        )
    };
    connections.iter().map(name).collect()
}

on_both! {
    fn no_other_row_is_hit_whatever_the_id_or_the_key_looks_like(app: &TestApp) {
        let client = nango(app);
        for key in ["k", "other"] {
            integration(&client, "openai", key);
            // Native clients may give any id.
            for (number, id) in ["a", "b", "a/b", "..", "a?b", "a#b", "a%2Fb", "%2F", "metadata", "a b", "A", "a\\b", "*", "{\"k\":\"v\"}"].into_iter().enumerate() {
                let body = json!({"name": format!("n {number}"), "connector": "nango-api-key", "integration": key, "external_id": id, "secrets": {"apiKey": "x"}});
                app.admin.post("/v1/connections", &body).ok(201);
            }
        }
        let mut left = live(&client);
        assert_eq!(left.len(), 28);
        let cases = [
            // What the client makes of ids.
            ("/connections/a/b?provider_config_key=k", 404, "not_found", None),
            ("/connections/a?b?provider_config_key=k", 400, "invalid_query_params", None),
            ("/connections/a", 400, "invalid_query_params", None),
            ("/?provider_config_key=k", 404, "", None),
            ("/a?provider_config_key=k", 404, "", None),
            ("/connections/?provider_config_key=k", 400, "invalid_uri_params", None),
            ("/connections?provider_config_key=k", 400, "invalid_uri_params", None),
            ("/connections/a%b?provider_config_key=k", 400, "invalid_uri_params", None),
            ("/connections/a%2Fb?provider_config_key=k", 200, "", Some("k|a/b")),
            ("/connections/a%2Fb?provider_config_key=k", 404, "unknown_connection", None),
            ("/connections/%7B%22k%22:%22v%22%7D?provider_config_key=k", 200, "", Some("k|{\"k\":\"v\"}")),
            ("/connections/a%20b?provider_config_key=k", 200, "", Some("k|a b")),
            ("/connections/a%5Cb?provider_config_key=k", 200, "", Some("k|a\\b")),
            // Paths are taken as they are.
            ("/connections/../connections/a?provider_config_key=k", 404, "not_found", None),
            ("/connections/./a?provider_config_key=k", 404, "not_found", None),
            ("/connections//a?provider_config_key=k", 404, "not_found", None),
            ("//connections/a?provider_config_key=k", 404, "", None),
            ("/connections/a/?provider_config_key=k", 404, "not_found", None),
            ("/connections/..?provider_config_key=k", 200, "", Some("k|..")),
            ("/connections/%2e%2e?provider_config_key=other", 200, "", Some("other|..")),
            ("/connections/%2F?provider_config_key=k", 404, "unknown_connection", None),
            ("/connections/a%252Fb?provider_config_key=k", 400, "invalid_uri_params", None),
            ("/connections/a%3Fb?provider_config_key=k", 400, "invalid_uri_params", None),
            ("/connections/a%23b?provider_config_key=k", 400, "invalid_uri_params", None),
            ("/connections/*?provider_config_key=k", 400, "invalid_uri_params", None),
            ("/connections/%25?provider_config_key=k", 400, "invalid_uri_params", None),
            ("/connections/a%00?provider_config_key=k", 400, "invalid_request", None),
            ("/connections/a%ff?provider_config_key=k", 400, "invalid_request", None),
            ("/connections/a%20?provider_config_key=k", 404, "unknown_connection", None),
            ("/connections/%20a?provider_config_key=k", 404, "unknown_connection", None),
            ("/connections/a;b?provider_config_key=k", 404, "unknown_connection", None),
            // What keys make of the query.
            ("/connections/a?provider_config_key=k&b", 400, "invalid_query_params", None),
            ("/connections/a?provider_config_key=k&provider_config_key=other", 400, "invalid_query_params", None),
            ("/connections/a?provider_config_key=k&provider_config_key=k", 400, "invalid_query_params", None),
            ("/connections/a?provider_config_key=", 400, "invalid_query_params", None),
            ("/connections/a?provider_config_key=k%00", 400, "invalid_query_params", None),
            ("/connections/a?provider_config_key=k%26", 400, "invalid_query_params", None),
            ("/connections/a?provider_config_key=K", 404, "unknown_connection", None),
            ("/connections/a?provider_config_key=k+", 404, "unknown_connection", None),
            ("/connections/a?provider_config_key=%25", 400, "invalid_query_params", None),
            ("/connections/a?Provider_config_key=k", 400, "invalid_query_params", None),
            ("/connections/a?provider_config_key[]=k", 400, "invalid_query_params", None),
            ("/connections/a?provider_config_key=nango-api-key", 404, "unknown_connection", None),
            ("/integrations/", 404, "not_found", None),
            ("/integrations", 405, "method_not_allowed", None),
            ("/integrations/k/x", 404, "not_found", None),
            ("/integrations/%2F", 400, "invalid_uri_params", None),
            // And what is named exactly.
            ("/connections/a?provider_config_key=k", 200, "", Some("k|a")),
            ("/connections/A?provider_config_key=k", 200, "", Some("k|A")),
            ("/connections/metadata?provider_config_key=k", 200, "", Some("k|metadata")),
            ("/connection/b?provider_config_key=other", 200, "", Some("other|b")),
        ];
        for (target, status, code, gone) in cases {
            assert_eq!(raw(app, client.key(), target), (status, code.to_owned()), "{target}");
            if let Some(gone) = gone {
                assert!(left.remove(gone), "{gone}");
            }
            assert_eq!(live(&client), left, "{target}");
        }
    }
}
