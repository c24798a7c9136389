//! Rows about what refers to something else, and about queries.

use serde_json::Value;

use super::*;

pub(super) fn dependents(paths: &Paths) -> Vec<Row> {
    let mut rows = Vec::new();
    let unknown = unknown_id();
    for place in paths.dependents("/body", "/items/7/body") {
        rows.push(place.holding(
            json!({ "x": format!("{MARKER}{}", "x".repeat(256 * 1024 - MARKER.len() - 7)) }),
            "too_long",
        ));
    }
    let models = format!("{}/models", paths.connection);
    let content = format!("{}/content", paths.connection);
    for (path, field) in [(&models, "base_model"), (&content, "model")] {
        for (value, pointer, code) in [
            (
                json!({format!("{field}_id"): MARKER}),
                format!("/{field}_id"),
                "invalid_value",
            ),
            (
                json!({format!("{field}_id"): 7}),
                format!("/{field}_id"),
                "wrong_type",
            ),
            (
                json!({format!("{field}_id"): unknown}),
                format!("/{field}_id"),
                "unknown_model",
            ),
            (
                json!({format!("{field}_external_id"): MARKER}),
                format!("/{field}_external_id"),
                "unknown_model",
            ),
            (
                json!({format!("{field}_id"): unknown, format!("{field}_external_id"): "m-1"}),
                format!("/{field}_id"),
                "ambiguous",
            ),
        ] {
            let mut body = value;
            body["name"] = "fine".into();
            let batch = eighth(body.clone());
            rows.push(Row {
                method: "POST",
                path: path.clone(),
                body: Some(body),
                errors: vec![(pointer.clone(), code)],
            });
            rows.push(Row {
                method: "POST",
                path: format!("{path}/batch"),
                body: Some(batch),
                errors: vec![(format!("/items/7{pointer}"), code)],
            });
        }
        let batch = |items: usize| Some(json!({"items": vec![json!({"name": "fine"}); items]}));
        for items in [0, 1_001] {
            rows.push(Row {
                method: "POST",
                path: format!("{path}/batch"),
                body: batch(items),
                errors: vec![("/items".to_owned(), "out_of_range")],
            });
        }
        let twice = eighth(json!({"name": "fine", "external_id": MARKER}));
        let mut twice = twice;
        twice["items"][3]["external_id"] = MARKER.into();
        rows.push(Row {
            method: "POST",
            path: format!("{path}/batch"),
            body: Some(twice),
            errors: vec![("/items/7/external_id".to_owned(), "duplicate")],
        });
        rows.push(Row {
            method: "PUT",
            path: format!("{path}/{}", "x".repeat(256)),
            body: Some(json!({"name": "fine"})),
            errors: vec![("/external_id".to_owned(), "too_long")],
        });
        rows.push(Row {
            method: "PUT",
            path: format!("{path}/x"),
            body: Some(json!({"name": "fine", "external_id": MARKER})),
            errors: vec![("/external_id".to_owned(), "mismatch")],
        });
    }
    for place in [
        place("POST", &content, json!({"name": "fine"}), "/links"),
        place("PATCH", &paths.content, json!({}), "/links"),
    ] {
        for (value, pointer, code) in [
            (
                json!([{"external_id": MARKER}]),
                "/links/0",
                "unknown_content",
            ),
            (
                json!([{"content_id": unknown}]),
                "/links/0",
                "unknown_content",
            ),
            (json!([{"external_id": "c-1"}, {}]), "/links/1", "ambiguous"),
            (
                json!([{"external_id": "c-1", "content_id": unknown}]),
                "/links/0",
                "ambiguous",
            ),
            (
                json!([{"content_id": MARKER}]),
                "/links/0/content_id",
                "invalid_value",
            ),
            (json!([{"to": MARKER}]), "/links/0/to", "unknown_field"),
            (json!(MARKER), "/links", "wrong_type"),
            (
                Value::Array(vec![json!({"external_id": "c-1"}); 1_001]),
                "/links",
                "out_of_range",
            ),
        ] {
            let mut row = place.holding(value, code);
            row.errors = vec![(pointer.to_owned(), code)];
            rows.push(row);
        }
    }
    rows
}

pub(super) fn the_rest(paths: &Paths) -> Vec<Row> {
    let bodies: Vec<(&'static str, String, Value, &'static str, &'static str)> = vec![
        (
            "POST",
            "/v1/api-keys".into(),
            json!({"name": "k", "scopes": []}),
            "/scopes",
            "empty",
        ),
        (
            "POST",
            "/v1/api-keys".into(),
            json!({"name": "k", "scopes": [MARKER]}),
            "/scopes",
            "unknown_scope",
        ),
        (
            "POST",
            "/v1/api-keys".into(),
            json!({"name": "k", "scopes": MARKER}),
            "/scopes",
            "wrong_type",
        ),
        (
            "POST",
            "/v1/api-keys".into(),
            json!({"name": "k", "scopes": ["trash:read"], "expires_at": "2020-01-01T00:00:00Z"}),
            "/expires_at",
            "in_the_past",
        ),
        (
            "POST",
            "/v1/api-keys".into(),
            json!({"name": "k", "scopes": ["trash:read"], "expires_at": MARKER}),
            "/expires_at",
            "invalid_value",
        ),
        (
            "POST",
            "/v1/organizations".into(),
            json!({"name": format!("{MARKER}.")}),
            "/name",
            "invalid_format",
        ),
        (
            "POST",
            "/v1/organizations".into(),
            json!({"name": MARKER.repeat(7)}),
            "/name",
            "too_long",
        ),
        (
            "POST",
            format!("{}/restore", paths.entry),
            json!({"target": {"connection_id": MARKER}}),
            "/target/connection_id",
            "invalid_value",
        ),
        (
            "POST",
            format!("{}/restore", paths.entry),
            json!({"target": {"connection_id": unknown_id()}}),
            "/target",
            "not_allowed",
        ),
        (
            "POST",
            format!("{}/restore", paths.entry),
            json!({"target": {}}),
            "/target/integration",
            "required",
        ),
        (
            "POST",
            format!("{}/restore", paths.entry),
            json!({"with_ancestors": MARKER}),
            "/with_ancestors",
            "wrong_type",
        ),
        (
            "POST",
            format!("{}/purge", paths.entry),
            json!({}),
            "/confirm",
            "required",
        ),
        (
            "PUT",
            format!("{}/secrets", paths.connection),
            json!({}),
            "/secrets",
            "required",
        ),
        (
            "PUT",
            format!("{}/secrets", paths.connection),
            json!({"secrets": {}, "source_hints": {"token": "x"}}),
            "/source_hints/token",
            "unknown_secret",
        ),
        (
            "PUT",
            format!("{}/secrets", paths.connection),
            json!({"secrets": {}, "source_hints": {"password": MARKER.repeat(26)}}),
            "/source_hints/password",
            "too_long",
        ),
        (
            "PUT",
            "/v1/integrations/mysql/connections/ext-fine".into(),
            connection(),
            "/integration",
            "unknown_integration",
        ),
        (
            "PUT",
            "/v1/integrations/postgres/connections/x".into(),
            connection(),
            "/external_id",
            "mismatch",
        ),
    ];
    let mut rows: Vec<Row> = bodies
        .into_iter()
        .map(|(method, path, body, pointer, code)| Row {
            method,
            path,
            body: Some(body),
            errors: vec![(pointer.to_owned(), code)],
        })
        .collect();
    rows.extend(queries(paths));
    rows
}

fn queries(paths: &Paths) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut query =
        |method: &'static str, path: &str, query: String, name: &str, code: &'static str| {
            rows.push(Row {
                method,
                path: format!("{path}?{query}"),
                body: None,
                errors: vec![(name.to_owned(), code)],
            });
        };
    let lists = [
        "/v1/connections",
        "/v1/trash",
        "/v1/api-keys",
        "/v1/organizations",
    ]
    .map(str::to_owned);
    let inner = [
        ("connection", "models"),
        ("connection", "content"),
        ("content", "links"),
        ("entry", "items"),
    ]
    .map(|(of, list)| {
        let path = match of {
            "connection" => &paths.connection,
            "content" => &paths.content,
            _ => &paths.entry,
        };
        format!("{path}/{list}")
    });
    for list in lists.iter().chain(&inner) {
        for size in ["0", "201", "-1"] {
            query(
                "GET",
                list,
                format!("page_size={size}"),
                "page_size",
                "out_of_range",
            );
        }
        for size in [MARKER, "", "1.5", "99999999999999999999"] {
            query(
                "GET",
                list,
                format!("page_size={size}"),
                "page_size",
                "invalid_value",
            );
        }
        for token in [MARKER, "AAAA", "", "%22"] {
            query(
                "GET",
                list,
                format!("page_token={token}"),
                "page_token",
                "invalid_page_token",
            );
        }
        query(
            "GET",
            list,
            format!("page={MARKER}"),
            "page",
            "unknown_field",
        );
        query(
            "GET",
            list,
            "page_size=1&page_size=1".into(),
            "page_size",
            "duplicate",
        );
        query(
            "GET",
            list,
            format!("page_token={}", "x".repeat(4_097)),
            "page_token",
            "too_long",
        );
        query(
            "GET",
            list,
            "page_token=a%00b".into(),
            "page_token",
            "control_character",
        );
    }
    for (list, name) in [
        ("/v1/connections", "status"),
        ("/v1/trash", "state"),
        ("/v1/trash", "sort"),
        ("/v1/trash", "kind"),
        ("/v1/trash", "held"),
        ("/v1/trash", "restorable"),
        ("/v1/trash", "deleted_after"),
        ("/v1/trash", "deleted_before"),
        ("/v1/trash", "purge_before"),
    ] {
        query(
            "GET",
            list,
            format!("{name}={MARKER}"),
            name,
            "invalid_value",
        );
    }
    query(
        "GET",
        &inner[0],
        format!("base_model_id={MARKER}"),
        "base_model_id",
        "invalid_value",
    );
    query(
        "GET",
        &inner[1],
        format!("model_id={MARKER}"),
        "model_id",
        "invalid_value",
    );
    query(
        "GET",
        &inner[2],
        format!("direction={MARKER}"),
        "direction",
        "invalid_value",
    );
    query(
        "GET",
        &inner[3],
        format!("kind={MARKER}"),
        "kind",
        "invalid_value",
    );
    query(
        "GET",
        "/v1/connections",
        format!("name={MARKER}%20"),
        "name",
        "surrounding_whitespace",
    );
    query(
        "GET",
        "/v1/whoami",
        format!("x={MARKER}"),
        "x",
        "unknown_field",
    );
    for root in [&paths.connection, &paths.model, &paths.content] {
        query(
            "DELETE",
            root,
            format!("validate_only={MARKER}"),
            "validate_only",
            "invalid_value",
        );
        query(
            "DELETE",
            root,
            format!("reason={}", MARKER.repeat(101)),
            "reason",
            "too_long",
        );
        query(
            "DELETE",
            root,
            format!("reason={MARKER}%07"),
            "reason",
            "control_character",
        );
        query(
            "DELETE",
            root,
            format!("force={MARKER}"),
            "force",
            "unknown_field",
        );
        query(
            "DELETE",
            root,
            "validate_only=true&validate_only=false".into(),
            "validate_only",
            "duplicate",
        );
    }
    rows
}
