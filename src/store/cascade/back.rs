//! What a restore brings back. What a purge removes stands in `queries/purge.rs`.

use std::sync::LazyLock;

use super::out::Step;
use super::tables::{LINKS, tables_of};
use crate::domain::kinds::RootKind;

/// The SQL that brings the rows of an entry back, for one kind of root.
pub(in crate::store) struct Back {
    /// PostgreSQL: one statement; answers the counts of integrations, connections, models and content.
    pub(in crate::store) postgres: String,
    /// SQLite: parents first, the copy and the delete.
    pub(in crate::store) sqlite: Vec<Step>,
}

/// The texts for `kind`.
pub(in crate::store) fn back(kind: RootKind) -> &'static Back {
    static INTEGRATION: LazyLock<Back> = LazyLock::new(|| build(RootKind::Integration));
    static CONNECTION: LazyLock<Back> = LazyLock::new(|| build(RootKind::Connection));
    static MODEL: LazyLock<Back> = LazyLock::new(|| build(RootKind::Model));
    static CONTENT: LazyLock<Back> = LazyLock::new(|| build(RootKind::Content));
    match kind {
        RootKind::Integration => &INTEGRATION,
        RootKind::Connection => &CONNECTION,
        RootKind::Model => &MODEL,
        RootKind::Content => &CONTENT,
    }
}

const ENTRY: &str = "org_id = {org} AND entry_id = {entry}";

fn build(kind: RootKind) -> Back {
    let tables = tables_of(kind);
    let mut items = Vec::new();
    let mut sqlite = Vec::new();
    for &table in tables {
        let (name, trash, columns) = (table.name, table.trash, table.list());
        items.push(format!(
            "out_{name} AS (DELETE FROM {trash} WHERE {ENTRY} RETURNING {columns})"
        ));
        items.push(format!("in_{name} AS (INSERT INTO {name} ({columns}) SELECT {columns} FROM out_{name} RETURNING 1)"));
        sqlite.push(Step {
            table,
            copy: format!(
                "INSERT INTO {name} ({columns}) SELECT {columns} FROM {trash} WHERE {ENTRY}"
            ),
            delete: format!("DELETE FROM {trash} WHERE {ENTRY}"),
        });
    }
    let counts: Vec<String> = tables_of(RootKind::Integration)
        .iter()
        .map(|table| {
            if tables.iter().any(|own| own.name == table.name) {
                format!("(SELECT count(*) FROM in_{})", table.name)
            } else {
                "CAST(0 AS bigint)".to_owned()
            }
        })
        .collect();
    Back {
        postgres: format!("WITH {} SELECT {}", items.join(", "), counts.join(", ")),
        sqlite,
    }
}

/// The SQL for the links of an entry that comes back; the same for every kind of root.
pub(in crate::store) struct Return {
    /// PostgreSQL: locks the entries that hold the other ends of an entry's links; answers how many.
    pub(in crate::store) lock_other_ends: String,
    /// Files links whose other end is in another entry under that entry.
    pub(in crate::store) refile_links: String,
    /// Copies back the links whose two ends are live.
    pub(in crate::store) links_back: String,
    /// Removes what is left of the entry's links: those just copied, and those whose other end is gone.
    pub(in crate::store) links_clear: String,
}

pub(in crate::store) static RETURN: LazyLock<Return> = LazyLock::new(|| {
    let entry = ENTRY;
    let links = LINKS.list();
    let live = |end: &str| {
        format!(
            "EXISTS (SELECT 1 FROM content c WHERE c.org_id = {{org}} AND c.id = trash_links.{end})"
        )
    };
    let other_entry = "FROM trash_content t WHERE t.org_id = {org} AND t.id IN (trash_links.from_id, trash_links.to_id)";
    Return {
        lock_other_ends: "SELECT count(*) FROM (SELECT e.id FROM trash_entries e WHERE e.org_id = {org} \
             AND e.id IN (SELECT t.entry_id FROM trash_links l JOIN trash_content t ON t.org_id = l.org_id \
             AND t.id IN (l.from_id, l.to_id) WHERE l.org_id = {org} AND l.entry_id = {entry}) \
             ORDER BY e.id FOR UPDATE) locked"
            .to_owned(),
        refile_links: format!(
            "UPDATE trash_links SET entry_id = (SELECT t.entry_id {other_entry} LIMIT 1) \
             WHERE {entry} AND EXISTS (SELECT 1 {other_entry})"
        ),
        links_back: format!(
            "INSERT INTO links ({links}) SELECT {links} FROM trash_links WHERE {entry} AND {} AND {}",
            live("from_id"),
            live("to_id")
        ),
        links_clear: format!("DELETE FROM trash_links WHERE {entry}"),
    }
});
