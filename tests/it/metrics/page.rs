//! The page of metrics is what a scrape answers, its alert rules speak of what there is, and nothing of anybody is told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reprieve::domain::alarms::AlarmCode;

use super::*;

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap()
}

/// What is in backticks.
fn code(cell: &str) -> BTreeSet<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_page_lists_what_a_scrape_answers() {
    let app = started(Backend::Sqlite);
    app.sample_connection("warehouse");
    let scrape = scrape(&app);
    let page = page();
    let mut listed = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `reprieve_")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`');
        assert!(!cells[4].is_empty(), "{line}");
        let labels: BTreeSet<String> = code(cells[3]).into_iter().map(str::to_owned).collect();
        let there = listed.insert(name.to_owned(), (cells[2].to_owned(), labels));
        assert_eq!(there, None, "{name} is there twice");
    }
    let answered: BTreeMap<String, (String, BTreeSet<String>)> = scrape
        .families
        .iter()
        .map(|(family, found)| {
            let name = match found.kind.as_str() {
                "counter" => format!("{family}_total"),
                "info" => format!("{family}_info"),
                _ => family.clone(),
            };
            let labels = scrape
                .label_names(family)
                .into_iter()
                .map(str::to_owned)
                .collect();
            (name, (found.kind.clone(), labels))
        })
        .collect();
    assert_eq!(listed, answered);
}

#[test]
fn the_alert_rules_speak_of_what_there_is() {
    let app = started(Backend::Sqlite);
    app.sample_connection("warehouse");
    let scrape = scrape(&app);
    let page = page();
    let rules: String = page
        .split("```")
        .skip(1)
        .step_by(2)
        .filter(|block| block.starts_with("yaml"))
        .collect();
    let words: Vec<&str> = rules
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("reprieve_"))
        .collect();
    assert!(words.len() > 8, "{words:?}");
    for word in words {
        assert!(
            !scrape.series(word).is_empty(),
            "{word} is in a rule and in no scrape"
        );
    }
    for label in rules.split("code=\"").skip(1) {
        let label = label.split('"').next().unwrap();
        assert!(AlarmCode::parse(label).is_some(), "{label}");
    }
    for alert in rules.split("- alert: ").skip(1) {
        for part in ["expr: ", "for: ", "severity: ", "summary: "] {
            assert!(alert.contains(part), "{part}: {alert}");
        }
    }
}

on_each! {
    fn nothing_of_anybody_is_told(backend: Backend) {
        let app = started(backend);
        let canary = format!("canary{}", uuid::Uuid::now_v7().simple());
        let other = app.other_organization(&canary);
        let mut body = postgres_connection(&canary);
        body["secrets"]["password"] = json!(canary);
        body["tags"] = json!({canary.clone(): canary});
        let actor = other.with("reprieve-actor", &format!("id={canary}; name={canary}")).with("idempotency-key", &canary);
        let id = actor.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/connections/{id}");
        other.get(&format!("/v1/connections?name={canary}")).ok(200);
        other.get(&format!("/v1/{canary}?{canary}={canary}")).problem(404, "not_found");
        other.get(&format!("/v1/connections/{canary}"));
        other.send(&canary, &path, None);
        other.post(&format!("{path}/test"), &json!({})).ok(200);
        other.send("POST", &format!("{path}/reentry-session"), None).ok(201);
        let entry = other.delete(&format!("{path}?reason={canary}")).ok(200)["id"].as_str().unwrap().to_owned();
        other.post(&format!("/v1/trash/{entry}/restore"), &json!({"name": format!("{canary} again")})).ok(200);
        wait_for(&app, "reprieve_restores_total", &[("kind", "connection")], 1.0);
        let found = scrape(&app);
        for part in [canary.as_str(), &id, &entry, &app.org.to_string(), "default", "rpv_", app.data_dir().to_str().unwrap()] {
            assert!(!found.text.to_lowercase().contains(&part.to_lowercase()), "{part}: {}", found.text);
        }
        // No id of any kind, nor anything else than words, templates and numbers.
        for family in found.families.keys() {
            for name in ["", "_total", "_bucket", "_count", "_sum", "_info"] {
                for labels in found.series(&format!("{family}{name}")) {
                    for (label, value) in labels {
                        let plain = value.chars().all(|c| c.is_ascii_lowercase() || "_/{}-.+".contains(c) || c.is_ascii_digit());
                        let known = label == "method" || value == "+Inf" || plain;
                        assert!(known && value.len() < 60 && uuid::Uuid::try_parse(value).is_err(), "{labels:?}");
                    }
                }
            }
        }
    }
}
