//! The 17 dialects that a connection can be created with, and what becomes of their secrets.

use serde_json::Value;

use super::kit::*;
use crate::support::*;

/// A create body for each dialect, with every secret that the original takes.
fn bodies() -> Vec<Value> {
    let server = json!({"host": "db.example.com", "database": "sales", "username": "bi"});
    let special = |dialect: &str| match dialect {
        "athena" => json!({"region": "eu-central-1", "username": "AKIA", "warehouse": "wg"}),
        "bigquery" => json!({"region": "EU", "defaultSchema": "ds"}),
        "databricks" => {
            json!({"host": "dbc.example.com", "warehouse": "/sql/1.0/warehouses/a", "database": "main", "oauthClientId": "client"})
        }
        "motherduck" => json!({"database": "my_db"}),
        "snowflake" => {
            json!({"host": "xy12345.eu.snowflakecomputing.com", "username": "bi", "warehouse": "wh", "database": "sales"})
        }
        _ => server.clone(),
    };
    [
        "athena",
        "bigquery",
        "clickhouse",
        "databricks",
        "databricks_lakebase",
        "exasol",
        "mariadb",
        "motherduck",
        "mssql",
        "mysql",
        "oracle",
        "postgres",
        "redshift",
        "sap_hana",
        "snowflake",
        "starrocks",
        "trino",
    ]
    .into_iter()
    .map(|dialect| {
        let mut body = special(dialect);
        let password = if dialect == "bigquery" {
            format!(
                r#"{{"type":"service_account","project_id":"acme-prod","private_key":"{SECRET}"}}"#
            )
        } else {
            format!("{SECRET}-password")
        };
        for (name, value) in [
            ("dialect", dialect),
            ("name", dialect),
            ("passwordUnencrypted", &password),
            ("privateKey", &format!("{SECRET}-key")),
            ("oauthClientSecretUnencrypted", &format!("{SECRET}-oauth")),
            ("queryTimezone", "UTC"),
        ] {
            body[name] = json!(value);
        }
        body
    })
    .collect()
}

/// Where the secrets of a dialect are: the password's field, then those of the key and of the OAuth secret if it has them.
fn places(dialect: &str) -> (&'static str, Option<&'static str>, Option<&'static str>) {
    let oauth = Some("client_secret");
    match dialect {
        "athena" => ("secret_access_key", None, None),
        "bigquery" => ("service_account_json", None, None),
        "databricks" => ("token", None, oauth),
        "databricks_lakebase" => ("password", None, oauth),
        "motherduck" => ("token", None, None),
        "snowflake" => ("password", Some("private_key"), None),
        _ => ("password", None, None),
    }
}

on_both! {
    fn all_are_created_deleted_and_restored_without_their_secrets(app: &TestApp) {
        let all = bodies();
        assert_eq!(all.len(), 17);
        for body in &all {
            let dialect = body["dialect"].as_str().unwrap();
            let id = create(&app.admin, body);
            let secrets = app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200)["secrets"].clone();
            let (password, key, oauth) = places(dialect);
            assert_eq!(secrets[password], body["passwordUnencrypted"], "{dialect}");
            let mut extra = json!({});
            for (place, name) in [(key, "privateKey"), (oauth, "oauthClientSecretUnencrypted")] {
                match place {
                    Some(place) => assert_eq!(secrets[place], body[name], "{dialect}"),
                    None => extra[name] = body[name].clone(),
                }
            }
            let kept: Value = serde_json::from_str(secrets["extra"].as_str().unwrap()).unwrap();
            assert_eq!(kept, extra, "{dialect}");

            let native = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
            assert_eq!(native["connector"], dialect);
            assert!(!native.to_string().contains(SECRET), "{dialect}");
            let shown = app.admin.get(&format!("/api/v1/connections/{id}"));
            assert_eq!(strict(&shown.ok(200)["connection"])["dialect"], dialect);
            assert!(!shown.text.contains(SECRET));

            let path = format!("/api/v1/connections/{id}");
            app.admin.delete(&path).ok(200);
            let back = app.admin.post(&format!("{path}/restore"), &json!({})).ok(200);
            assert_eq!(strict(&back["connection"])["dialect"], dialect);
            let after = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
            assert_eq!((&after["settings"], &after["metadata"]), (&native["settings"], &native["metadata"]), "{dialect}");
            assert_eq!(after["status"], "needs_credentials", "{dialect}");
            for (name, secret) in after["secrets"].as_object().unwrap() {
                assert_eq!(secret["set"], false, "{dialect}: {name}");
            }
            let patched = app.admin.patch(&path, &json!({"passwordUnencrypted": body["passwordUnencrypted"], "privateKey": format!("{SECRET}-new")}));
            patched.ok(200);
            assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["status"], "untested", "{dialect}");
            let entered = app.admin.get(&format!("/v1/connections/{id}/secrets")).ok(200)["secrets"].clone();
            assert_eq!(entered[password], body["passwordUnencrypted"], "{dialect}");
            assert!(entered[key.unwrap_or("extra")].as_str().unwrap().contains(&format!("{SECRET}-new")), "{dialect}");
        }
    }

    fn a_field_of_omni_is_the_setting_that_its_dialect_has_for_it(app: &TestApp) {
        for body in bodies() {
            let dialect = body["dialect"].as_str().unwrap();
            let id = create(&app.admin, &body);
            let settings = app.admin.get(&format!("/v1/connections/{id}")).ok(200)["settings"].clone();
            let (setting, expected) = match dialect {
                "athena" => ("access_key_id", "AKIA"),
                "bigquery" => ("project_id", "acme-prod"),
                "databricks" => ("http_path", "/sql/1.0/warehouses/a"),
                "motherduck" => ("database", "my_db"),
                "oracle" => ("service_name", "sales"),
                "snowflake" => ("account", "xy12345.eu"),
                "trino" => ("catalog", "sales"),
                _ => ("host", "db.example.com"),
            };
            assert_eq!(settings[setting], expected, "{dialect}: {settings}");
            let shown = app.admin.get(&format!("/api/v1/connections/{id}")).ok(200)["connection"]["database"].clone();
            let database = match dialect {
                "athena" => json!(null),
                "bigquery" => json!("acme-prod"),
                "databricks" => json!("main"),
                "motherduck" => json!("my_db"),
                _ => json!("sales"),
            };
            assert_eq!(shown, database, "{dialect}");
        }
    }

    fn a_snowflake_key_pair_needs_no_password(app: &TestApp) {
        let id = create(&app.admin, &json!({"dialect": "snowflake", "name": "sf", "hostOverride": "xy.privatelink.snowflakecomputing.com", "username": "bi", "privateKey": SECRET}));
        let native = app.admin.get(&format!("/v1/connections/{id}")).ok(200);
        assert_eq!(native["settings"], json!({"account": "xy.privatelink", "host": "xy.privatelink.snowflakecomputing.com", "username": "bi"}));
        assert_eq!((&native["status"], &native["secrets"]["private_key"]["set"]), (&json!("untested"), &json!(true)));
    }

    fn a_connection_of_another_connector_is_shown_and_takes_no_password(app: &TestApp) {
        let id = app.admin.post("/v1/connections", &json!({"name": "repo", "connector": "github"})).ok(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/connections/{id}");
        let shown = app.admin.get(&path).ok(200)["connection"].clone();
        assert_eq!((&strict(&shown)["dialect"], &shown["database"]), (&json!("github"), &json!(null)));
        let detail = refused(&app.admin.patch(&path, &json!({"passwordUnencrypted": SECRET})), 400);
        assert!(detail.contains("/v1/connections/{id}/secrets"), "{detail}");
        app.admin.patch(&path, &json!({"baseRole": "VIEWER"})).ok(200);
        app.admin.delete(&path).ok(200);
        app.admin.post(&format!("{path}/restore"), &json!({})).ok(200);
    }
}
