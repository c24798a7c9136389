//! The wire, member by member: every status of every endpoint that a client can bring about.

use super::*;
use crate::reentry;

fn tagged(app: &TestApp) -> String {
    let mut body = postgres_connection("warehouse");
    body["tags"] = json!({"customer_id": "acme"});
    let made = app.admin.post("/v1/connections", &body).ok(201);
    made["id"].as_str().unwrap().to_owned()
}

on_both! {
    fn of_a_deletion(app: &TestApp) {
        let id = tagged(app);
        let token = issue(&app.admin, &id);
        let client = of_connection(app, &app.admin, &token);
        let reader = of_connection(app, &app.client(&["connections:read"]), &token);
        let both_missing = app.stranger().with("x-trackstar-x", "").delete("/connections");
        let one_missing = trackstar(app, &app.admin).delete("/connections");
        let wrong_key = app.stranger().with(KEY, "wrong").with(TOKEN, &token).delete("/connections");
        let read_only = reader.delete("/connections");
        let deleted = client.delete("/connections");
        let again = client.delete("/connections");
        let elsewhere = client.delete("/connections/");
        let method = client.post("/connections", &json!({}));
        insta::allow_duplicates! {
            insta::assert_snapshot!(wire(&both_missing), @r#"
            422 {
              "detail": {
                "headers": {
                  "x-trackstar-access-token": [
                    "Missing data for required field."
                  ],
                  "x-trackstar-api-key": [
                    "Missing data for required field."
                  ]
                }
              },
              "error": "Validation error",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&one_missing), @r#"
            422 {
              "detail": {
                "headers": {
                  "x-trackstar-access-token": [
                    "Missing data for required field."
                  ]
                }
              },
              "error": "Validation error",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&wrong_key), @r#"
            401 {
              "error": "The API key is not valid.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&read_only), @r#"
            403 {
              "error": "This needs the scope connections:delete.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&deleted), @r#"
            200 {
              "deleted": true,
              "id": "[id]",
              "object": "connection"
            }
            "#);
            insta::assert_snapshot!(wire(&again), @r#"
            401 {
              "error": "The access token is not valid.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&elsewhere), @r#"
            404 {
              "error": "There is nothing at this path.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&method), @r#"
            405 {
              "error": "This path takes DELETE, GET, PATCH.",
              "origin": "trackstar"
            }
            "#);
        }
    }

    fn of_a_change(app: &TestApp) {
        let id = tagged(app);
        let token = issue(&app.admin, &id);
        let client = of_connection(app, &app.admin, &token);
        let reader = of_connection(app, &app.client(&["connections:read"]), &token);
        let changed = client.patch("/connections", &json!({"customer_id": "other"}));
        let wrong_type = client.patch("/connections", &json!({"customer_id": 7}));
        let unknown_field = client.patch("/connections", &json!({"nickname": "x"}));
        let no_json = client.send("PATCH", "/connections", Some("{".to_owned()));
        let read_only = reader.patch("/connections", &json!({}));
        let wrong_token = of_connection(app, &app.admin, "wrong").patch("/connections", &json!({}));
        insta::allow_duplicates! {
            insta::assert_snapshot!(wire(&changed), @r#"
            200 {
              "id": "[id]",
              "object": "connection",
              "updated": true
            }
            "#);
            insta::assert_snapshot!(wire(&wrong_type), @r#"
            422 {
              "detail": {
                "json": {
                  "customer_id": [
                    "Expected a string."
                  ]
                }
              },
              "error": "Validation error",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&unknown_field), @r#"
            422 {
              "detail": {
                "json": {
                  "nickname": [
                    "Unknown field."
                  ]
                }
              },
              "error": "Validation error",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&no_json), @r#"
            400 {
              "error": "The body is not JSON at line 1, column 1.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&read_only), @r#"
            403 {
              "error": "This needs the scope connections:write.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&wrong_token), @r#"
            401 {
              "error": "The access token is not valid.",
              "origin": "trackstar"
            }
            "#);
        }
    }

    fn of_reading(app: &TestApp) {
        let id = tagged(app);
        let client = trackstar(app, &app.admin);
        let list = client.get("/connections");
        let wrong_page = client.get("/connections?page_token=x");
        let one = client.get(&format!("/connections/{id}"));
        let unknown = client.get("/connections/unknown");
        let write_only = trackstar(app, &app.client(&["connections:write"])).get(&format!("/connections/{id}"));
        let missing = app.stranger().with("x-trackstar-x", "").get("/connections");
        let wrong_key = app.stranger().with(KEY, "wrong").get("/connections");
        let restored = reentry::restored(app, "restored");
        let restored = client.get(&format!("/connections/{restored}"));
        insta::allow_duplicates! {
            insta::assert_snapshot!(wire(&list), @r#"
            200 {
              "data": [
                {
                  "available_actions": [],
                  "available_endpoints": [],
                  "connection_id": "[id]",
                  "created_at": "[time]",
                  "customer_id": "acme",
                  "errors": [],
                  "historical_sync_completed": {},
                  "integration_display_name": "PostgreSQL",
                  "integration_name": "postgres",
                  "integration_type": "database",
                  "last_used": null,
                  "sync_schedules": [],
                  "times_used": null,
                  "webhooks_disabled": false
                }
              ],
              "next_token": null,
              "total_count": 1
            }
            "#);
            insta::assert_snapshot!(wire(&wrong_page), @r#"
            422 {
              "detail": {
                "query": {
                  "page_token": [
                    "This page_token is not one of this list and filter; begin again without it."
                  ]
                }
              },
              "error": "Validation error",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&one), @r#"
            200 {
              "data": {
                "available_actions": [],
                "available_endpoints": [],
                "connection_id": "[id]",
                "created_at": "[time]",
                "customer_id": "acme",
                "errors": [],
                "historical_sync_completed": {},
                "integration_display_name": "PostgreSQL",
                "integration_name": "postgres",
                "integration_type": "database",
                "last_used": null,
                "sync_schedules": [],
                "times_used": null,
                "webhooks_disabled": false
              }
            }
            "#);
            insta::assert_snapshot!(wire(&unknown), @r#"
            404 {
              "error": "There is no connection with this id.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&write_only), @r#"
            403 {
              "error": "This needs the scope connections:read.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&missing), @r#"
            422 {
              "detail": {
                "headers": {
                  "x-trackstar-api-key": [
                    "Missing data for required field."
                  ]
                }
              },
              "error": "Validation error",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&wrong_key), @r#"
            401 {
              "error": "The API key is not valid.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&restored), @r#"
            200 {
              "data": {
                "available_actions": [],
                "available_endpoints": [],
                "connection_id": "[id]",
                "created_at": "[time]",
                "customer_id": null,
                "errors": [
                  {
                    "affected_endpoints": [],
                    "error_message": "Credentials are missing: Password. Enter them again.",
                    "first_seen": "[time]",
                    "last_seen": "[time]"
                  }
                ],
                "historical_sync_completed": {},
                "integration_display_name": "Exasol",
                "integration_name": "exasol",
                "integration_type": "database",
                "last_used": null,
                "sync_schedules": [],
                "times_used": null,
                "webhooks_disabled": false
              }
            }
            "#);
        }
    }

    fn of_a_link(app: &TestApp) {
        let id = reentry::restored(app, "linked");
        let client = trackstar(app, &app.admin);
        let made = client.post("/link/token", &json!({"connection_id": id, "redirect_uri": "https://app.example.com/"}));
        let not_new = client.post("/link/token", &json!({}));
        let unknown = client.post("/link/token", &json!({"connection_id": "unknown"}));
        let astray = client.post("/link/token", &json!({"connection_id": id, "redirect_uri": "http://x.example"}));
        let code = made.json()["link_token"].as_str().unwrap().to_owned();
        let no_code = client.post("/link/exchange", &json!({}));
        let wrong_code = client.post("/link/exchange", &json!({"auth_code": code}));
        let link = reentry::Link { id: String::new(), path: format!("/enter/{code}"), code };
        let done = reentry::enter(app, &reentry::follow(app, &link), &[("password", "x")]);
        let code = done.text.split("auth_code=").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let exchanged = client.post("/link/exchange", &json!({"auth_code": code, "customer_id": "acme"}));
        insta::allow_duplicates! {
            insta::assert_snapshot!(wire(&made), @r#"
            200 {
              "link_token": "[link token]"
            }
            "#);
            insta::assert_snapshot!(wire(&not_new), @r#"
            501 {
              "error": "Linking a new connection is not implemented: make it with POST /v1/connections, and send its connection_id here.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&unknown), @r#"
            404 {
              "error": "There is no connection with this id.",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&astray), @r#"
            422 {
              "detail": {
                "json": {
                  "redirect_uri": [
                    "Only https is taken, and http on the loopback addresses."
                  ]
                }
              },
              "error": "Validation error",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&no_code), @r#"
            422 {
              "detail": {
                "json": {
                  "auth_code": [
                    "Missing data for required field."
                  ]
                }
              },
              "error": "Validation error",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&wrong_code), @r#"
            422 {
              "detail": {
                "json": {
                  "auth_code": [
                    "This code can't be used, or not any more."
                  ]
                }
              },
              "error": "Validation error",
              "origin": "trackstar"
            }
            "#);
            insta::assert_snapshot!(wire(&exchanged), @r#"
            200 {
              "access_token": "[access token]",
              "available_actions": [],
              "available_endpoints": [],
              "connection_id": "[id]",
              "customer_id": "acme",
              "integration_name": "exasol"
            }
            "#);
        }
    }
}
