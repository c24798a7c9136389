//! The tables that rows move between, each with its columns.

use crate::domain::kinds::RootKind;

/// A live table that has a mirror in the trash.
pub(in crate::store) struct Table {
    pub(in crate::store) name: &'static str,
    pub(in crate::store) trash: &'static str,
    pub(in crate::store) columns: &'static [&'static str],
}

pub(in crate::store) const INTEGRATIONS: Table = Table {
    name: "integrations",
    trash: "trash_integrations",
    columns: &[
        "org_id",
        "id",
        "key",
        "name",
        "connector",
        "settings",
        "created_at",
        "updated_at",
        "version",
        "generation",
        "deletion_protection",
        "revoke_on_delete",
    ],
};

pub(in crate::store) const CONNECTIONS: Table = Table {
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

pub(in crate::store) const MODELS: Table = Table {
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

pub(in crate::store) const CONTENT: Table = Table {
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

pub(in crate::store) const LINKS: Table = Table {
    name: "links",
    trash: "trash_links",
    columns: &["org_id", "from_id", "to_id", "created_at"],
};

/// Children before parents: the order out. Parents first is the order back.
pub(in crate::store) const OUT_ORDER: [&Table; 5] =
    [&LINKS, &CONTENT, &MODELS, &CONNECTIONS, &INTEGRATIONS];

impl Table {
    /// The columns, as a statement names them.
    pub(super) fn list(&self) -> String {
        self.columns.join(", ")
    }

    /// The columns as a deletion writes them. What loses its secrets is another generation of itself; its version is
    /// raised, and so is that of the root, which is of this kind; all else is as it was (promise 2), even a model that has
    /// the id of its connection.
    pub(super) fn list_out(&self, root: RootKind) -> String {
        let has_secrets = self.columns.contains(&"generation");
        let holds_root = tables_of(root)
            .first()
            .is_some_and(|table| table.name == self.name);
        self.columns
            .iter()
            .map(|column| match *column {
                "version" if has_secrets => "version + 1".to_owned(),
                "version" if holds_root => {
                    "version + CASE WHEN id = {root} THEN 1 ELSE 0 END".to_owned()
                }
                "generation" => "generation + 1".to_owned(),
                other => other.to_owned(),
            })
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// The tables whose rows a root of this kind can take along, parents first; links aside.
pub(in crate::store) fn tables_of(kind: RootKind) -> &'static [&'static Table] {
    const ALL: [&Table; 4] = [&INTEGRATIONS, &CONNECTIONS, &MODELS, &CONTENT];
    let [_, of_connection @ ..] = &ALL;
    let [_, of_model @ ..] = of_connection;
    let [_, of_content @ ..] = of_model;
    match kind {
        RootKind::Integration => &ALL,
        RootKind::Connection => of_connection,
        RootKind::Model => of_model,
        RootKind::Content => of_content,
    }
}
