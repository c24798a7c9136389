//! The reference pages are made from the code: a page that says something else is a failure.
//! `UPDATE_SNAPSHOTS=1` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use reprieve::domain::actions::ACTIONS;
use reprieve::domain::alarms::AlarmCode;
use reprieve::domain::codes::Code;
use reprieve::domain::scopes::Scope;
use reprieve::http::openapi;
use utoipa::openapi::path::Operation;

#[expect(
    clippy::disallowed_methods,
    reason = "how a developer asks for new pages"
)]
fn compare(page: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "{page} is not what the code says: run the tests once with UPDATE_SNAPSHOTS=1 and look at the change"
    );
}

#[test]
fn the_page_of_status_codes_is_the_catalogue() {
    let mut page = String::from(
        "# Status codes and problem codes\n\n\
         Made from `src/domain/codes.rs`. Every 4xx and 5xx is a problem document (RFC 9457, `application/problem+json`) with\n\
         `type`, `title`, `status`, `code`, `detail`, `next`, `request_id` and, for fields, `errors: [{pointer, code, detail}]`.\n\
         Clients match on `code`; `detail` is for people. What belongs to another organization answers like what never was.\n\n\
         | status | code | what is wrong | what to do next |\n| --- | --- | --- | --- |\n",
    );
    for code in Code::ALL {
        writeln!(
            page,
            "| {} | `{}` | {} | {} |",
            code.status(),
            code.as_str(),
            code.title(),
            code.next()
        )
        .unwrap();
    }
    compare("docs/status-codes.md", &page);
}

#[test]
fn the_page_of_connectors_says_of_each_whether_it_can_be_tested() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/connectors.md");
    let page = std::fs::read_to_string(path).unwrap();
    for connector in reprieve::connectors::all() {
        let name = format!("`{}`", connector.key);
        let in_first_cell = |line: &&str| {
            line.split('|')
                .nth(1)
                .is_some_and(|cell| cell.contains(&name))
        };
        let rows: Vec<&str> = page.lines().filter(in_first_cell).collect();
        assert_eq!(rows.len(), 1, "{name}: {rows:?}");
        let nothing = rows[0].split('|').nth(2).unwrap().trim() == "nothing";
        assert_eq!(nothing, connector.probe.is_none(), "{name}");
    }
}

#[test]
fn the_operators_guide_has_a_next_step_for_each_alarm_and_for_no_other() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, section) = page.split_once("\n### Alarms\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let section = section.split("\n### ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let told: Vec<[&str; 3]> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            cells.try_into().unwrap_or_else(|_| panic!("{row}"))
        })
        .collect();
    let codes: Vec<&str> = told
        .iter()
        .map(|[code, ..]| code.trim_matches('`'))
        .collect();
    let all: Vec<&str> = AlarmCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes, all);
    for ([_, title, next], code) in told.iter().zip(AlarmCode::ALL) {
        assert_eq!(*title, code.title());
        assert!(next.len() > 20, "{code}: {next}");
    }
}

#[test]
fn the_page_of_events_lists_every_type_and_record_and_no_other() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, types) = page.split_once("\n## Types\n").unwrap();
    let (events, records) = types
        .split_once("\nThese are audit records alone:\n")
        .unwrap();
    let records = records.split("\n## ").next().unwrap();
    for (part, announced) in [(events, true), (records, false)] {
        let rows: Vec<&str> = part
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let catalogue: Vec<String> = ACTIONS
            .iter()
            .filter(|action| action.announced == announced)
            .map(|action| format!("| `{}` | {} |", action.word, action.meaning))
            .collect();
        assert_eq!(rows, catalogue);
    }
}

#[test]
fn the_page_of_the_api_lists_every_operation_and_scope() {
    let mut page = String::from(
        "# The native API\n\n\
         Made from the routes; `GET /openapi.json` (OpenAPI 3.1) has the schemas.\n\n\
         JSON in snake_case. `Authorization: Bearer <API key>`. Lists take `page_size` (1 to 200, default 50) and `page_token`, and\n\
         answer `{data, next_page_token}`. Every write takes an `Idempotency-Key` (kept 24 hours); a repetition is answered with\n\
         `Idempotency-Replayed: true`. `ETag` and `If-Match` guard changes (412). Unknown fields and parameters are refused (422).\n\
         [Status codes](status-codes.md) lists the problems.\n\n\
         ## Operations\n\n| operation | scope | what it does |\n| --- | --- | --- |\n",
    );
    let document = openapi::document().openapi;
    for (path, item) in &document.paths.paths {
        let methods = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                writeln!(
                    page,
                    "| `{method} {path}` | {} | {} |",
                    scope(path, operation),
                    summary(operation)
                )
                .unwrap();
            }
        }
    }
    page.push_str("\n## Scopes\n\n| scope | allows |\n| --- | --- |\n");
    for scope in Scope::ALL {
        writeln!(page, "| `{scope}` | {} |", scope.meaning()).unwrap();
    }
    page.push_str("\n`*` is everything, `connections:*` every scope of that family; `trash:*` never includes `trash:purge`.\n");
    compare("docs/api.md", &page);
}

fn scope(path: &str, operation: &Operation) -> String {
    match openapi::scope_of(operation) {
        Some(scope) => format!("`{scope}`"),
        None if path.starts_with("/v1/") => "any key".to_owned(),
        None => "none".to_owned(),
    }
}

fn summary(operation: &Operation) -> String {
    let summary = operation.summary.clone().unwrap_or_default();
    let description = operation.description.clone().unwrap_or_default();
    [summary, description]
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
