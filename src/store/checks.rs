//! What must be true of the database as a whole, as SQL that finds where it is not.
//!
//! Fixed text over all organizations; every join is by organization, so nothing of one is compared with another. Each
//! statement answers `org`, `place` (the table), `id` and `fault` as text, and runs on both databases alike; what only
//! SQLite can break stands apart. Foreign keys forbid some of this: here it is asked again, since they can be off, and
//! since a database can come back from a backup or a disk that lost something.

use std::sync::LazyLock;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use super::cascade::{CONNECTIONS, CONTENT, INTEGRATIONS, LINKS, MODELS, OUT_ORDER, Table};

/// The most findings of one check that are told one by one.
pub const TOLD: usize = 20;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Finding {
    /// The id of the organization; empty for the database as a whole.
    #[diesel(sql_type = Text)]
    pub org: String,
    /// The table.
    #[diesel(sql_type = Text)]
    pub place: String,
    /// The row.
    #[diesel(sql_type = Text)]
    pub id: String,
    /// What is wrong with it.
    #[diesel(sql_type = Text)]
    pub fault: String,
    /// How many findings the check has.
    #[diesel(sql_type = BigInt)]
    pub total: i64,
}

/// A statement that finds nothing in a database that is as it must be.
pub struct Check {
    /// What it makes sure of, in a few words.
    pub name: &'static str,
    /// Whether it is about SQLite alone.
    pub only_sqlite: bool,
    /// The statement: the first findings, each with the number of all.
    pub(super) sql: String,
}

/// Every check.
pub fn checks() -> &'static [Check] {
    &CHECKS
}

static CHECKS: LazyLock<Vec<Check>> = LazyLock::new(|| {
    vec![
        check("every row is in one place", one_place()),
        check("entries hold what they say", entries()),
        check("every child has its parent", parents()),
        check("secrets belong to live owners", secrets()),
        check("slots hold one secret each", slots()),
        check("purge dates follow deletions", vec![purge_dates()]),
        check("what was shredded gets erased", vec![erasure()]),
        check("every audit record has its seal", seals()),
        Check {
            only_sqlite: true,
            ..check("free slots hold zeros", vec![free_slots()])
        },
        Check {
            only_sqlite: true,
            ..check("the file is intact", vec![INTEGRITY.to_owned()])
        },
        Check {
            only_sqlite: true,
            ..check("foreign keys hold", vec![FOREIGN_KEYS.to_owned()])
        },
    ]
});

fn check(name: &'static str, parts: Vec<String>) -> Check {
    let sql = format!(
        "SELECT f.org, f.place, f.id, f.fault, count(*) OVER () AS total FROM ({}) AS f \
         ORDER BY f.org, f.place, f.id, f.fault LIMIT {TOLD}",
        parts.join(" UNION ALL ")
    );
    Check {
        name,
        only_sqlite: false,
        sql,
    }
}

/// Findings about the rows of one table, which `from` names with the alias `x`.
fn findings(place: &str, id: &str, fault: &str, from: &str) -> String {
    format!(
        "SELECT CAST(x.org_id AS text) AS org, '{place}' AS place, {id} AS id, {fault} AS fault FROM {from}"
    )
}

/// The id of a row of this table as text.
fn id_of(table: &Table) -> &'static str {
    if table.name == LINKS.name {
        "CAST(x.from_id AS text) || ' to ' || CAST(x.to_id AS text)"
    } else {
        "CAST(x.id AS text)"
    }
}

const ID: &str = "CAST(x.id AS text)";

fn one_place() -> Vec<String> {
    let mut parts = Vec::new();
    for table in OUT_ORDER {
        let (live, trash, id) = (table.name, table.trash, id_of(table));
        let same = if live == LINKS.name {
            "t.from_id = x.from_id AND t.to_id = x.to_id"
        } else {
            "t.id = x.id"
        };
        parts.push(findings(
            live,
            id,
            "'is live and in the trash'",
            &format!("{live} x JOIN {trash} t ON t.org_id = x.org_id AND {same}"),
        ));
        parts.push(findings(
            trash,
            id,
            "CASE WHEN e.id IS NULL THEN 'is of an entry that is not there' ELSE 'is of an entry that is ' || e.state END",
            &format!(
                "{trash} x LEFT JOIN trash_entries e ON e.org_id = x.org_id AND e.id = x.entry_id \
                 WHERE e.id IS NULL OR e.state NOT IN ('in_trash', 'purging')"
            ),
        ));
    }
    parts
}

/// The counts of an entry in the trash are those of its rows; one that is being purged may have fewer left.
///
/// Links are not counted: those whose other end is deleted or restored later are filed under another entry, and those
/// that their owner re-points are forgotten. What holds for each is that its entry has one of its ends.
fn entries() -> Vec<String> {
    let mut parts = Vec::new();
    for table in [&CONNECTIONS, &MODELS, &CONTENT] {
        let (name, trash) = (table.name, table.trash);
        let told = format!("{name}_count");
        parts.push(findings(
            "trash_entries",
            ID,
            &format!("'says {name}: ' || CAST(x.told AS text) || ', holds ' || CAST(x.held AS text)"),
            &format!(
                "(SELECT e.org_id, e.id, e.state, e.{told} AS told, (SELECT count(*) FROM {trash} t \
                 WHERE t.org_id = e.org_id AND t.entry_id = e.id) AS held FROM trash_entries e \
                 WHERE e.state IN ('in_trash', 'purging')) x \
                 WHERE x.held > x.told OR (x.held < x.told AND x.state = 'in_trash')"
            ),
        ));
    }
    for (kind, table) in [
        ("integration", &INTEGRATIONS),
        ("connection", &CONNECTIONS),
        ("model", &MODELS),
        ("content", &CONTENT),
    ] {
        parts.push(findings(
            "trash_entries",
            ID,
            &format!("'lacks the {kind} it is about, ' || CAST(x.root_id AS text)"),
            &format!(
                "trash_entries x LEFT JOIN {} t ON t.org_id = x.org_id AND t.id = x.root_id AND t.entry_id = x.id \
                 WHERE x.state = 'in_trash' AND x.root_kind = '{kind}' AND t.id IS NULL",
                table.trash
            ),
        ));
    }
    parts.push(findings(
        LINKS.trash,
        id_of(&LINKS),
        "'has no end in its entry'",
        "trash_links x WHERE NOT EXISTS (SELECT 1 FROM trash_content t WHERE t.org_id = x.org_id \
         AND t.id IN (x.from_id, x.to_id) AND t.entry_id = x.entry_id)",
    ));
    parts
}

/// A parent is live and, for models, of the same connection; an integration has the key that its connections name.
fn parents() -> Vec<String> {
    let mut parts = vec![findings(
        CONNECTIONS.name,
        ID,
        "CASE WHEN i.id IS NULL THEN 'has no live integration' ELSE 'names another integration than its own' END",
        "connections x LEFT JOIN integrations i ON i.org_id = x.org_id AND i.id = x.integration_id \
         WHERE x.integration_id IS NOT NULL AND (i.id IS NULL OR i.key <> x.integration OR i.connector <> x.connector)",
    )];
    for table in [&MODELS, &CONTENT] {
        parts.push(findings(
            table.name,
            ID,
            "'has no live connection'",
            &format!(
                "{} x LEFT JOIN connections p ON p.org_id = x.org_id AND p.id = x.connection_id WHERE p.id IS NULL",
                table.name
            ),
        ));
    }
    for (table, parent, what) in [
        (&MODELS, "base_model_id", "base model"),
        (&CONTENT, "model_id", "model"),
    ] {
        parts.push(findings(
            table.name,
            ID,
            &format!("'has no live {what} in its connection'"),
            &format!(
                "{} x LEFT JOIN models p ON p.org_id = x.org_id AND p.connection_id = x.connection_id \
                 AND p.id = x.{parent} WHERE x.{parent} IS NOT NULL AND p.id IS NULL",
                table.name
            ),
        ));
    }
    for end in ["from_id", "to_id"] {
        parts.push(findings(
            LINKS.name,
            id_of(&LINKS),
            &format!("'has no live content at its {end}'"),
            &format!("links x LEFT JOIN content p ON p.org_id = x.org_id AND p.id = x.{end} WHERE p.id IS NULL"),
        ));
    }
    parts
}

/// Owners of secrets are live, and their secrets can be opened: sealed for the owner's generation, by a key that is. A
/// re-entry session is a way to them, an access token one to their connection.
fn secrets() -> Vec<String> {
    let id = "x.owner_kind || ' ' || CAST(x.owner_id AS text) || ' ' || x.field";
    let found =
        |fault: &str, from: &str| findings("secrets", id, fault, &format!("secrets x {from}"));
    vec![
        findings(
            "connect_sessions",
            ID,
            "'is of a connection that is not live'",
            "connect_sessions x LEFT JOIN connections c ON c.org_id = x.org_id AND c.id = x.connection_id \
             WHERE c.id IS NULL",
        ),
        findings(
            "access_tokens",
            ID,
            "'is of a connection that is not live'",
            "access_tokens x LEFT JOIN connections c ON c.org_id = x.org_id AND c.id = x.connection_id \
             WHERE c.id IS NULL",
        ),
        findings(
            "connect_tokens",
            ID,
            "'is of a connection that is not live'",
            "connect_tokens x LEFT JOIN connections c ON c.org_id = x.org_id AND c.id = x.connection_id \
             WHERE x.connection_id IS NOT NULL AND x.gone_at IS NULL AND c.id IS NULL",
        ),
        found(
            "'is of an owner that is not live'",
            "LEFT JOIN connections c ON x.owner_kind = 'connection' AND c.org_id = x.org_id AND c.id = x.owner_id \
             LEFT JOIN integrations i ON x.owner_kind = 'integration' AND i.org_id = x.org_id AND i.id = x.owner_id \
             LEFT JOIN receipt_keys r ON x.owner_kind = 'signer' AND r.org_id = x.org_id AND r.id = x.owner_id \
             AND r.retired_at IS NULL \
             LEFT JOIN webhook_endpoints w ON x.owner_kind = 'webhook' AND w.org_id = x.org_id AND w.id = x.owner_id \
             WHERE c.id IS NULL AND i.id IS NULL AND r.id IS NULL AND w.id IS NULL",
        ),
        findings(
            "receipt_keys",
            ID,
            "'is in use and has no private half'",
            "receipt_keys x LEFT JOIN secrets s ON s.org_id = x.org_id AND s.owner_kind = 'signer' AND s.owner_id = x.id \
             WHERE x.retired_at IS NULL AND s.owner_id IS NULL",
        ),
        found(
            "'was sealed for another generation of its connection'",
            "JOIN connections c ON x.owner_kind = 'connection' AND c.org_id = x.org_id AND c.id = x.owner_id \
             WHERE c.generation <> x.generation",
        ),
        found(
            "'was sealed for another generation of its integration'",
            "JOIN integrations i ON x.owner_kind = 'integration' AND i.org_id = x.org_id AND i.id = x.owner_id \
             WHERE i.generation <> x.generation",
        ),
        found(
            "'was sealed under a key epoch that is destroyed or unknown'",
            "LEFT JOIN key_epochs k ON k.epoch = x.key_epoch WHERE k.epoch IS NULL OR k.destroyed_at IS NOT NULL",
        ),
        found(
            "CASE WHEN s.id IS NULL THEN 'has no slot' ELSE 'has a slot that is free' END",
            "LEFT JOIN secret_slots s ON s.org_id = x.org_id AND s.id = x.slot_id WHERE s.id IS NULL OR s.free",
        ),
    ]
}

fn slots() -> Vec<String> {
    let found = |fault: &str, from: &str| findings("secret_slots", ID, fault, from);
    vec![
        found(
            "'is used by no secret'",
            "secret_slots x LEFT JOIN secrets s ON s.org_id = x.org_id AND s.slot_id = x.id \
             WHERE NOT x.free AND s.slot_id IS NULL",
        ),
        found(
            "'is used by several secrets'",
            "(SELECT org_id, slot_id AS id FROM secrets GROUP BY org_id, slot_id HAVING count(*) > 1) x",
        ),
        found(
            "'is of the size class ' || CAST(x.size_class AS text) || ' and holds ' || CAST(length(x.record) AS text) || ' bytes'",
            "secret_slots x WHERE x.size_class NOT IN (256, 1024, 4096, 16384) OR x.size_class <> length(x.record)",
        ),
    ]
}

fn purge_dates() -> String {
    findings(
        "trash_entries",
        ID,
        "'is purged before it was deleted'",
        "trash_entries x WHERE x.purge_at < x.deleted_at",
    )
}

/// Whatever became of the entry since.
fn erasure() -> String {
    findings(
        "trash_entries",
        ID,
        "'had secrets shredded, which are neither erased nor waiting for it'",
        "trash_entries x WHERE x.shredded_at IS NOT NULL AND x.erased_at IS NULL AND NOT EXISTS \
         (SELECT 1 FROM erasure_jobs j WHERE j.org_id = x.org_id AND j.entry_id = x.id AND j.finished_at IS NULL)",
    )
}

/// Promise 10: a record that is in no chain, and a seal whose record is gone.
fn seals() -> Vec<String> {
    vec![
        findings(
            "audit_events",
            ID,
            "'is in no chain'",
            "audit_events x LEFT JOIN audit_seals s ON s.org_id = x.org_id AND s.record_id = x.id \
             WHERE s.record_id IS NULL OR s.announced <> x.announced",
        ),
        findings(
            "audit_seals",
            "CAST(x.record_id AS text)",
            "'seals a record that is not there'",
            "audit_seals x LEFT JOIN audit_events a ON a.org_id = x.org_id AND a.id = x.record_id WHERE a.id IS NULL",
        ),
    ]
}

/// A slot that was shredded was overwritten (promise 4).
fn free_slots() -> String {
    let from = "secret_slots x WHERE x.free AND x.record <> zeroblob(length(x.record))";
    findings("secret_slots", ID, "'is free and not empty'", from)
}

const INTEGRITY: &str = "SELECT '' AS org, 'the file' AS place, '' AS id, integrity_check AS fault \
    FROM pragma_integrity_check WHERE integrity_check <> 'ok'";

const FOREIGN_KEYS: &str = "SELECT '' AS org, \"table\" AS place, coalesce('row ' || rowid, '') AS id, \
    'refers to a row of ' || parent || ' that is not there' AS fault FROM pragma_foreign_key_check";
