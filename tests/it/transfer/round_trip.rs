//! What goes out of one database comes into the other as it was.

use serde_json::Value;

use super::*;

/// Text that every careless reader changes.
const ODD: &str = "{\"big\": 123456789012345678901234567890,\"n\":0.1000 ,\"l\" :[ 1,\n2 ],\"e\":1E5,\"\\u00e9\":\"é\\ud83d\\ude00 \\\\n\",\"z\":null}";

/// The password of every connection.
const SECRET: &str = "correct horse battery staple";

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What the rich organization has that a test asks for again.
struct Rich {
    live: String,
    odd_content: String,
    early: String,
    late: String,
    deleted_connection: String,
    nested: String,
    ancestor: String,
    integration: String,
}

/// An organization with something of everything.
fn rich(app: &TestApp) -> Rich {
    let admin = &app.admin;
    let live = app.sample_connection("warehouse");
    let path = format!("/v1/connections/{live}");
    admin.patch(&path, &json!({"name": "Größe 🚀 \u{200f}שלום", "tags": {"a": "é\"\\", "env": ""}, "deletion_protection": true})).ok(200);
    admin
        .send(
            "PATCH",
            &path,
            Some(format!("{{\"metadata\":{{\"odd\":{ODD}}}}}")),
        )
        .ok(200);
    admin
        .put(
            &format!("{path}/secrets"),
            &json!({"secrets": {}, "source_hints": {"password": "kv/prod é"}}),
        )
        .ok(200);
    let odd = admin.send(
        "POST",
        &format!("{path}/content"),
        Some(format!(
            "{{\"name\":\"odd\",\"external_id\":\" é/|\",\"body\":{ODD}}}"
        )),
    );
    let odd_content = text(&odd.ok(201)["id"]);
    for (number, body) in ["[]", "\"a text\"", "12345678901234567890.10", "[{ }]"]
        .into_iter()
        .enumerate()
    {
        admin
            .send(
                "POST",
                &format!("{path}/content"),
                Some(format!("{{\"name\":\"n{number}\",\"body\":{body}}}")),
            )
            .ok(201);
    }
    // A model that extends one made after it.
    let early = text(
        &admin
            .post(&format!("{path}/models"), &json!({"name": "early"}))
            .ok(201)["id"],
    );
    let late = text(
        &admin
            .post(&format!("{path}/models"), &json!({"name": "late"}))
            .ok(201)["id"],
    );
    admin
        .patch(
            &format!("/v1/models/{early}"),
            &json!({"base_model_id": late}),
        )
        .ok(200);

    // A link between connections, one end of which goes to the trash.
    let second = app.sample_connection("second");
    let second_path = format!("/v1/connections/{second}");
    let across = json!({"name": "across", "links": [{"content_id": odd_content}]});
    admin
        .post(&format!("{second_path}/content"), &across)
        .ok(201);
    let lonely = admin
        .post(
            &format!("{path}/content"),
            &json!({"name": "lonely", "links": [{"content_id": odd_content}]}),
        )
        .ok(201);
    admin
        .delete(&format!(
            "/v1/content/{}?reason=one%0Amore",
            text(&lonely["id"])
        ))
        .ok(200);

    // A content, then its model, then their connection: three entries, each with its own.
    let models = admin
        .get(&format!("{second_path}/models?external_id=m-base"))
        .ok(200);
    let contents = admin
        .get(&format!("{second_path}/content?external_id=c-0"))
        .ok(200);
    let nested = text(
        &admin
            .delete(&format!("/v1/content/{}", text(&contents["data"][0]["id"])))
            .ok(200)["id"],
    );
    admin
        .delete(&format!("/v1/models/{}", text(&models["data"][0]["id"])))
        .ok(200);
    let ancestor = app.delete_connection(&second);

    // The same name twice in the trash and once live, and closed entries.
    let deleted_connection = {
        app.delete_connection(&app.sample_connection("twin"));
        let again = app.sample_connection("twin");
        app.delete_connection(&again)
    };
    // An integration with a connection stays, another one leaves with its own.
    let in_integration = |key: &str| {
        let new = json!({"key": key, "name": "Größe", "connector": "postgres", "settings": {"host": "db.example.com"}, "revoke_on_delete": false});
        admin.post("/v1/integrations", &new).ok(201);
        let mut connection = postgres_connection(key);
        connection["integration"] = key.into();
        connection["source_hints"] = json!({"password": "kv/below"});
        admin.post("/v1/connections", &connection).ok(201);
    };
    in_integration("stays");
    in_integration("leaves");
    let integration = text(&admin.delete("/v1/integrations/leaves").ok(200)["id"]);
    let restored = app.delete_connection(&app.sample_connection("back"));
    admin
        .post(&format!("/v1/trash/{restored}/restore"), &json!({}))
        .ok(200);
    let purged = app.delete_connection(&app.sample_connection("gone"));
    admin
        .post(
            &format!("/v1/trash/{purged}/purge"),
            &json!({"confirm": "gone"}),
        )
        .ok(200);
    for (number, end) in [(1, "NULL"), (2, "'2099-01-01T00:00:00.000000Z'")] {
        app.sql().run(&format!(
            "INSERT INTO holds (org_id, id, entry_id, owner, reason, ends_at, created_at) VALUES \
             ('{}', '{}', '{deleted_connection}', 'legal', 'case {number}', {end}, '{AT}')",
            app.org,
            id(number),
        ));
    }
    TestApp::wait_for("the erasure", || {
        app.sql().count("erasure_jobs WHERE finished_at IS NULL") == 0
    });
    Rich {
        live,
        odd_content,
        early,
        late,
        deleted_connection,
        nested,
        ancestor,
        integration,
    }
}

/// A line but for what an import does not bring along: the status of a live connection, and what was known of its secrets.
fn kept(line: &str) -> String {
    if line.starts_with("{\"type\":\"integration\"") {
        return line.split_once(",\"secrets\":").unwrap().0.to_owned();
    }
    if !line.starts_with("{\"type\":\"connection\"") {
        return line.to_owned();
    }
    let (before, after) = line.split_once(",\"status\":").unwrap();
    let (_, after) = after.split_once(",\"deletion_protection\"").unwrap();
    let (after, _) = after.split_once(",\"secrets\":").unwrap();
    format!("{before}{after}")
}

/// The lines between the first and the last, which name the moment of the export.
fn inner(export: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = export.lines().collect();
    assert!(
        lines
            .remove(0)
            .starts_with("{\"type\":\"reprieve\",\"format\":1,\"organization\":{")
    );
    assert!(
        lines
            .pop()
            .unwrap()
            .starts_with("{\"type\":\"end\",\"counts\":{\"connection\":")
    );
    lines
}

on_both! {
    fn an_organization_moves_to_the_other_database_and_back_byte_for_byte(app: &TestApp) {
        let rich = rich(app);
        let there = other(app);
        let first = export(&app.admin);
        for kind in ["integration", "trash_integration", "trash_secret", "connection", "model", "content", "link", "trash_entry", "trash_connection", "trash_model", "trash_content", "trash_link", "hold"] {
            assert!(first.contains(&format!("{{\"type\":\"{kind}\",")), "nothing of the kind {kind}");
        }
        assert!(inner(&first).iter().all(|line| line.starts_with("{\"type\":\"")));
        assert!(!first.contains(SECRET) && first.contains("kv/prod é"));

        let done = import(&there.admin, &first);
        assert_eq!(done["rows_read"], inner(&first).len());
        assert_eq!(done["rows_read"], done["rows_total"]);
        let second = export(&there.admin);
        assert_eq!(inner(&first).into_iter().map(kept).collect::<Vec<_>>(), inner(&second).into_iter().map(kept).collect::<Vec<_>>());
        assert_eq!(rows(app), rows(&there));

        // And on to a third: now nothing at all differs.
        let back = other(&there);
        import(&back.admin, &second);
        assert_eq!(inner(&second), inner(&export(&back.admin)));

        works(&there, &rich);
        works(&back, &rich);
    }

    fn an_export_holds_no_byte_of_a_secret_and_an_imported_connection_asks_for_them(app: &TestApp) {
        let connection = app.sample_connection("warehouse");
        let exported = export(&app.admin);
        let mut sql = app.sql();
        let record = if app.backend == Backend::Sqlite { "hex(record)" } else { "encode(record, 'hex')" };
        let records = sql.lines(&format!("SELECT {record} AS line FROM secret_slots"));
        assert!(!records.is_empty());
        for sealed in records {
            let head: String = sealed.chars().take(24).collect();
            assert!(!exported.to_lowercase().contains(&head.to_lowercase()));
        }
        let there = other(app);
        let done = import(&there.admin, &exported);
        assert_eq!(done["report"]["needs_credentials"], 1);
        let path = format!("/v1/connections/{connection}");
        let view = there.admin.get(&path).ok(200);
        assert_eq!((&view["status"], &view["secrets"]["password"]["set"]), (&json!("needs_credentials"), &json!(false)));
        there.admin.get(&format!("{path}/secrets")).problem(409, "needs_credentials");
        assert_eq!((there.sql().count("secrets"), there.sql().count("secret_slots")), (0, 0));
        // Above any that it ever had, so that nothing sealed before opens for it.
        assert_eq!(there.sql().count("connections WHERE generation > 1000000000000000"), 1);
        there.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "new"}})).ok(200);
        assert_eq!(there.admin.get(&format!("{path}/secrets")).ok(200)["secrets"]["password"], "new");
    }

    fn an_export_of_what_is_live_leaves_the_trash_out(app: &TestApp) {
        rich(app);
        let reply = app.admin.get("/v1/export?live_only=true");
        assert!(reply.text.contains("\"live_only\":true") && !reply.text.contains("{\"type\":\"trash_"), "{}", reply.text);
        assert!(!reply.text.contains("\"type\":\"hold\""));
        let there = other(app);
        import(&there.admin, &reply.text);
        let live = |app: &TestApp| rows(app)[..4].to_vec();
        assert_eq!(live(app), live(&there));
        assert_eq!(rows(&there)[4..], [0, 0, 0, 0, 0, 0]);
    }

    fn an_export_is_an_attachment_that_leaves_an_audit_record(app: &TestApp) {
        app.sample_connection("warehouse");
        let reply = app.admin.get("/v1/export");
        assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
        assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"default.ndjson\""));
        assert_eq!(reply.header("content-length"), Some(reply.text.len().to_string().as_str()));
        assert_eq!(app.sql().count("audit_events WHERE action = 'organization.exported'"), 1);
        let spool = app.data_dir().join("spool");
        assert_eq!(std::fs::read_dir(spool).unwrap().count(), 0, "a private file has a name");
    }
}

/// What was imported behaves as it did.
fn works(app: &TestApp, rich: &Rich) {
    let admin = &app.admin;
    let odd = admin.get(&format!("/v1/content/{}", rich.odd_content));
    assert!(odd.text.contains(ODD), "{}", odd.text);
    let connection = admin.get(&format!("/v1/connections/{}", rich.live));
    // A patch merges member by member; each value stays as it was written.
    assert!(
        connection
            .text
            .contains("\"big\": 123456789012345678901234567890,\"n\":0.1000"),
        "{}",
        connection.text
    );
    assert_eq!(connection.json()["name"], "Größe 🚀 \u{200f}שלום");
    admin
        .delete(&format!("/v1/connections/{}", rich.live))
        .problem(409, "deletion_protected");
    let early = admin.get(&format!("/v1/models/{}", rich.early)).ok(200);
    assert_eq!(early["base_model_id"], json!(rich.late));

    // A hold holds, a purge date stands.
    let held = admin
        .get(&format!("/v1/trash/{}", rich.deleted_connection))
        .ok(200);
    assert_eq!(
        (
            &held["held"],
            &held["secrets"]["erasure"],
            &held["secrets"]["shape"]["password"]["set"]
        ),
        (&json!(true), &json!("done"), &json!(true))
    );
    admin
        .post(
            &format!("/v1/trash/{}/purge", rich.deleted_connection),
            &json!({"confirm": "twin"}),
        )
        .problem(409, "held");
    let back = admin
        .post(
            &format!("/v1/trash/{}/restore", rich.deleted_connection),
            &json!({}),
        )
        .ok(200);
    assert_eq!(
        back["restored"],
        json!({"integrations": 0, "connections": 1, "models": 3, "content": 4, "links": 2})
    );
    assert_eq!(back["needs_credentials"], json!(["password"]));

    // The innermost brings its ancestors.
    admin
        .post(&format!("/v1/trash/{}/restore", rich.nested), &json!({}))
        .problem(409, "parent_in_trash");
    let all = admin
        .post(
            &format!("/v1/trash/{}/restore", rich.nested),
            &json!({"with_ancestors": true}),
        )
        .ok(200);
    assert_eq!(all["ancestors"][0], json!(rich.ancestor));
    assert_eq!(
        all["restored"],
        json!({"integrations": 0, "connections": 1, "models": 3, "content": 5, "links": 3})
    );
    let below = admin
        .post(
            &format!("/v1/trash/{}/restore", rich.integration),
            &json!({}),
        )
        .ok(200);
    assert_eq!(below["restored"]["connections"], 1, "{below:#}");
    let entries = admin.get("/v1/trash?state=restored").ok(200);
    assert_eq!(entries["data"].as_array().unwrap().len(), 6);
    admin.get("/v1/trash?state=purged").ok(200)["data"][0]["closed_by"]["id"]
        .as_str()
        .unwrap();
}
