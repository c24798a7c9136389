//! Ids that are none, ids of others, and bodies with odd bytes: nothing else is hit, and each refusal has the dialect's form.

use super::kit::*;
use crate::support::*;

on_both! {
    fn two_organizations_never_cross(app: &TestApp) {
        let other = app.other_organization("other");
        let id = create(&app.admin, &postgres("warehouse"));
        let shared = model(&app.admin, &id, "SHARED", "shared", Some(&id));
        content(&app.admin, &id, &json!({"name": "doc", "external_id": "slug"}));
        let path = format!("/api/v1/connections/{id}");
        let look = |client: &Client| {
            let all = |path: &str| walk(client, path, if path.contains("models") { "id" } else { "identifier" }).len();
            let connections = client.get("/api/v1/connections?includeDeleted=true").ok(200)["connections"].as_array().unwrap().len();
            (connections, all("/api/v1/models?includeDeleted=1"), all("/api/v1/documents?include=includeDeleted"))
        };
        for (round, expected) in [("live", 410), ("in the trash", 410)] {
            let unknown = uuid::Uuid::now_v7().to_string();
            let hide = |reply: &Reply, id: &str| reply.text.replace(id, "[id]");
            for (method, rest, body) in [("GET", "", None), ("DELETE", "", None), ("PATCH", "", Some(r#"{"baseRole":"VIEWER"}"#)), ("POST", "/restore", Some("{}"))] {
                let send = |id: &str| other.send(method, &format!("/api/v1/connections/{id}{rest}"), body.map(str::to_owned));
                let (foreign, none) = (send(&id), send(&unknown));
                assert_eq!((foreign.status, hide(&foreign, &id)), (404, hide(&none, &unknown)), "{round}: {method}");
            }
            for (method, body) in [("DELETE", None), ("PATCH", Some(r#"{"name":"x"}"#))] {
                let send = |id: &str| other.send(method, &format!("/api/v1/models/{id}"), body.map(str::to_owned));
                for own in [&shared, &id] {
                    let (foreign, none) = (send(own), send(&unknown));
                    assert_eq!((foreign.status, hide(&foreign, own)), (404, hide(&none, &unknown)), "{round}: {method}");
                }
            }
            refused(&other.delete("/api/v1/documents/slug"), 404);
            refused(&other.post("/api/v1/models", &json!({"connectionId": id, "modelKind": "SHARED"})), 404);
            refused(&other.get(&format!("/api/v1/models?connectionId={id}&cursor=x")), 400);
            assert_eq!(walk(&other, &format!("/api/v1/models?connectionId={id}&includeDeleted=1"), "id").len(), 0);
            assert_eq!(look(&other), (0, 0, 0), "{round}");
            assert_eq!(look(&app.admin), (1, 2, 1), "{round}");
            if round == "live" {
                app.admin.delete(&path).ok(200);
            }
            refused(&app.admin.delete(&path), expected);
        }
        // The same name and the same ids of the caller beside each other.
        create(&other, &postgres("warehouse"));
        assert_eq!(look(&other), (1, 1, 0));
        // A cursor of one organization shows the other its own rows and no others.
        for name in ["b", "c"] {
            create(&app.admin, &postgres(name));
        }
        let cursor = app.admin.get("/api/v1/models?pageSize=1").ok(200)["pageInfo"]["nextCursor"].as_str().unwrap().to_owned();
        let page = other.get(&format!("/api/v1/models?pageSize=1&cursor={cursor}")).ok(200);
        assert!(page["records"].as_array().unwrap().iter().all(|model| model["name"] == "warehouse"));
    }

    fn no_id_that_is_none_reaches_a_row(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let shared = model(&app.admin, &id, "SHARED", "shared", None);
        content(&app.admin, &id, &json!({"name": "doc", "external_id": "connections"}));
        let simple = id.replace('-', "");
        for odd in ["x", "..", ".", "%2E%2E", "%2F", &format!("{id}%2F"), &format!("%20{id}"), &format!("{id}%20"), &simple, &format!("%7B{id}%7D"),
            &format!("urn:uuid:{id}"), "0", "null", "%27%20OR%201=1", "%C3%A9", &format!("..%2F{id}"), &format!("{id};x"), &format!("x%0D%0A{id}"), "*"] {
            for resource in ["connections", "models"] {
                let field = if resource == "models" { "modelId" } else { "id" };
                let reply = app.admin.delete(&format!("/api/v1/{resource}/{odd}"));
                let detail = refused(&reply, 400);
                assert!(detail == format!("Bad Request: {field}: Invalid uuid") || detail.starts_with("Bad Request: The path"), "{odd}: {detail}");
            }
        }
        for (path, status) in [
            ("/api/v1/connections".to_owned(), 405),
            ("/api/v1/connections/".to_owned(), 404),
            (format!("/api/v1/connections/{id}/"), 404),
            (format!("/api/v1/connections//{id}"), 404),
            (format!("/api/v1//connections/{id}"), 404),
            (format!("/api/v1/Connections/{id}"), 404),
            (format!("/api/v1/models/{shared}/git"), 404),
            (format!("/api/v1/models/{shared}/branch/x"), 404),
            ("/api/v1/models/".to_owned(), 404),
            ("/api/v1/documents/".to_owned(), 404),
            ("/api/v1/documents".to_owned(), 405),
            ("/api/v1/documents/connections/draft".to_owned(), 404),
            ("/api/v1/folders/x".to_owned(), 404),
            (format!("/api/v1/connections/{id}/restore"), 405),
        ] {
            let reply = app.admin.delete(&path);
            refused(&reply, status);
            assert_eq!(reply.header("allow").is_some(), status == 405, "{path}");
        }
        for odd in ["%FF", "a%00b"] {
            for resource in ["connections", "models", "documents"] {
                refused(&app.admin.delete(&format!("/api/v1/{resource}/{odd}")), 400);
            }
        }
        for odd in ["..", ".", "..%2Fconnections", "%2Fconnections", "Connections", "connections%20"] {
            refused(&app.admin.delete(&format!("/api/v1/documents/{odd}")), 404);
        }
        assert_eq!(app.admin.get("/v1/trash").ok(200)["data"], json!([]));
        // The one other spelling of an id that is one.
        app.admin.delete(&format!("/api/v1/connections/{}", id.to_uppercase())).ok(200);
    }

    fn the_content_type_of_a_request_is_nobodys_business(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let path = format!("/api/v1/connections/{id}");
        app.admin.with("content-type", "text/plain").patch(&path, &json!({"baseRole": "VIEWER"})).ok(200);
        let cli = app.admin.with("content-type", "application/json");
        cli.get(&path).ok(200);
        cli.delete(&path).ok(200);
        cli.send("POST", &format!("{path}/restore"), None).ok(200);
        cli.send("DELETE", &path, Some("{}".to_owned())).ok(200);
    }

    fn a_body_with_a_secret_closes_the_connection_whatever_is_answered(app: &TestApp) {
        let created = app.admin.post("/api/v1/connections", &postgres("warehouse"));
        assert_eq!(created.header("connection"), Some("close"));
        let id = created.ok(201)["data"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/connections/{id}");
        for reply in [
            app.admin.post("/api/v1/connections", &postgres("warehouse")),
            app.admin.post("/api/v1/connections", &json!({"passwordUnencrypted": SECRET})),
            app.client(&["connections:read"]).post("/api/v1/connections", &postgres("b")),
            app.admin.patch(&path, &json!({"passwordUnencrypted": SECRET})),
        ] {
            assert_eq!(reply.header("connection"), Some("close"), "{reply:#?}");
        }
        assert_eq!(app.admin.get(&path).header("connection"), None);
    }
}
