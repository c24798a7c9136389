//! Numbers and hashes, computed here as docs/security.md describes them and not as the code does.

use sha2::{Digest as _, Sha256};

use super::*;

/// A field as it is hashed.
fn netstring(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => format!("{}:{text},", text.len()),
        other => panic!("{other} is no field"),
    }
}

fn hash(before: &str, org: &str, record: &Value, detail: &str) -> String {
    let kind = if record["announced"] == true {
        "event"
    } else {
        "record"
    };
    let fields = [
        json!("reprieve-audit-1"),
        json!(before),
        json!(org),
        json!(record["seq"].to_string()),
        record["id"].clone(),
        record["at"].clone(),
        record["actor"]["id"].clone(),
        record["actor"]["name"].clone(),
        record["key_id"].clone(),
        record["address"].clone(),
        record["request_id"].clone(),
        record["action"].clone(),
        record["outcome"].clone(),
        record["subject"]["kind"].clone(),
        record["subject"]["id"].clone(),
        record["entry_id"].clone(),
        json!(kind),
        json!(detail),
    ];
    let text: String = fields.iter().map(netstring).collect();
    let number = |half: &[u8]| {
        half.iter()
            .fold(0_u128, |number, byte| number << 8 | u128::from(*byte))
    };
    let digest = Sha256::digest(text);
    let (high, low) = digest.split_at(16);
    format!("{:032x}{:032x}", number(high), number(low))
}

on_both! {
    fn every_record_has_the_next_number_and_the_hash_that_follows_from_it_and_the_one_before(app: &TestApp) {
        story(app, "prod");
        app.client(&["trash:read"]).get("/v1/audit").problem(403, "missing_scope");
        let records = chain(app);
        assert!(records.len() > 15);
        let details: Vec<String> = app.sql().lines(
            "SELECT a.detail AS line FROM audit_events a JOIN audit_seals s ON s.org_id = a.org_id AND s.record_id = a.id ORDER BY s.seq",
        );
        let mut before = "0".repeat(64);
        for (number, (record, detail)) in (1..).zip(records.iter().zip(&details)) {
            assert_eq!(record["seq"], number);
            let expected = hash(&before, &app.org.to_string(), record, detail);
            assert_eq!(record["hash"], json!(expected), "{record}");
            before = expected;
        }
        let head = app.admin.get("/v1/audit/head").ok(200);
        assert_eq!((&head["seq"], &head["hash"]), (&json!(records.len()), &json!(before)));
        assert_eq!(head["organization_id"], json!(app.org));
    }

    fn each_organization_has_a_chain_of_its_own(app: &TestApp) {
        let other = app.other_organization("other");
        app.sample_connection("ours");
        other.post("/v1/connections", &postgres_connection("theirs")).ok(201);
        let ours = chain(app);
        assert!(ours.iter().all(|record| !record.to_string().contains("theirs")));
        let theirs = other.get("/v1/audit?page_size=200").ok(200)["data"].as_array().unwrap().clone();
        let actions: Vec<_> = theirs.iter().map(|record| record["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["connection.created"]);
        TestApp::wait_for("the sealer", || {
            seal::round(&app.services.store).unwrap();
            other.get("/v1/audit/head").ok(200)["seq"] == 1
        });
    }

    fn records_are_found_by_what_they_say(app: &TestApp) {
        let (id, entry) = story(app, "prod");
        let person = app.admin.with("reprieve-actor", "id=ada; name=Ada");
        person.patch(&format!("/v1/connections/{id}"), &json!({"name": "renamed"})).ok(200);
        let actions = |query: &str| -> Vec<String> {
            records(app, query).iter().map(|record| record["action"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(actions(&format!("entry_id={entry}")), ["connection.restored", "connection.secrets_shredded", "connection.trashed"]);
        assert_eq!(actions("actor=ada"), ["connection.updated"]);
        assert_eq!(actions("action=connection.secrets_read"), ["connection.secrets_read"]);
        assert_eq!(actions(&format!("subject_id={id}&action=connection.*")).len(), 7);
        let updated = &records(app, "actor=ada")[0];
        assert_eq!(updated["actor"], json!({"id": "ada", "name": "Ada"}));
        assert_eq!(actions(&format!("request_id={}", updated["request_id"].as_str().unwrap())), ["connection.updated"]);
        let at = updated["at"].as_str().unwrap();
        assert_eq!(actions(&format!("after={at}&action=connection.*")), ["connection.updated"]);
        assert!(!actions(&format!("before={at}&action=connection.*")).contains(&"connection.updated".to_owned()));
        assert!(actions("action=no.such").is_empty());
        for (query, pointer) in [("outcome=perhaps", "outcome"), ("entry_id=1", "entry_id"), ("after=soon", "after"), ("sort=hash", "sort"), ("sort=seq&actor=ada", "sort")] {
            let reply = app.admin.get(&format!("/v1/audit?{query}"));
            assert_eq!(reply.problem(422, "invalid_input")["errors"][0]["pointer"], pointer, "{query}");
        }
    }

    fn counts_are_told_before_and_after(app: &TestApp) {
        let (_, entry) = story(app, "prod");
        let all = records(app, &format!("entry_id={entry}"));
        let (restored, trashed) = (&all[0]["detail"]["rows"], &all[2]["detail"]["rows"]);
        let rows = json!({"integrations": 0, "connections": 1, "models": 3, "content": 4, "links": 2});
        let none = json!({"integrations": 0, "connections": 0, "models": 0, "content": 0, "links": 0});
        assert_eq!(*trashed, json!({"before": {"live": rows, "trash": none}, "after": {"live": none, "trash": rows}}));
        assert_eq!(*restored, json!({"before": {"trash": rows, "live": none}, "after": {"trash": none, "live": rows}}));
    }
}
