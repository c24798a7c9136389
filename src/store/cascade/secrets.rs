//! The secrets of all that a deletion takes along: counted, their shape kept, shredded; and the ways to the connections
//! that end with them ([`ENDS`]).

use std::sync::LazyLock;

use crate::domain::kinds::RootKind;

/// What leads to a connection without its id being known, and ends with it: a restored connection has none.
const ENDS: &[&str] = &[
    "DELETE FROM connect_sessions WHERE org_id = {org} AND connection_id IN ({connections})",
    "DELETE FROM access_tokens WHERE org_id = {org} AND connection_id IN ({connections})",
    // Its token still says what became of it, until it expires.
    "UPDATE connect_tokens SET gone_at = {at} WHERE org_id = {org} AND gone_at IS NULL AND connection_id IN ({connections})",
];

/// The texts of one kind of root that has secrets.
pub(in crate::store) struct Shred {
    /// How many there are, and the newest key epoch that one of them is sealed under.
    pub(in crate::store) count: String,
    /// The fields, each once.
    pub(in crate::store) fields: String,
    /// Keeps the shape of those below the root; the root's own goes into its entry.
    pub(in crate::store) keep: Option<String>,
    /// Notes what is shredded, for the shred log.
    pub(in crate::store) note: String,
    /// PostgreSQL: removes the slots; the erasure cycle does the rest.
    pub(in crate::store) slots_postgres: String,
    /// SQLite: overwrites the slots in place (`sqlite::shred_slots` says why).
    pub(in crate::store) slots_sqlite: String,
    /// Forgets the secrets.
    pub(in crate::store) forget: String,
    /// PostgreSQL: closes the ways to the connections, in one statement.
    pub(in crate::store) ends_postgres: String,
    /// SQLite: the same, one after the other.
    pub(in crate::store) ends_sqlite: Vec<String>,
}

/// The texts for `kind`; models and content have no secrets.
pub(in crate::store) fn shred(kind: RootKind) -> Option<&'static Shred> {
    static INTEGRATION: LazyLock<Shred> = LazyLock::new(|| {
        let below = "org_id = {org} AND owner_kind = 'connection' AND owner_id IN \
                     (SELECT id FROM connections WHERE org_id = {org} AND integration_id = {root})";
        build(
            "SELECT id FROM connections WHERE org_id = {org} AND integration_id = {root}",
            &format!(
                "({below} OR org_id = {{org}} AND owner_kind = 'integration' AND owner_id = {{root}})"
            ),
            Some(below),
        )
    });
    static CONNECTION: LazyLock<Shred> = LazyLock::new(|| {
        build(
            "{root}",
            "org_id = {org} AND owner_kind = 'connection' AND owner_id = {root}",
            None,
        )
    });
    match kind {
        RootKind::Integration => Some(&INTEGRATION),
        RootKind::Connection => Some(&CONNECTION),
        RootKind::Model | RootKind::Content => None,
    }
}

fn build(connections: &str, owned: &str, below: Option<&str>) -> Shred {
    let ends: Vec<String> = ENDS
        .iter()
        .map(|text| text.replace("{connections}", connections))
        .collect();
    let parts: Vec<String> = ends
        .iter()
        .enumerate()
        .map(|(number, text)| format!("end_{number} AS ({text})"))
        .collect();
    let slots = format!("SELECT slot_id FROM secrets WHERE {owned}");
    Shred {
        count: format!("SELECT count(*), max(key_epoch) FROM secrets WHERE {owned}"),
        fields: format!("SELECT DISTINCT field FROM secrets WHERE {owned} ORDER BY field"),
        keep: below.map(|below| {
            format!(
                "INSERT INTO shredded_secrets (org_id, entry_id, owner_kind, owner_id, field, source_hint, set_at, set_by) \
                 SELECT org_id, {{entry}}, owner_kind, owner_id, field, source_hint, set_at, set_by FROM secrets WHERE {below}"
            )
        }),
        // A deletion never fails because of its note: a database that was put back may have it already.
        note: format!(
            "INSERT INTO shreds (org_id, record_id, key_epoch, shredded_at) \
             SELECT org_id, record_id, key_epoch, {{at}} FROM secrets WHERE {owned} ON CONFLICT DO NOTHING"
        ),
        slots_postgres: format!("DELETE FROM secret_slots WHERE org_id = {{org}} AND id IN ({slots})"),
        slots_sqlite: format!(
            "UPDATE secret_slots SET record = zeroblob(length(record)), free = 1 WHERE id IN ({slots})"
        ),
        forget: format!("DELETE FROM secrets WHERE {owned}"),
        ends_postgres: format!("WITH {} SELECT 1", parts.join(", ")),
        ends_sqlite: ends,
    }
}
