//! What a sequence is made of. A step names rows by numbers that are resolved among the rows there are when it runs,
//! so a shorter sequence still means something. Few names and external ids: they are to collide.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use reprieve::domain::kinds::{DependentKind, OnTrashed, RootKind};

use super::state::{CONNECTORS, Connector, Hold};

/// A row: by its number among the live ones or, rarely, any there is, was or never was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick(pub(crate) u8);

/// How many picks there are: small numbers, which shrink well.
pub(crate) const PICKS: u8 = 128;

#[derive(Clone, Debug)]
pub(crate) struct NewIntegration {
    pub(crate) key: String,
    pub(crate) name: Option<String>,
    pub(crate) connector: Connector,
    pub(crate) secret: Option<String>,
    pub(crate) protected: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct NewConnection {
    pub(crate) connector: Connector,
    /// The key of an integration; the connector's own without one.
    pub(crate) integration: Option<String>,
    /// Whether it wants that integration even where there is none like it.
    pub(crate) insists: bool,
    pub(crate) name: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) metadata: Option<String>,
    pub(crate) secret: Option<String>,
    pub(crate) protected: bool,
    pub(crate) on_trashed: Option<OnTrashed>,
}

#[derive(Clone, Debug)]
pub(crate) struct NewDependent {
    pub(crate) name: String,
    pub(crate) external_id: Option<String>,
    pub(crate) parent: Option<Pick>,
    pub(crate) body: Option<&'static str>,
    pub(crate) protected: bool,
    /// Only content has links.
    pub(crate) links: Option<Vec<Pick>>,
}

/// What a caller knows of the version or the plan: nothing, the right one, an old one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Nothing,
    Now,
    Before,
}

#[derive(Clone, Debug)]
#[expect(
    clippy::option_option,
    reason = "absent and removed differ in a merge patch"
)]
pub(crate) enum Step {
    CreateIntegration(NewIntegration),
    PatchIntegration {
        which: Pick,
        name: Option<String>,
        protected: Option<bool>,
        /// `None` within shreds what is stored.
        secret: Option<Option<String>>,
        version: Seen,
    },
    CreateConnection(NewConnection),
    UpsertConnection(NewConnection),
    PatchConnection {
        which: Pick,
        name: Option<String>,
        external_id: Option<Option<String>>,
        metadata: Option<u8>,
        protected: Option<bool>,
        version: Seen,
    },
    /// `None` shreds what is stored.
    PutSecret {
        which: Pick,
        value: Option<String>,
    },
    ReadSecrets {
        which: Pick,
    },
    Create {
        kind: DependentKind,
        connection: Pick,
        items: Vec<NewDependent>,
    },
    Upsert {
        kind: DependentKind,
        connection: Pick,
        item: NewDependent,
    },
    Patch {
        kind: DependentKind,
        which: Pick,
        name: Option<String>,
        external_id: Option<Option<String>>,
        parent: Option<Option<Pick>>,
        protected: Option<bool>,
        links: Option<Vec<Pick>>,
        version: Seen,
    },
    Delete {
        /// A parent of something in the trash, if there is one: what waits there for a parent is where restores go
        /// wrong.
        climbs: bool,
        kind: RootKind,
        which: Pick,
        reason: Option<String>,
        version: Seen,
        plan: Seen,
        only_validate: bool,
    },
    Restore {
        entry: Pick,
        name: Option<String>,
        external_id: Option<String>,
        /// A connection and a model of it; for a connection an integration.
        target: Option<(Pick, Option<Pick>)>,
        with_ancestors: bool,
        plan: Seen,
        only_validate: bool,
    },
    /// Those picked or, without a pick, all of a kind.
    BulkRestore {
        entries: Vec<Pick>,
        kind: RootKind,
        with_ancestors: bool,
        only_validate: bool,
    },
    BulkDelete {
        which: Vec<Pick>,
        reason: Option<String>,
        plan: Seen,
    },
    Purge {
        entry: Pick,
        confirmed: bool,
    },
    Hold {
        entry: Pick,
        hold: Hold,
    },
    LiftHold {
        which: Pick,
    },
    /// How the organization keeps its trash from now on.
    Policy {
        purge_protection: bool,
        retention_days: i32,
    },
    /// Compares what the trash tells of itself.
    Look {
        entry: Pick,
    },
}

impl Step {
    /// What it does, in a word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::CreateIntegration(_) | Self::CreateConnection(_) | Self::Create { .. } => {
                "create"
            }
            Self::UpsertConnection(_) | Self::Upsert { .. } => "upsert",
            Self::PatchIntegration { .. } | Self::PatchConnection { .. } | Self::Patch { .. } => {
                "patch"
            }
            Self::PutSecret { .. } | Self::ReadSecrets { .. } => "secrets",
            Self::Delete { .. } => "delete",
            Self::BulkRestore { .. } => "bulk restore",
            Self::BulkDelete { .. } => "bulk delete",
            Self::Restore { .. } => "restore",
            Self::Purge { .. } => "purge",
            Self::Hold { .. } | Self::LiftHold { .. } | Self::Policy { .. } => "policy",
            Self::Look { .. } => "look",
        }
    }
}

/// Some rows, deletions of them, anything, restores, anything.
pub(crate) fn sequences() -> impl Strategy<Value = Vec<Step>> {
    (
        connection().prop_map(Step::CreateConnection),
        vec(beginnings(), 0..9),
        vec(delete(), 0..8),
        vec(steps(), 0..9),
        vec(prop_oneof![5 => restore(), 1 => bulk_restore()], 0..8),
        vec(steps(), 0..9),
    )
        .prop_map(|(first, rows, deletions, some, restores, rest)| {
            let parts = [vec![first], rows, deletions, some, restores, rest];
            parts.into_iter().flatten().collect()
        })
}

fn beginnings() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => integration(),
        3 => connection().prop_map(Step::CreateConnection),
        5 => create(),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => integration(),
        2 => patch_integration(),
        8 => connection().prop_map(Step::CreateConnection),
        3 => connection().prop_map(Step::UpsertConnection),
        5 => patch_connection(),
        3 => (pick(), weighted(0.7, value())).prop_map(|(which, value)| Step::PutSecret { which, value }),
        1 => pick().prop_map(|which| Step::ReadSecrets { which }),
        12 => create(),
        5 => (kind(), pick(), dependent()).prop_map(|(kind, connection, item)| Step::Upsert { kind, connection, item }),
        8 => patch(),
        32 => delete(),
        34 => restore(),
        5 => bulk_restore(),
        3 => bulk_delete(),
        6 => (pick(), prop::bool::weighted(0.9)).prop_map(|(entry, confirmed)| Step::Purge { entry, confirmed }),
        2 => (pick(), hold()).prop_map(|(entry, hold)| Step::Hold { entry, hold }),
        1 => pick().prop_map(|which| Step::LiftHold { which }),
        1 => policy(),
        4 => pick().prop_map(|entry| Step::Look { entry }),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    (0..PICKS).prop_map(Pick)
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["prod", "stage", "Prod", "dev"]).prop_map(str::to_owned)
}

fn external_id() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["correct horse", "battery staple"]).prop_map(str::to_owned)
}

fn body() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{}",
        r#"{"n":123456789012345678901234567890, "x" : 0.1000}"#,
        r#"[1,  2,{"b":null,"a":"\u00e9 ü"}]"#,
        r#""just a text""#,
    ])
}

fn kind() -> impl Strategy<Value = DependentKind> {
    prop_oneof![
        2 => Just(DependentKind::Model),
        3 => Just(DependentKind::Content),
    ]
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        12 => Just(Seen::Nothing),
        3 => Just(Seen::Now),
        1 => Just(Seen::Before),
    ]
}

fn hold() -> impl Strategy<Value = Hold> {
    prop_oneof![Just(Hold::Over), Just(Hold::Running), Just(Hold::ForEver)]
}

/// Among them a connector's own: connections that name no integration belong to it then.
fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "http-bearer"]).prop_map(str::to_owned)
}

fn connector() -> impl Strategy<Value = Connector> {
    prop_oneof![
        4 => Just(CONNECTORS[0]),
        1 => Just(CONNECTORS[1]),
    ]
}

fn integration() -> impl Strategy<Value = Step> {
    (
        key(),
        weighted(0.6, name()),
        connector(),
        weighted(0.4, value()),
        prop::bool::weighted(0.04),
    )
        .prop_map(|(key, name, connector, secret, protected)| {
            Step::CreateIntegration(NewIntegration {
                key,
                name,
                connector,
                secret,
                protected,
            })
        })
}

fn patch_integration() -> impl Strategy<Value = Step> {
    (
        pick(),
        weighted(0.4, name()),
        weighted(0.3, prop::bool::weighted(0.3)),
        weighted(0.4, weighted(0.6, value())),
        seen(),
    )
        .prop_map(
            |(which, name, protected, secret, version)| Step::PatchIntegration {
                which,
                name,
                protected,
                secret,
                version,
            },
        )
}

fn connection() -> impl Strategy<Value = NewConnection> {
    let on_trashed = prop_oneof![
        4 => Just(None),
        1 => Just(Some(OnTrashed::New)),
        2 => Just(Some(OnTrashed::Fail)),
        3 => Just(Some(OnTrashed::Restore)),
    ];
    let metadata =
        prop::sample::select(vec!["{}", r#"{"owner" : "data","n":1.10}"#]).prop_map(str::to_owned);
    (
        connector(),
        (weighted(0.6, key()), prop::bool::weighted(0.1)),
        weighted(0.9, name()),
        weighted(0.5, external_id()),
        weighted(0.3, metadata),
        weighted(0.5, value()),
        prop::bool::weighted(0.04),
        on_trashed,
    )
        .prop_map(
            |(
                connector,
                (integration, insists),
                name,
                external_id,
                metadata,
                secret,
                protected,
                on_trashed,
            )| {
                NewConnection {
                    connector,
                    integration,
                    insists,
                    name,
                    external_id,
                    metadata,
                    secret,
                    protected,
                    on_trashed,
                }
            },
        )
}

fn patch_connection() -> impl Strategy<Value = Step> {
    (
        pick(),
        weighted(0.5, name()),
        weighted(0.4, weighted(0.7, external_id())),
        weighted(0.2, 0..3_u8),
        weighted(0.3, prop::bool::weighted(0.3)),
        seen(),
    )
        .prop_map(|(which, name, external_id, metadata, protected, version)| {
            Step::PatchConnection {
                which,
                name,
                external_id,
                metadata,
                protected,
                version,
            }
        })
}

fn dependent() -> impl Strategy<Value = NewDependent> {
    (
        name(),
        weighted(0.6, external_id()),
        weighted(0.8, pick()),
        weighted(0.5, body()),
        prop::bool::weighted(0.02),
        weighted(0.5, vec(pick(), 0..4)),
    )
        .prop_map(
            |(name, external_id, parent, body, protected, links)| NewDependent {
                name,
                external_id,
                parent,
                body,
                protected,
                links,
            },
        )
}

fn create() -> impl Strategy<Value = Step> {
    (kind(), pick(), vec(dependent(), 1..4)).prop_map(|(kind, connection, items)| Step::Create {
        kind,
        connection,
        items,
    })
}

fn patch() -> impl Strategy<Value = Step> {
    (
        kind(),
        pick(),
        weighted(0.3, name()),
        weighted(0.3, weighted(0.7, external_id())),
        weighted(0.4, weighted(0.7, pick())),
        weighted(0.2, prop::bool::weighted(0.3)),
        weighted(0.4, vec(pick(), 0..4)),
        seen(),
    )
        .prop_map(
            |(kind, which, name, external_id, parent, protected, links, version)| Step::Patch {
                kind,
                which,
                name,
                external_id,
                parent,
                protected,
                links,
                version,
            },
        )
}

fn delete() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        2 => Just(RootKind::Integration),
        3 => Just(RootKind::Connection),
        3 => Just(RootKind::Model),
        3 => Just(RootKind::Content),
    ];
    (
        prop::bool::weighted(0.6),
        kind,
        pick(),
        weighted(0.3, reason()),
        seen(),
        seen(),
        prop::bool::weighted(0.08),
    )
        .prop_map(
            |(climbs, kind, which, reason, version, plan, only_validate)| Step::Delete {
                climbs,
                kind,
                which,
                reason,
                version,
                plan,
                only_validate,
            },
        )
}

fn restore() -> impl Strategy<Value = Step> {
    (
        pick(),
        weighted(0.25, name()),
        weighted(0.25, external_id()),
        weighted(0.2, (pick(), weighted(0.6, pick()))),
        prop::bool::weighted(0.6),
        seen(),
        prop::bool::weighted(0.12),
    )
        .prop_map(
            |(entry, name, external_id, target, with_ancestors, plan, only_validate)| {
                Step::Restore {
                    entry,
                    name,
                    external_id,
                    target,
                    with_ancestors,
                    plan,
                    only_validate,
                }
            },
        )
}

fn bulk_restore() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(RootKind::ALL.to_vec());
    (
        vec(pick(), 0..5),
        kind,
        prop::bool::weighted(0.5),
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(entries, kind, with_ancestors, only_validate)| Step::BulkRestore {
                entries,
                kind,
                with_ancestors,
                only_validate,
            },
        )
}

fn bulk_delete() -> impl Strategy<Value = Step> {
    (vec(pick(), 1..4), weighted(0.3, reason()), seen()).prop_map(|(which, reason, plan)| {
        Step::BulkDelete {
            which,
            reason,
            plan,
        }
    })
}

fn reason() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["moved away", "by mistake"]).prop_map(str::to_owned)
}

fn policy() -> impl Strategy<Value = Step> {
    (any::<bool>(), prop::sample::select(vec![30, 1, 0, -7])).prop_map(
        |(purge_protection, retention_days)| Step::Policy {
            purge_protection,
            retention_days,
        },
    )
}
