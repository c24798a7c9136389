//! The wire form of what callers see, member by member.

use super::kit::*;
use crate::support::*;

fn shown(value: serde_json::Value) -> String {
    serde_json::to_string_pretty(&redact(value)).unwrap()
}

on_both! {
    fn a_connection(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        insta::allow_duplicates! { insta::assert_snapshot!(shown(app.admin.get(&format!("/v1/connections/{id}")).ok(200)), @r#"
        {
          "connector": "postgres",
          "created_at": "[time]",
          "deletion_protection": false,
          "external_id": "ext-warehouse",
          "id": "[id]",
          "integration": "postgres",
          "last_test": null,
          "metadata": {
            "owner": "data team"
          },
          "name": "warehouse",
          "secrets": {
            "password": {
              "label": "Password",
              "last_set_at": "[time]",
              "last_set_by": "key:[id]",
              "required": true,
              "set": true,
              "source_hint": null
            }
          },
          "settings": {
            "database": "sales",
            "host": "db.example.com",
            "port": 5432,
            "username": "bi"
          },
          "status": "untested",
          "tags": {
            "env": "prod"
          },
          "updated_at": "[time]",
          "version": 1
        }
        "#) };
    }

    fn a_model_and_its_place_in_a_list(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let list = app.admin.get(&format!("/v1/connections/{id}/models?page_size=1")).ok(200);
        let model = app.admin.get(&format!("/v1/models/{}", list["data"][0]["id"].as_str().unwrap())).ok(200);
        insta::allow_duplicates! { insta::assert_snapshot!(shown(model), @r#"
        {
          "base_model_id": null,
          "body": {},
          "connection_id": "[id]",
          "created_at": "[time]",
          "deletion_protection": false,
          "external_id": "m-base",
          "id": "[id]",
          "kind": "schema",
          "name": "base",
          "updated_at": "[time]",
          "version": 1
        }
        "#) };
        assert!(list["next_page_token"].is_string());
        insta::allow_duplicates! { insta::assert_snapshot!(shown(list["data"].clone()), @r#"
        [
          {
            "base_model_id": null,
            "connection_id": "[id]",
            "created_at": "[time]",
            "deletion_protection": false,
            "external_id": "m-base",
            "id": "[id]",
            "kind": "schema",
            "name": "base",
            "updated_at": "[time]",
            "version": 1
          }
        ]
        "#) };
    }

    fn content_and_the_answer_to_a_batch(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}/content");
        let content = app.admin.get(&format!("{path}?external_id=c-2")).ok(200)["data"][0]["id"].clone();
        let content = app.admin.get(&format!("/v1/content/{}", content.as_str().unwrap())).ok(200);
        insta::allow_duplicates! { insta::assert_snapshot!(shown(content), @r#"
        {
          "body": {
            "n": 2,
            "viz": "bar"
          },
          "connection_id": "[id]",
          "created_at": "[time]",
          "deletion_protection": false,
          "external_id": "c-2",
          "id": "[id]",
          "kind": "chart",
          "model_id": "[id]",
          "name": "chart 2",
          "updated_at": "[time]",
          "version": 1
        }
        "#) };
        let batch = json!({"items": [{"name": "a", "external_id": "x"}, {"name": "b"}]});
        insta::allow_duplicates! { insta::assert_snapshot!(shown(app.admin.post(&format!("{path}/batch"), &batch).ok(201)), @r#"
        {
          "data": [
            {
              "external_id": "x",
              "id": "[id]"
            },
            {
              "external_id": null,
              "id": "[id]"
            }
          ]
        }
        "#) };
    }

    fn an_impact(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        insta::allow_duplicates! { insta::assert_snapshot!(shown(app.admin.get(&format!("/v1/connections/{id}/impact")).ok(200)), @r#"
        {
          "impact": {
            "connections": 1,
            "content": 4,
            "integrations": 0,
            "links": 2,
            "models": 3
          },
          "plan_token": "[token]",
          "protected": null,
          "references": 0,
          "references_sample": [],
          "root": {
            "external_id": "ext-warehouse",
            "id": "[id]",
            "kind": "connection",
            "name": "warehouse"
          },
          "sample": [
            {
              "id": "[id]",
              "kind": "schema",
              "name": "base",
              "type": "model"
            },
            {
              "id": "[id]",
              "kind": "model",
              "name": "extension",
              "type": "model"
            },
            {
              "id": "[id]",
              "kind": "model",
              "name": "empty",
              "type": "model"
            },
            {
              "id": "[id]",
              "kind": "chart",
              "name": "chart 0",
              "type": "content"
            },
            {
              "id": "[id]",
              "kind": "chart",
              "name": "chart 1",
              "type": "content"
            },
            {
              "id": "[id]",
              "kind": "chart",
              "name": "chart 2",
              "type": "content"
            },
            {
              "id": "[id]",
              "kind": "dashboard",
              "name": "overview",
              "type": "content"
            }
          ],
          "secrets": [
            "password"
          ],
          "secrets_count": 1
        }
        "#) };
    }

    fn a_trash_entry_and_what_became_of_it(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let entry = app.admin.with("reprieve-actor", "id=ana; name=Ana").delete(&format!("/v1/connections/{id}?reason=moved")).ok(200);
        insta::allow_duplicates! { insta::assert_snapshot!(shown(entry.clone()), @r#"
        {
          "blockers": [],
          "broken_links": [],
          "closed_at": null,
          "closed_by": null,
          "connection_id": "[id]",
          "connector": "postgres",
          "deleted_at": "[time]",
          "deleted_by": {
            "id": "ana",
            "name": "Ana"
          },
          "held": false,
          "holds": [],
          "id": "[id]",
          "impact": {
            "connections": 1,
            "content": 4,
            "integrations": 0,
            "links": 2,
            "models": 3,
            "references": 0
          },
          "integration": "postgres",
          "kept_by": [],
          "purge_at": "[time]",
          "purge_protected": false,
          "reason": "moved",
          "restorable": true,
          "root": {
            "external_id": "ext-warehouse",
            "id": "[id]",
            "kind": "connection",
            "name": "warehouse"
          },
          "secrets": {
            "crypto_erased_at": null,
            "erased_at": null,
            "erasure": "pending",
            "key_epoch": 1,
            "revocation": "not_offered",
            "revocation_detail": "The credential is still valid at the source: Reprieve can't revoke credentials of this connector. Rotate it there.",
            "shape": {
              "password": {
                "label": "Password",
                "last_set_at": "[time]",
                "last_set_by": "key:[id]",
                "required": true,
                "set": true,
                "source_hint": null
              }
            },
            "shredded": 1,
            "shredded_at": "[time]"
          },
          "state": "in_trash",
          "uses": {
            "callers": [],
            "count": 0,
            "last_used_at": null
          }
        }
        "#) };
        let path = format!("/v1/trash/{}", entry["id"].as_str().unwrap());
        let plan = app.admin.post(&format!("{path}/restore"), &json!({"validate_only": true})).ok(200);
        insta::allow_duplicates! { insta::assert_snapshot!(shown(plan), @r#"
        {
          "ancestors": [],
          "entry_id": "[id]",
          "name": "warehouse",
          "plan_token": "[token]",
          "restores": {
            "connections": 1,
            "content": 4,
            "integrations": 0,
            "links": 2,
            "models": 3
          }
        }
        "#) };
        let mut restored = app.admin.post(&format!("{path}/restore"), &json!({})).ok(200);
        restored["connection"] = restored["connection"]["status"].clone();
        insta::allow_duplicates! { insta::assert_snapshot!(shown(restored), @r#"
        {
          "ancestors": [],
          "connection": "needs_credentials",
          "entry_id": "[id]",
          "needs_credentials": [
            "password"
          ],
          "not_restored": [],
          "restored": {
            "connections": 1,
            "content": 4,
            "integrations": 0,
            "links": 2,
            "models": 3
          }
        }
        "#) };
        let closed = app.admin.get(&path).ok(200);
        assert_eq!((&closed["state"], &closed["restorable"], &closed["blockers"][0]["code"]), (&json!("restored"), &json!(false), &json!("entry_closed")));
    }

    fn the_trash_in_numbers_and_an_entry_in_a_list(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        app.delete_connection(&id);
        let summary = app.admin.get("/v1/trash/summary").ok(200);
        assert_eq!(summary["entries"], json!({"all": 1, "integration": 0, "connection": 1, "model": 0, "content": 0}));
        let list = app.admin.get("/v1/trash").ok(200);
        assert_eq!(list["next_page_token"], json!(null));
        let listed: Vec<&String> = list["data"][0].as_object().unwrap().keys().collect();
        insta::allow_duplicates! { insta::assert_snapshot!(format!("{listed:?}"), @r#"["closed_at", "closed_by", "connection_id", "connector", "deleted_at", "deleted_by", "held", "id", "impact", "integration", "purge_at", "purge_protected", "reason", "restorable", "root", "secrets", "state", "uses"]"#) };
    }

    fn a_key_and_an_organization(app: &TestApp) {
        insta::allow_duplicates! { insta::assert_snapshot!(shown(app.admin.post("/v1/api-keys", &json!({"name": "ci", "scopes": ["trash:read"]})).ok(201)), @r#"
        {
          "created_at": "[time]",
          "created_by": "key:[id]",
          "expires_at": null,
          "id": "[id]",
          "key": "[key]",
          "last_used_at": null,
          "name": "ci",
          "revoked_at": null,
          "scopes": [
            "trash:read"
          ]
        }
        "#) };
        let mut made = app.admin.post("/v1/organizations", &json!({"name": "north"})).ok(201);
        made["admin_key"] = made["admin_key"]["key"].clone();
        insta::allow_duplicates! { insta::assert_snapshot!(shown(made["organization"].clone()), @r#"
        {
          "created_at": "[time]",
          "display_name": "north",
          "id": "[id]",
          "name": "north",
          "require_test_after_restore": false,
          "retention_days": 30,
          "updated_at": "[time]",
          "version": 1
        }
        "#) };
    }
}
