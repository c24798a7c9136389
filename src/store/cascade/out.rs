//! What a deletion takes along: counted, sampled, moved.

use std::sync::LazyLock;

use super::tables::{CONNECTIONS, CONTENT, INTEGRATIONS, LINKS, MODELS, OUT_ORDER, Table};
use crate::domain::kinds::RootKind;

/// Which rows a root takes along: one condition a table, `None` where it takes nothing.
struct Scope {
    /// A leading `WITH` item, or nothing.
    with: &'static str,
    integrations: Option<&'static str>,
    connections: Option<&'static str>,
    models: Option<&'static str>,
    content: &'static str,
}

fn scope(kind: RootKind) -> Scope {
    match kind {
        RootKind::Model => Scope {
            // The model and, level by level, the models that extend it.
            with: "scope(id) AS (SELECT id FROM models WHERE org_id = {org} AND id = {root} \
                   UNION SELECT m.id FROM models m JOIN scope s ON m.base_model_id = s.id \
                   WHERE m.org_id = {org} AND m.connection_id = {parent})",
            integrations: None,
            connections: None,
            models: Some("org_id = {org} AND id IN (SELECT id FROM scope)"),
            content: "org_id = {org} AND connection_id = {parent} AND model_id IN (SELECT id FROM scope)",
        },
        RootKind::Content => Scope {
            with: "",
            integrations: None,
            connections: None,
            models: None,
            content: "org_id = {org} AND id = {root}",
        },
        RootKind::Connection => Scope {
            with: "",
            integrations: None,
            connections: Some("org_id = {org} AND id = {root}"),
            models: Some("org_id = {org} AND connection_id = {root}"),
            content: "org_id = {org} AND connection_id = {root}",
        },
        RootKind::Integration => Scope {
            with: "scope(id) AS (SELECT id FROM connections WHERE org_id = {org} AND integration_id = {root})",
            integrations: Some("org_id = {org} AND id = {root}"),
            connections: Some("org_id = {org} AND integration_id = {root}"),
            models: Some("org_id = {org} AND connection_id IN (SELECT id FROM scope)"),
            content: "org_id = {org} AND connection_id IN (SELECT id FROM scope)",
        },
    }
}

impl Scope {
    /// `WITH RECURSIVE ... ` in front of `items`, which may be empty.
    fn with(&self, items: &[String]) -> String {
        let mut all: Vec<&str> = Vec::new();
        if !self.with.is_empty() {
            all.push(self.with);
        }
        all.extend(items.iter().map(String::as_str));
        if all.is_empty() {
            String::new()
        } else {
            format!("WITH RECURSIVE {} ", all.join(", "))
        }
    }

    /// Links with either end in the content that goes. Two index look-ups instead of an OR that scans.
    fn links(&self) -> String {
        let content = self.content;
        let ends = |end: &str| {
            format!(
                "SELECT from_id, to_id FROM links WHERE org_id = {{org}} AND {end} IN (SELECT id FROM content WHERE {content})"
            )
        };
        format!(
            "org_id = {{org}} AND (from_id, to_id) IN ({} UNION {})",
            ends("from_id"),
            ends("to_id")
        )
    }

    fn condition(&self, table: &Table) -> Option<String> {
        match table.name {
            "links" => Some(self.links()),
            "content" => Some(self.content.to_owned()),
            "models" => self.models.map(str::to_owned),
            "connections" => self.connections.map(str::to_owned),
            _ => self.integrations.map(str::to_owned),
        }
    }
}

/// The SQL texts of one kind of root.
pub(in crate::store) struct Cascade {
    /// Counts and digests of what a deletion takes along; one row.
    pub(in crate::store) impact: String,
    /// The first protected row in scope: kind, id, name.
    pub(in crate::store) protected: String,
    /// A sample of what goes: kind, id, name, kind word.
    pub(in crate::store) sample: String,
    /// A sample of the content elsewhere that links to content in scope: id, name, connection.
    pub(in crate::store) references: String,
    /// PostgreSQL: one statement that moves all tables, writes the receipt and answers the counts, outermost first, links
    /// last.
    pub(in crate::store) out_postgres: String,
    /// SQLite: per table in [`OUT_ORDER`], the copy and the delete.
    pub(in crate::store) out_sqlite: Vec<Step>,
    /// SQLite: per table that the root takes rows of, the ids that were moved, for the receipt.
    pub(in crate::store) ids_sqlite: Vec<(&'static Table, String)>,
}

/// The two statements that move the rows of one table on SQLite.
pub(in crate::store) struct Step {
    pub(in crate::store) table: &'static Table,
    pub(in crate::store) copy: String,
    pub(in crate::store) delete: String,
}

/// The texts for `kind`.
pub(in crate::store) fn cascade(kind: RootKind) -> &'static Cascade {
    static INTEGRATION: LazyLock<Cascade> = LazyLock::new(|| build(RootKind::Integration));
    static CONNECTION: LazyLock<Cascade> = LazyLock::new(|| build(RootKind::Connection));
    static MODEL: LazyLock<Cascade> = LazyLock::new(|| build(RootKind::Model));
    static CONTENT: LazyLock<Cascade> = LazyLock::new(|| build(RootKind::Content));
    match kind {
        RootKind::Model => &MODEL,
        RootKind::Content => &CONTENT,
        RootKind::Connection => &CONNECTION,
        RootKind::Integration => &INTEGRATION,
    }
}

fn build(kind: RootKind) -> Cascade {
    let scope = scope(kind);
    Cascade {
        impact: impact(&scope),
        protected: protected(&scope),
        sample: sample(&scope, kind),
        references: references(&scope),
        out_postgres: out_postgres(&scope, kind),
        out_sqlite: out_sqlite(&scope, kind),
        ids_sqlite: ids_sqlite(&scope),
    }
}

fn impact(scope: &Scope) -> String {
    let nothing = "org_id = {org} AND 1 = 0";
    let aggregates = |table: &str, condition: &str| {
        format!(
            "(SELECT count(*) AS n, CAST(coalesce(sum(version), 0) AS bigint) AS v, max(created_at) AS c, \
             max(updated_at) AS u, count(*) FILTER (WHERE deletion_protection) AS p FROM {table} WHERE {condition})"
        )
    };
    format!(
        "{with}SELECT k.n, k.v, k.u, k.p, m.n, m.v, m.c, m.u, m.p, c.n, c.v, c.c, c.u, c.p, l.n, r.n, i.n, i.p \
         FROM {k} k, {m} m, {c} c, {i} i, \
         (SELECT count(*) AS n FROM links WHERE {links}) l, \
         (SELECT count(*) AS n FROM links WHERE {elsewhere}) r",
        with = scope.with(&[]),
        k = aggregates("connections", scope.connections.unwrap_or(nothing)),
        m = aggregates("models", scope.models.unwrap_or(nothing)),
        c = aggregates("content", scope.content),
        i = aggregates("integrations", scope.integrations.unwrap_or(nothing)),
        links = scope.links(),
        elsewhere = elsewhere(scope, "links"),
    )
}

/// Links that point into what goes from content that stays. The LIMIT keeps the planner from making a join of the
/// look-up: on tables it knows nothing of yet it compares every pair (measured: seconds for 20,000 links).
fn elsewhere(scope: &Scope, links: &str) -> String {
    let content = scope.content;
    format!(
        "{links}.org_id = {{org}} AND {links}.to_id IN (SELECT id FROM content WHERE {content}) \
         AND NOT EXISTS (SELECT 1 FROM (SELECT org_id, id, connection_id, model_id FROM content \
         WHERE org_id = {{org}} AND id = {links}.from_id LIMIT 1) source WHERE {content})"
    )
}

fn protected(scope: &Scope) -> String {
    let mut parts = Vec::new();
    for (kind, table, condition) in [
        ("integration", "integrations", scope.integrations),
        ("connection", "connections", scope.connections),
        ("model", "models", scope.models),
        ("content", "content", Some(scope.content)),
    ] {
        if let Some(condition) = condition {
            parts.push(format!(
                "SELECT '{kind}' AS what, id, name FROM {table} WHERE {condition} AND deletion_protection"
            ));
        }
    }
    format!(
        "{}SELECT what, id, name FROM ({}) p ORDER BY id, what LIMIT 1",
        scope.with(&[]),
        parts.join(" UNION ALL ")
    )
}

fn sample(scope: &Scope, kind: RootKind) -> String {
    // A connection has no kind of its own: its connector says what it is. A root is no sample of itself.
    let connections = scope.connections.filter(|_| kind == RootKind::Integration);
    let mut parts = Vec::new();
    for (kind, table, word, condition) in [
        ("connection", "connections", "connector", connections),
        ("model", "models", "kind", scope.models),
        ("content", "content", "kind", Some(scope.content)),
    ] {
        if let Some(condition) = condition {
            parts.push(format!(
                "SELECT * FROM (SELECT '{kind}' AS what, id, name, {word} AS kind FROM {table} WHERE {condition} ORDER BY id LIMIT 10) {table}_sample"
            ));
        }
    }
    format!("{}{}", scope.with(&[]), parts.join(" UNION ALL "))
}

fn references(scope: &Scope) -> String {
    format!(
        "{with}SELECT f.id, f.name, f.connection_id FROM content f WHERE f.org_id = {{org}} AND f.id IN \
         (SELECT l.from_id FROM links l WHERE {elsewhere}) ORDER BY f.id LIMIT 10",
        with = scope.with(&[]),
        elsewhere = elsewhere(scope, "l"),
    )
}

/// What a receipt has hashes of.
const MANIFEST: [&Table; 4] = [&INTEGRATIONS, &CONNECTIONS, &MODELS, &CONTENT];

/// The move. The receipt is made of what it returns: no second look at the rows, no second round trip, and no deletion
/// without it.
fn out_postgres(scope: &Scope, kind: RootKind) -> String {
    let mut items = Vec::new();
    let mut counts = Vec::new();
    for table in OUT_ORDER {
        let (name, trash, columns) = (table.name, table.trash, table.list());
        let key = if name == LINKS.name { "1" } else { "id" };
        if let Some(condition) = scope.condition(table) {
            items.push(format!(
                "gone_{name} AS (DELETE FROM {name} WHERE {condition} RETURNING {columns})"
            ));
            items.push(format!(
                "kept_{name} AS (INSERT INTO {trash} ({columns}, entry_id) SELECT {out}, {{entry}} FROM gone_{name} RETURNING {key})",
                out = table.list_out(kind),
            ));
            counts.push(format!("(SELECT count(*) FROM kept_{name})"));
        } else {
            counts.push("CAST(0 AS bigint)".to_owned());
        }
    }
    counts.reverse();
    items.push(receipt_postgres(scope));
    format!("{}SELECT {}", scope.with(&items), counts.join(", "))
}

fn receipt_postgres(scope: &Scope) -> String {
    let (mut columns, mut hashes) = (Vec::new(), Vec::new());
    for table in MANIFEST {
        columns.push(format!("{}_sha256", table.name));
        hashes.push(if scope.condition(table).is_some() {
            format!(
                "(SELECT encode(sha256(coalesce(string_agg(uuid_send(id), ''::bytea ORDER BY id), ''::bytea)), 'hex') \
                 FROM kept_{})",
                table.name
            )
        } else {
            "encode(sha256(''::bytea), 'hex')".to_owned()
        });
    }
    format!(
        "receipt AS (INSERT INTO receipts (org_id, entry_id, fields, {}) SELECT {{org}}, {{entry}}, {{fields}}, {})",
        columns.join(", "),
        hashes.join(", ")
    )
}

fn ids_sqlite(scope: &Scope) -> Vec<(&'static Table, String)> {
    MANIFEST
        .into_iter()
        .filter(|table| scope.condition(table).is_some())
        .map(|table| {
            let ids = format!(
                "SELECT id FROM {} WHERE org_id = {{org}} AND entry_id = {{entry}} ORDER BY id",
                table.trash
            );
            (table, ids)
        })
        .collect()
}

fn out_sqlite(scope: &Scope, kind: RootKind) -> Vec<Step> {
    OUT_ORDER
        .iter()
        .filter_map(|table| {
            let (name, trash, columns) = (table.name, table.trash, table.list());
            let condition = scope.condition(table)?;
            let copy = format!(
                "{with}INSERT INTO {trash} ({columns}, entry_id) SELECT {out}, {{entry}} FROM {name} WHERE {condition}",
                with = scope.with(&[]),
                out = table.list_out(kind),
            );
            let key = if table.name == LINKS.name { "(from_id, to_id)" } else { "id" };
            let bare = key.trim_matches(['(', ')']);
            let delete = format!(
                "DELETE FROM {name} WHERE org_id = {{org}} AND {key} IN \
                 (SELECT {bare} FROM {trash} WHERE org_id = {{org}} AND entry_id = {{entry}})"
            );
            Some(Step {
                table,
                copy,
                delete,
            })
        })
        .collect()
}
