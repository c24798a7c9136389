//! All three at once: what one of them deletes is one trash, and two organizations with the same ids never meet.

use crate::support::*;

/// The access token that both organizations have registered.
const TOKEN: &str = "the-same-token-in-both-organizations";

/// An organization with one connection from each dialect, all called alike.
struct Tenant {
    client: Client,
    omni: String,
    trackstar: String,
}

impl Tenant {
    fn of(client: Client) -> Self {
        client
            .post(
                "/integrations",
                &json!({"provider": "openai", "unique_key": "same"}),
            )
            .ok(200);
        let import = json!({
            "provider_config_key": "same",
            "connection_id": "same",
            "credentials": {"type": "API_KEY", "apiKey": "a-key-of-nango"},
        });
        client.post("/connections", &import).ok(201);
        let new = json!({
            "dialect": "postgres", "name": "same", "host": "db.example.com", "port": 5432,
            "database": "sales", "username": "bi", "passwordUnencrypted": "a-password-of-omni",
        });
        let omni = client.post("/api/v1/connections", &new).ok(201)["data"]
            .as_str()
            .unwrap()
            .to_owned();
        let native = json!({
            "name": "same", "connector": "http-bearer", "external_id": "same",
            "settings": {"base_url": "https://api.example.com"}, "secrets": {"token": "a-token-of-ours"},
        });
        let trackstar = client.post("/v1/connections", &native).ok(201)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("/v1/connections/{trackstar}/access-tokens");
        client.post(&path, &json!({"token": TOKEN})).ok(201);
        Self {
            client,
            omni,
            trackstar,
        }
    }

    /// The same key, as Trackstar's clients send it.
    fn by_token(&self, app: &TestApp) -> Client {
        app.stranger()
            .with("x-trackstar-api-key", self.client.key())
            .with("x-trackstar-access-token", TOKEN)
    }

    fn live(&self) -> usize {
        self.client.get("/v1/connections").ok(200)["data"]
            .as_array()
            .unwrap()
            .len()
    }
}

on_both! {
    fn a_deletion_by_any_dialect_is_in_the_one_trash_and_comes_back_from_there(app: &TestApp) {
        let ours = Tenant::of(app.other_organization("ours"));
        let theirs = Tenant::of(app.other_organization("theirs"));
        // What belongs to the others is not there, by their ids neither.
        assert_eq!(ours.client.delete(&format!("/api/v1/connections/{}", theirs.omni)).status, 404);
        assert_eq!(ours.client.delete(&format!("/connections/{}?provider_config_key=same", theirs.trackstar)).status, 404);
        assert_eq!(ours.by_token(app).get(&format!("/connections/{}", theirs.trackstar)).status, 404);
        ours.client.delete("/connections/same?provider_config_key=same").ok(200);
        ours.client.delete(&format!("/api/v1/connections/{}", ours.omni)).ok(200);
        let deleted = ours.by_token(app).delete("/connections").ok(200);
        assert_eq!(deleted["id"], ours.trackstar.as_str());
        assert_eq!((ours.live(), theirs.live()), (0, 3));

        let entries = ours.client.get("/v1/trash?kind=connection").ok(200);
        let entries = entries["data"].as_array().unwrap();
        assert_eq!(entries.len(), 3);
        assert_eq!(theirs.client.get("/v1/trash").ok(200)["data"], json!([]));
        for entry in entries {
            assert_eq!(entry["secrets"]["shredded"], 1, "{entry}");
            let id = entry["id"].as_str().unwrap();
            theirs.client.post(&format!("/v1/trash/{id}/restore"), &json!({})).problem(404, "not_found");
            let restored = ours.client.post(&format!("/v1/trash/{id}/restore"), &json!({})).ok(200);
            assert_eq!(restored["connection"]["status"], "needs_credentials");
        }
        assert_eq!((ours.live(), theirs.live()), (3, 3));
        // A token does not come back; that of the others, which reads the same, works on.
        assert_eq!(ours.by_token(app).delete("/connections").status, 401);
        theirs.by_token(app).delete("/connections").ok(200);
        assert_eq!((ours.live(), theirs.live()), (3, 2));
    }

    fn what_one_dialect_made_the_others_see(app: &TestApp) {
        let tenant = Tenant::of(app.other_organization("ours"));
        let names = |connections: &serde_json::Value, key: &str| {
            let all = connections.as_array().unwrap();
            let mut names: Vec<String> = all.iter().map(|one| one[key].as_str().unwrap().to_owned()).collect();
            names.sort();
            names
        };
        let by_nango = tenant.client.get("/connections").ok(200);
        let mut called = vec!["same".to_owned(), "same".to_owned(), tenant.omni.clone()];
        called.sort();
        assert_eq!(names(&by_nango["connections"], "connection_id"), called);
        let by_omni = tenant.client.get("/api/v1/connections").ok(200);
        assert_eq!(names(&by_omni["connections"], "name"), ["same", "same", "same"]);
        let by_trackstar = tenant.by_token(app).get("/connections").ok(200);
        assert_eq!(by_trackstar["total_count"], 3);
        // And any of them deletes it.
        tenant.client.delete(&format!("/connections/{}?provider_config_key=postgres", tenant.omni)).ok(200);
        let again = tenant.client.delete(&format!("/api/v1/connections/{}", tenant.omni));
        assert_eq!(again.status, 410, "Omni knows that it is in the trash: {again:#?}");
    }
}
