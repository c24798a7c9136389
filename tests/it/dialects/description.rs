//! What each dialect serves is described by a document of its own, which is the one in the repository.

use std::path::Path;

use reprieve::http::dialects::Dialect;

use crate::support::*;

#[expect(
    clippy::disallowed_methods,
    reason = "how whoever changes a dialect says that it was meant"
)]
fn is_update() -> bool {
    std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1")
}

#[test]
fn the_served_description_of_each_dialect_is_the_one_in_the_repository() {
    let app = TestApp::start(Backend::Sqlite);
    for dialect in Dialect::ALL {
        let name = dialect.as_str();
        let served = app
            .stranger()
            .get(&format!("/dialects/{name}/openapi.json"))
            .ok(200);
        let served = serde_json::to_string_pretty(&served).unwrap() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("docs/dialects/{name}.openapi.json"));
        if is_update() {
            std::fs::write(&path, &served).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            served == kept,
            "{name} changed; if that is meant: UPDATE_SNAPSHOTS=1 cargo test dialects::description"
        );
    }
}
