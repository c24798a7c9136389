//! The lines of the format: how each kind of row is written and read.
//!
//! A line has the columns of its table, but for what is another database's own: the organization, the generation, the
//! API key, the key epoch, the result of the last test. JSON goes from text to text. What must stay true: what is
//! written for a row reads back as that row, but for what [`Stamp`] sets; nothing of a secret is among the fields.

mod read;
mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::clock::Ts;
use crate::domain::ids::{
    ConnectionId, DependentId, EntryId, HoldId, IntegrationId, OrgId, RootId,
};
use crate::domain::kinds::{EntryState, OwnerKind, RecordKind, RootKind, Status};

pub(super) use read::{read, typed};
pub(super) use write::write;

/// What an import gives to every row.
pub(super) struct Stamp {
    /// The organization of the caller, whatever the file was exported from.
    pub(super) org: OrgId,
    /// When it began.
    pub(super) at: Ts,
}

impl Stamp {
    /// A generation that no connection ever had: what was sealed for another life of one, in whichever database, never
    /// opens for this one.
    fn generation(&self) -> i64 {
        self.at.utc().timestamp_micros()
    }
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header<'a> {
    pub(super) r#type: HeaderWord,
    pub(super) format: u32,
    pub(super) organization: From_<'a>,
    pub(super) exported_at: Ts,
    pub(super) live_only: bool,
}

/// Where a file comes from; for people.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From_<'a> {
    pub(super) id: OrgId,
    pub(super) name: Cow<'a, str>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum HeaderWord {
    #[serde(rename = "reprieve")]
    Reprieve,
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End<'a> {
    pub(super) r#type: EndWord,
    /// Rows by the word of their kind; a kind with none may be left out.
    #[serde(borrow)]
    pub(super) counts: BTreeMap<Cow<'a, str>, u64>,
    /// Of every byte before this line.
    pub(super) sha256: Cow<'a, str>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum EndWord {
    #[serde(rename = "end")]
    End,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectionLine<'a> {
    r#type: RecordKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_id: Option<EntryId>,
    id: ConnectionId,
    name: Cow<'a, str>,
    connector: Cow<'a, str>,
    integration: Cow<'a, str>,
    integration_id: Option<IntegrationId>,
    external_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    settings: &'a RawValue,
    #[serde(borrow)]
    tags: &'a RawValue,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_text: Option<Cow<'a, str>>,
    status: Status,
    deletion_protection: bool,
    created_at: Ts,
    updated_at: Ts,
    version: i64,
    /// What was known of its secrets, to look up where they are kept. An import writes none of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: Option<BTreeMap<Cow<'a, str>, SecretFacts<'a>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretFacts<'a> {
    source_hint: Option<Cow<'a, str>>,
    set_at: Ts,
    set_by: Cow<'a, str>,
}

macro_rules! dependent_line {
    ($line:ident, $parent:ident) => {
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $line<'a> {
            r#type: RecordKind,
            #[serde(skip_serializing_if = "Option::is_none")]
            entry_id: Option<EntryId>,
            id: DependentId,
            connection_id: ConnectionId,
            $parent: Option<DependentId>,
            name: Cow<'a, str>,
            kind: Cow<'a, str>,
            external_id: Option<Cow<'a, str>>,
            #[serde(borrow, skip_serializing_if = "Option::is_none")]
            body: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            body_text: Option<Cow<'a, str>>,
            deletion_protection: bool,
            created_at: Ts,
            updated_at: Ts,
            version: i64,
        }
    };
}

dependent_line!(ModelLine, base_model_id);
dependent_line!(ContentLine, model_id);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkLine {
    r#type: RecordKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_id: Option<EntryId>,
    from_id: DependentId,
    to_id: DependentId,
    created_at: Ts,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryLine<'a> {
    r#type: RecordKind,
    id: EntryId,
    state: EntryState,
    root_kind: RootKind,
    root_id: RootId,
    root_name: Cow<'a, str>,
    root_external_id: Option<Cow<'a, str>>,
    connector: Cow<'a, str>,
    integration: Cow<'a, str>,
    connection_id: Option<ConnectionId>,
    model_id: Option<DependentId>,
    deleted_at: Ts,
    deleted_by: Cow<'a, str>,
    deleted_by_name: Option<Cow<'a, str>>,
    reason: Option<Cow<'a, str>>,
    purge_at: Ts,
    purge_protected: bool,
    connections_count: i64,
    models_count: i64,
    content_count: i64,
    links_count: i64,
    references_count: i64,
    #[serde(borrow)]
    secret_shape: &'a RawValue,
    secrets_shredded: i64,
    shredded_at: Option<Ts>,
    erased_at: Option<Ts>,
    closed_at: Option<Ts>,
    closed_by: Option<Cow<'a, str>>,
    closed_by_name: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IntegrationLine<'a> {
    r#type: RecordKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_id: Option<EntryId>,
    id: IntegrationId,
    key: Cow<'a, str>,
    name: Cow<'a, str>,
    connector: Cow<'a, str>,
    #[serde(borrow)]
    settings: &'a RawValue,
    deletion_protection: bool,
    #[serde(default = "yes")]
    revoke_on_delete: bool,
    created_at: Ts,
    updated_at: Ts,
    version: i64,
    /// As those of a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: Option<BTreeMap<Cow<'a, str>, SecretFacts<'a>>>,
}

/// Files of before it was there lack it.
fn yes() -> bool {
    true
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrashSecretLine<'a> {
    r#type: RecordKind,
    entry_id: EntryId,
    owner_kind: OwnerKind,
    owner_id: RootId,
    field: Cow<'a, str>,
    source_hint: Option<Cow<'a, str>>,
    set_at: Ts,
    set_by: Cow<'a, str>,
}

/// What the trash keeps of one secret: everything but the value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeField<'a> {
    label: Cow<'a, str>,
    #[expect(dead_code, reason = "its type is checked")]
    required: bool,
    #[expect(dead_code, reason = "its type is checked")]
    set: bool,
    #[expect(dead_code, reason = "its type is checked")]
    last_set_at: Option<Ts>,
    last_set_by: Option<Cow<'a, str>>,
    source_hint: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldLine<'a> {
    r#type: RecordKind,
    id: HoldId,
    entry_id: EntryId,
    owner: Cow<'a, str>,
    reason: Cow<'a, str>,
    ends_at: Option<Ts>,
    created_at: Ts,
}
