//! What a deletion takes along, and the SQL that moves it: written once, from each table's column list.
//!
//! What must stay true: a move takes every column (a test compares these lists with the schema), rows never
//! leave the database on their way, and the four tables are always named in the same order. A new dependent
//! kind is one more [`Table`] here.

use std::sync::LazyLock;

use crate::domain::kinds::RootKind;

/// A live table that has a mirror in the trash.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) trash: &'static str,
    pub(super) columns: &'static [&'static str],
}

pub(super) const CONNECTIONS: Table = Table {
    name: "connections",
    trash: "trash_connections",
    columns: &[
        "org_id",
        "id",
        "name",
        "name_key",
        "connector",
        "integration",
        "integration_id",
        "external_id",
        "settings",
        "tags",
        "metadata",
        "status",
        "generation",
        "deletion_protection",
        "last_test",
        "created_at",
        "updated_at",
        "version",
    ],
};

pub(super) const MODELS: Table = Table {
    name: "models",
    trash: "trash_models",
    columns: &[
        "org_id",
        "id",
        "connection_id",
        "base_model_id",
        "name",
        "kind",
        "external_id",
        "body",
        "deletion_protection",
        "created_at",
        "updated_at",
        "version",
    ],
};

pub(super) const CONTENT: Table = Table {
    name: "content",
    trash: "trash_content",
    columns: &[
        "org_id",
        "id",
        "connection_id",
        "model_id",
        "name",
        "kind",
        "external_id",
        "body",
        "deletion_protection",
        "created_at",
        "updated_at",
        "version",
    ],
};

pub(super) const LINKS: Table = Table {
    name: "links",
    trash: "trash_links",
    columns: &["org_id", "from_id", "to_id", "created_at"],
};

/// Children before parents: the order out. Parents first is the order back.
pub(super) const OUT_ORDER: [&Table; 4] = [&LINKS, &CONTENT, &MODELS, &CONNECTIONS];

impl Table {
    fn list(&self) -> String {
        self.columns.join(", ")
    }

    /// The columns as a deletion writes them: the root's version and generation are raised, all else is as it was.
    fn list_out(&self) -> String {
        self.columns
            .iter()
            .map(|column| match *column {
                "version" => "version + CASE WHEN id = {root} THEN 1 ELSE 0 END".to_owned(),
                "generation" => "generation + 1".to_owned(),
                other => other.to_owned(),
            })
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Which rows a root takes along: one condition a table, `None` where it takes nothing.
struct Scope {
    /// A leading `WITH` item, or nothing.
    with: &'static str,
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
            connections: None,
            models: Some("org_id = {org} AND id IN (SELECT id FROM scope)"),
            content: "org_id = {org} AND connection_id = {parent} AND model_id IN (SELECT id FROM scope)",
        },
        RootKind::Content => Scope {
            with: "",
            connections: None,
            models: None,
            content: "org_id = {org} AND id = {root}",
        },
        RootKind::Connection | RootKind::Integration => Scope {
            with: "",
            connections: Some("org_id = {org} AND id = {root}"),
            models: Some("org_id = {org} AND connection_id = {root}"),
            content: "org_id = {org} AND connection_id = {root}",
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
            _ => self.connections.map(str::to_owned),
        }
    }
}

/// The SQL texts of one kind of root.
pub(super) struct Cascade {
    /// Counts and digests of what a deletion takes along; one row.
    pub(super) impact: String,
    /// The first protected row in scope: kind, id, name.
    pub(super) protected: String,
    /// A sample of what goes: kind, id, name, kind word.
    pub(super) sample: String,
    /// A sample of the content elsewhere that links to content in scope: id, name, connection.
    pub(super) references: String,
    /// PostgreSQL: one statement that moves all tables and answers the counts (connections, models, content, links).
    pub(super) out_postgres: String,
    /// SQLite: per table in [`OUT_ORDER`], the copy and the delete.
    pub(super) out_sqlite: Vec<(String, String)>,
}

/// The texts for `kind`.
pub(super) fn cascade(kind: RootKind) -> &'static Cascade {
    static CONNECTION: LazyLock<Cascade> = LazyLock::new(|| build(RootKind::Connection));
    static MODEL: LazyLock<Cascade> = LazyLock::new(|| build(RootKind::Model));
    static CONTENT: LazyLock<Cascade> = LazyLock::new(|| build(RootKind::Content));
    match kind {
        RootKind::Model => &MODEL,
        RootKind::Content => &CONTENT,
        RootKind::Connection | RootKind::Integration => &CONNECTION,
    }
}

fn build(kind: RootKind) -> Cascade {
    let scope = scope(kind);
    Cascade {
        impact: impact(&scope),
        protected: protected(&scope),
        sample: sample(&scope),
        references: references(&scope),
        out_postgres: out_postgres(&scope),
        out_sqlite: out_sqlite(&scope),
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
        "{with}SELECT k.n, k.v, k.u, k.p, m.n, m.v, m.c, m.u, m.p, c.n, c.v, c.c, c.u, c.p, l.n, r.n \
         FROM {k} k, {m} m, {c} c, \
         (SELECT count(*) AS n FROM links WHERE {links}) l, \
         (SELECT count(*) AS n FROM links WHERE {elsewhere}) r",
        with = scope.with(&[]),
        k = aggregates("connections", scope.connections.unwrap_or(nothing)),
        m = aggregates("models", scope.models.unwrap_or(nothing)),
        c = aggregates("content", scope.content),
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
        "{}SELECT what, id, name FROM ({}) p ORDER BY id LIMIT 1",
        scope.with(&[]),
        parts.join(" UNION ALL ")
    )
}

fn sample(scope: &Scope) -> String {
    let mut parts = Vec::new();
    for (kind, table, condition) in [
        ("model", "models", scope.models),
        ("content", "content", Some(scope.content)),
    ] {
        if let Some(condition) = condition {
            parts.push(format!(
                "SELECT * FROM (SELECT '{kind}' AS what, id, name, kind FROM {table} WHERE {condition} ORDER BY id LIMIT 10) {table}_sample"
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

fn out_postgres(scope: &Scope) -> String {
    let mut items = Vec::new();
    let mut counts = Vec::new();
    for table in OUT_ORDER {
        let (name, trash, columns) = (table.name, table.trash, table.list());
        if let Some(condition) = scope.condition(table) {
            items.push(format!(
                "gone_{name} AS (DELETE FROM {name} WHERE {condition} RETURNING {columns})"
            ));
            items.push(format!(
                "kept_{name} AS (INSERT INTO {trash} ({columns}, entry_id) SELECT {out}, {{entry}} FROM gone_{name} RETURNING 1)",
                out = table.list_out(),
            ));
            counts.push(format!("(SELECT count(*) FROM kept_{name})"));
        } else {
            counts.push("CAST(0 AS bigint)".to_owned());
        }
    }
    counts.reverse();
    // OUT_ORDER reversed: connections, models, content, links.
    format!("{}SELECT {}", scope.with(&items), counts.join(", "))
}

fn out_sqlite(scope: &Scope) -> Vec<(String, String)> {
    OUT_ORDER
        .iter()
        .filter_map(|table| {
            let (name, trash, columns) = (table.name, table.trash, table.list());
            let condition = scope.condition(table)?;
            let copy = format!(
                "{with}INSERT INTO {trash} ({columns}, entry_id) SELECT {out}, {{entry}} FROM {name} WHERE {condition}",
                with = scope.with(&[]),
                out = table.list_out(),
            );
            let key = if table.name == "links" { "(from_id, to_id)" } else { "id" };
            let bare = key.trim_matches(['(', ')']);
            let delete = format!(
                "DELETE FROM {name} WHERE org_id = {{org}} AND {key} IN \
                 (SELECT {bare} FROM {trash} WHERE org_id = {{org}} AND entry_id = {{entry}})"
            );
            Some((copy, delete))
        })
        .collect()
}

/// The SQL that brings the rows of an entry back, and that removes them for good; the same for every kind of root.
pub(super) struct Return {
    /// PostgreSQL: one statement for connections, models and content; answers their counts in this order.
    pub(super) back_postgres: String,
    /// SQLite: parents first, the copy and the delete.
    pub(super) back_sqlite: Vec<(String, String)>,
    /// PostgreSQL: locks the entries that hold the other ends of an entry's links; answers how many.
    pub(super) lock_other_ends: String,
    /// Files links whose other end is in another entry under that entry.
    pub(super) refile_links: String,
    /// Copies back the links whose two ends are live.
    pub(super) links_back: String,
    /// Removes what is left of the entry's links: those just copied, and those whose other end is gone.
    pub(super) links_clear: String,
    /// Removes the rows of the entry for good, children first.
    pub(super) purge: Vec<String>,
}

pub(super) static RETURN: LazyLock<Return> = LazyLock::new(|| {
    let entry = "org_id = {org} AND entry_id = {entry}";
    let mut items = Vec::new();
    let mut counts = Vec::new();
    let mut back_sqlite = Vec::new();
    for table in [&CONNECTIONS, &MODELS, &CONTENT] {
        let (name, trash, columns) = (table.name, table.trash, table.list());
        items.push(format!(
            "out_{name} AS (DELETE FROM {trash} WHERE {entry} RETURNING {columns})"
        ));
        items.push(format!("in_{name} AS (INSERT INTO {name} ({columns}) SELECT {columns} FROM out_{name} RETURNING 1)"));
        counts.push(format!("(SELECT count(*) FROM in_{name})"));
        back_sqlite.push((
            format!("INSERT INTO {name} ({columns}) SELECT {columns} FROM {trash} WHERE {entry}"),
            format!("DELETE FROM {trash} WHERE {entry}"),
        ));
    }
    let links = LINKS.list();
    let live = |end: &str| {
        format!(
            "EXISTS (SELECT 1 FROM content c WHERE c.org_id = {{org}} AND c.id = trash_links.{end})"
        )
    };
    let other_entry = "FROM trash_content t WHERE t.org_id = {org} AND t.id IN (trash_links.from_id, trash_links.to_id)";
    Return {
        back_postgres: format!("WITH {} SELECT {}", items.join(", "), counts.join(", ")),
        back_sqlite,
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
        purge: OUT_ORDER
            .iter()
            .map(|table| format!("DELETE FROM {} WHERE {entry}", table.trash))
            .collect(),
    }
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_one_the_statements_know() {
        let known = ["org", "root", "parent", "entry"];
        let mut texts: Vec<&str> = Vec::new();
        for kind in [RootKind::Connection, RootKind::Model, RootKind::Content] {
            let cascade = cascade(kind);
            texts.extend([
                &*cascade.impact,
                &cascade.protected,
                &cascade.sample,
                &cascade.references,
                &cascade.out_postgres,
            ]);
            texts.extend(
                cascade
                    .out_sqlite
                    .iter()
                    .flat_map(|(copy, delete)| [copy.as_str(), delete.as_str()]),
            );
        }
        texts.extend([
            &*RETURN.back_postgres,
            &RETURN.refile_links,
            &RETURN.links_back,
            &RETURN.links_clear,
        ]);
        for text in texts {
            for after in text.split('{').skip(1) {
                let name = after.split('}').next().unwrap();
                assert!(known.contains(&name), "{{{name}}} in {text}");
            }
        }
    }
}
