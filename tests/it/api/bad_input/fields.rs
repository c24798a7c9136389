//! Rows about single fields: texts with their limits, and the objects of a connection.

use serde_json::Value;

use super::*;

pub(super) fn texts(paths: &Paths) -> Vec<Row> {
    let long =
        |length: usize| Value::from(format!("{MARKER}{}", "é".repeat(length - MARKER.len())));
    let mut rows = Vec::new();
    let mut names = vec![
        place("POST", "/v1/connections", connection(), "/name"),
        place("PATCH", &paths.connection, json!({}), "/name"),
        place(
            "POST",
            &format!("{}/restore", paths.entry),
            json!({}),
            "/name",
        ),
        place(
            "POST",
            "/v1/api-keys",
            json!({"scopes": ["trash:read"]}),
            "/name",
        ),
        place(
            "POST",
            "/v1/organizations",
            json!({"name": "fine"}),
            "/display_name",
        ),
        place("PATCH", &paths.organization, json!({}), "/display_name"),
    ];
    names.extend(paths.dependents("/name", "/items/7/name"));
    for place in names {
        rows.push(place.holding("".into(), "empty"));
        rows.push(place.holding(long(256), "too_long"));
        rows.push(place.holding(format!("{MARKER}\u{1f600}").repeat(30).into(), "too_long"));
        for control in ["\u{7}", "\n", "\u{7f}", "\u{85}", "\u{2028}"] {
            rows.push(place.holding(format!("{MARKER}{control}x").into(), "control_character"));
        }
        for space in [
            format!(" {MARKER}"),
            format!("{MARKER} "),
            format!("{MARKER}\u{a0}"),
            " ".to_owned(),
        ] {
            rows.push(place.holding(space.into(), "surrounding_whitespace"));
        }
        rows.push(place.holding(7.into(), "wrong_type"));
        rows.push(place.holding(json!([MARKER]), "wrong_type"));
    }
    let mut external_ids = vec![
        place("POST", "/v1/connections", connection(), "/external_id"),
        place("PATCH", &paths.connection, json!({}), "/external_id"),
        place(
            "POST",
            &format!("{}/restore", paths.entry),
            json!({}),
            "/external_id",
        ),
    ];
    external_ids.extend(paths.dependents("/external_id", "/items/7/external_id"));
    for place in external_ids {
        rows.push(place.holding("".into(), "empty"));
        rows.push(place.holding(long(256), "too_long"));
        rows.push(place.holding(format!("{MARKER}\n").into(), "control_character"));
        rows.push(place.holding(json!({}), "wrong_type"));
    }
    for place in paths.dependents("/kind", "/items/7/kind") {
        rows.push(place.holding("".into(), "empty"));
        rows.push(place.holding(format!("{MARKER}{}", "x".repeat(64)).into(), "too_long"));
        for wrong in ["Chart", "-chart", "a b", "é"] {
            rows.push(place.holding(format!("{wrong}{MARKER}").into(), "invalid_format"));
        }
    }
    rows
}

pub(super) fn objects(paths: &Paths) -> Vec<Row> {
    let (new, patch) = (connection(), json!({}));
    let at = |pointer| {
        [
            place("POST", "/v1/connections", new.clone(), pointer),
            place("PATCH", &paths.connection, patch.clone(), pointer),
        ]
    };
    let mut rows = Vec::new();
    for place in at("/tags") {
        let tags = |count: usize| {
            (0..count)
                .map(|n| (format!("k{n}"), Value::from("v")))
                .collect::<Value>()
        };
        rows.push(place.holding(tags(51), "too_many_tags"));
        rows.push(place.holding(json!([MARKER]), "not_an_object"));
        let one = |key: &str, value: Value, code| {
            let mut row = place.holding(json!({ key: value }), code);
            row.errors = vec![(format!("/tags/{key}"), code)];
            row
        };
        rows.push(one(&"k".repeat(65), "v".into(), "invalid_key"));
        rows.push(one("a b", "v".into(), "invalid_key"));
        rows.push(one("k", MARKER.repeat(26).into(), "too_long"));
        rows.push(one("k", format!("{MARKER}\t").into(), "control_character"));
        rows.push(one("k", 7.into(), "not_a_string"));
    }
    for place in at("/metadata") {
        rows.push(place.holding(json!([MARKER]), "not_an_object"));
        rows.push(place.holding(MARKER.into(), "not_an_object"));
    }
    for (value, pointer, code) in [
        (
            json!({"nothing": MARKER}),
            "/settings/nothing",
            "unknown_setting",
        ),
        (json!({"port": MARKER}), "/settings/port", "wrong_type"),
        (json!({"port": 0}), "/settings/port", "out_of_range"),
        (json!({"port": 65_536}), "/settings/port", "out_of_range"),
        (json!({"tls": MARKER}), "/settings/tls", "not_allowed_value"),
        (
            json!({"host": format!("{MARKER}/x")}),
            "/settings/host",
            "invalid_host",
        ),
    ] {
        for place in at("/settings") {
            let mut settings = if place.method == "POST" {
                new["settings"].clone()
            } else {
                json!({})
            };
            for (key, value) in value.as_object().unwrap() {
                settings[key] = value.clone();
            }
            let mut row = place.holding(settings, code);
            row.errors = vec![(pointer.to_owned(), code)];
            rows.push(row);
        }
    }
    let mut row = place("POST", "/v1/connections", new.clone(), "/settings")
        .holding(json!({}), "missing_setting");
    row.errors = ["host", "database", "username"]
        .map(|key| (format!("/settings/{key}"), "missing_setting"))
        .into();
    rows.push(row);
    let secrets = place(
        "PUT",
        &format!("{}/secrets", paths.connection),
        json!({}),
        "/secrets",
    );
    for place in at("/secrets").into_iter().chain([secrets]) {
        let one = |key: &str, value: Value, code| {
            let mut row = place.holding(json!({ key: value }), code);
            row.errors = vec![(format!("/secrets/{key}"), code)];
            row
        };
        rows.push(one("token", MARKER.into(), "unknown_secret"));
        rows.push(one("password", "".into(), "invalid_value"));
        rows.push(one(
            "password",
            MARKER.repeat(1_601).into(),
            "invalid_value",
        ));
        rows.push(one("password", 7.into(), "wrong_type"));
    }
    for (pointer, value, code) in [
        ("/connector", MARKER, "unknown_connector"),
        ("/integration", MARKER, "unknown_integration"),
        ("/on_trashed", MARKER, "not_allowed_value"),
        ("/deletion_protection", MARKER, "wrong_type"),
    ] {
        rows.push(
            place("POST", "/v1/connections", new.clone(), pointer).holding(value.into(), code),
        );
    }
    rows
}
