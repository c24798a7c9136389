//! From a line to its row: every field with the rules of its type.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    ConnectionLine, ContentLine, EntryLine, HoldLine, IntegrationLine, LinkLine, ModelLine,
    SecretFacts, ShapeField, Stamp, TrashSecretLine,
};
use crate::connectors::{self, Connector, Settings};
use crate::domain::FieldError;
use crate::domain::ids::EntryId;
use crate::domain::json::{JsonProblem, JsonText};
use crate::domain::kinds::{EntryState, RecordKind, Status};
use crate::domain::tags::Tags;
use crate::domain::text::{
    self, ActorId, ExternalId, IntegrationKey, Kind, Name, Reason, SourceHint, TextProblem,
};
use crate::service::connections::MAX_METADATA;
use crate::service::dependents::MAX_BODY;
use crate::service::integrations;
use crate::store::records::Record;
use crate::store::rows::{
    ConnectionRow, DependentRow, EntryRow, HoldRow, IntegrationRow, LinkRow, TrashSecretRow,
};

/// What a line holds, or everything that is wrong with it.
type Checked<T> = Result<T, Vec<FieldError>>;

/// Reads the line of a row, which passed the check of JSON.
pub(in super::super) fn read(kind: RecordKind, line: &[u8], stamp: &Stamp) -> Checked<Record> {
    let in_trash = |entry: Option<EntryId>| {
        entry.ok_or_else(|| {
            vec![FieldError::new(
                "/entry_id",
                "required",
                "This field is required.",
            )]
        })
    };
    Ok(match kind {
        RecordKind::Integration => {
            let (entry, row) = integration(typed(line)?, stamp)?;
            not_in_trash(entry)?;
            Record::Integration(row)
        }
        RecordKind::TrashIntegration => {
            let (entry, row) = integration(typed(line)?, stamp)?;
            Record::TrashIntegration(in_trash(entry)?, row)
        }
        RecordKind::TrashSecret => Record::TrashSecret(trash_secret(typed(line)?, stamp)?),
        RecordKind::Connection => {
            let (entry, mut row) = connection(typed(line)?, stamp)?;
            not_in_trash(entry)?;
            let connector = connector(&row.connector).map_err(|error| vec![error])?;
            row.status = if connector.missing_secrets(&BTreeSet::new()).is_empty() {
                Status::Untested
            } else {
                Status::NeedsCredentials
            };
            Record::Connection(Box::new(row))
        }
        RecordKind::TrashConnection => {
            let (entry, row) = connection(typed(line)?, stamp)?;
            Record::TrashConnection(in_trash(entry)?, Box::new(row))
        }
        RecordKind::Model => {
            let (entry, row) = typed::<ModelLine<'_>>(line)?.row(stamp)?;
            not_in_trash(entry)?;
            Record::Model(row)
        }
        RecordKind::TrashModel => {
            let (entry, row) = typed::<ModelLine<'_>>(line)?.row(stamp)?;
            Record::TrashModel(in_trash(entry)?, row)
        }
        RecordKind::Content => {
            let (entry, row) = typed::<ContentLine<'_>>(line)?.row(stamp)?;
            not_in_trash(entry)?;
            Record::Content(row)
        }
        RecordKind::TrashContent => {
            let (entry, row) = typed::<ContentLine<'_>>(line)?.row(stamp)?;
            Record::TrashContent(in_trash(entry)?, row)
        }
        RecordKind::Link | RecordKind::TrashLink => {
            let line: LinkLine = typed(line)?;
            let row = LinkRow {
                org_id: stamp.org,
                from_id: line.from_id,
                to_id: line.to_id,
                created_at: line.created_at,
            };
            if kind == RecordKind::Link {
                not_in_trash(line.entry_id)?;
                Record::Link(row)
            } else {
                Record::TrashLink(in_trash(line.entry_id)?, row)
            }
        }
        RecordKind::Entry => Record::Entry(Box::new(entry(typed(line)?, stamp)?)),
        RecordKind::Hold => Record::Hold(hold(typed(line)?, stamp)?),
    })
}

pub(in super::super) fn typed<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Checked<T> {
    crate::domain::typed::of_checked(line).map_err(|error| vec![error])
}

fn not_in_trash(entry: Option<EntryId>) -> Checked<()> {
    if entry.is_none() {
        return Ok(());
    }
    let detail = "What is live has no entry.";
    Err(vec![FieldError::new("/entry_id", "unknown_field", detail)])
}

fn connection(
    line: ConnectionLine<'_>,
    stamp: &Stamp,
) -> Checked<(Option<EntryId>, ConnectionRow)> {
    let mut errors = Vec::new();
    let name = taken(&mut errors, "/name", Name::parse(&line.name).map(Some));
    let (settings, integration) = match connector(&line.connector) {
        Ok(connector) => {
            if line.integration_id.is_none() && line.integration != line.connector {
                let detail = "A connection without an integration has its connector's key.";
                errors.push(FieldError::new(
                    "/integration",
                    "unknown_integration",
                    detail,
                ));
            }
            let settings = Settings::parse(connector, line.settings.get());
            (settings, text::line(&line.integration, text::MAX_CHARS))
        }
        Err(error) => (Err(vec![error]), Ok(String::new())),
    };
    let settings = settings
        .map_err(|found| errors.extend(found))
        .map(|settings| settings.to_json())
        .unwrap_or_default();
    let tags = JsonText::from_trusted(line.tags.get().to_owned());
    let tags = Tags::parse(&tags, "/tags")
        .map_err(|found| errors.extend(found))
        .unwrap_or_default();
    let metadata = json(
        &mut errors,
        "metadata",
        line.metadata,
        line.metadata_text,
        MAX_METADATA,
    );
    if !metadata.is_object() {
        errors.push(FieldError::new(
            "/metadata",
            "not_an_object",
            "Expected a JSON object.",
        ));
    }
    check_facts(&mut errors, line.secrets.as_ref());
    let row = ConnectionRow {
        org_id: stamp.org,
        id: line.id,
        name_key: name.as_ref().map(Name::key).unwrap_or_default(),
        name: name.map(Name::into_string).unwrap_or_default(),
        integration: taken(&mut errors, "/integration", integration),
        integration_id: line.integration_id,
        external_id: external_id(&mut errors, line.external_id),
        settings: JsonText::from_trusted(settings),
        tags: tags.to_json(),
        metadata,
        status: line.status,
        generation: stamp.generation(),
        deletion_protection: line.deletion_protection,
        last_test: None,
        created_at: line.created_at,
        updated_at: line.updated_at,
        version: at_least(&mut errors, "/version", 1, line.version),
        connector: line.connector.into_owned(),
    };
    if errors.is_empty() {
        Ok((line.entry_id, row))
    } else {
        Err(errors)
    }
}

fn check_facts(
    errors: &mut Vec<FieldError>,
    secrets: Option<&BTreeMap<Cow<'_, str>, SecretFacts<'_>>>,
) {
    for (field, facts) in secrets.into_iter().flatten() {
        words(errors, "/secrets", field);
        actor(errors, "/secrets", Some(&facts.set_by));
        hint(errors, "/secrets", facts.source_hint.as_deref());
    }
}

fn integration(
    line: IntegrationLine<'_>,
    stamp: &Stamp,
) -> Checked<(Option<EntryId>, IntegrationRow)> {
    let mut errors = Vec::new();
    let key = IntegrationKey::parse(&line.key).map(IntegrationKey::into_string);
    let key = taken(&mut errors, "/key", key);
    let settings = match connector(&line.connector) {
        Ok(connector) => {
            errors.extend(integrations::fits(&line.key, &line.connector).err());
            Settings::parse_partial(connector, line.settings.get())
        }
        Err(error) => Err(vec![error]),
    };
    let settings = settings
        .map_err(|found| errors.extend(found))
        .map(|settings| settings.to_json())
        .unwrap_or_default();
    check_facts(&mut errors, line.secrets.as_ref());
    let name = Name::parse(&line.name).map(Name::into_string);
    let row = IntegrationRow {
        org_id: stamp.org,
        id: line.id,
        key,
        name: taken(&mut errors, "/name", name),
        connector: line.connector.into_owned(),
        settings: JsonText::from_trusted(settings),
        created_at: line.created_at,
        updated_at: line.updated_at,
        version: at_least(&mut errors, "/version", 1, line.version),
        generation: stamp.generation(),
        deletion_protection: line.deletion_protection,
        revoke_on_delete: line.revoke_on_delete,
    };
    if errors.is_empty() {
        Ok((line.entry_id, row))
    } else {
        Err(errors)
    }
}

fn trash_secret(line: TrashSecretLine<'_>, stamp: &Stamp) -> Checked<TrashSecretRow> {
    let mut errors = Vec::new();
    actor(&mut errors, "/set_by", Some(&line.set_by));
    hint(&mut errors, "/source_hint", line.source_hint.as_deref());
    let row = TrashSecretRow {
        org_id: stamp.org,
        entry_id: line.entry_id,
        owner_kind: line.owner_kind,
        owner_id: line.owner_id,
        field: words(&mut errors, "/field", &line.field),
        source_hint: line.source_hint.map(Cow::into_owned),
        set_at: line.set_at,
        set_by: line.set_by.into_owned(),
    };
    if errors.is_empty() {
        Ok(row)
    } else {
        Err(errors)
    }
}

fn connector(key: &str) -> Result<&'static Connector, FieldError> {
    connectors::find(key).ok_or_else(|| {
        let detail = "There is no such connector; see GET /v1/connectors.";
        FieldError::new("/connector", "unknown_connector", detail)
    })
}

fn entry(line: EntryLine<'_>, stamp: &Stamp) -> Checked<EntryRow> {
    let mut errors = Vec::new();
    let name = taken(
        &mut errors,
        "/root_name",
        Name::parse(&line.root_name).map(Some),
    );
    let open = matches!(line.state, EntryState::InTrash | EntryState::Purging);
    if open == line.closed_at.is_some() {
        let detail = "An entry has this when it was restored or purged, and only then.";
        errors.push(FieldError::new("/closed_at", "not_allowed_value", detail));
    }
    if line.purge_at < line.deleted_at {
        let detail = "Nothing is purged before it was deleted.";
        errors.push(FieldError::new("/purge_at", "out_of_range", detail));
    }
    check_shape(&mut errors, line.secret_shape);
    for (pointer, actor_id) in [
        ("/deleted_by", Some(&line.deleted_by)),
        ("/closed_by", line.closed_by.as_ref()),
    ] {
        actor(&mut errors, pointer, actor_id.map(AsRef::as_ref));
    }
    let reason = line.reason.as_deref().map(Reason::parse).transpose();
    let row = EntryRow {
        org_id: stamp.org,
        id: line.id,
        state: line.state,
        root_kind: line.root_kind,
        root_id: line.root_id,
        root_name_key: name.as_ref().map(Name::key).unwrap_or_default(),
        root_name: name.map(Name::into_string).unwrap_or_default(),
        root_external_id: line.root_external_id.map(|id| {
            taken(
                &mut errors,
                "/root_external_id",
                ExternalId::parse(&id).map(ExternalId::into_string),
            )
        }),
        connector: words(&mut errors, "/connector", &line.connector),
        integration: words(&mut errors, "/integration", &line.integration),
        connection_id: line.connection_id,
        model_id: line.model_id,
        deleted_at: line.deleted_at,
        deleted_by: line.deleted_by.into_owned(),
        deleted_by_name: line
            .deleted_by_name
            .map(|name| words(&mut errors, "/deleted_by_name", &name)),
        key_id: None,
        reason: taken(&mut errors, "/reason", reason).map(Reason::into_string),
        purge_at: line.purge_at,
        purge_protected: line.purge_protected,
        connections_count: at_least(&mut errors, "/connections_count", 0, line.connections_count),
        models_count: at_least(&mut errors, "/models_count", 0, line.models_count),
        content_count: at_least(&mut errors, "/content_count", 0, line.content_count),
        links_count: at_least(&mut errors, "/links_count", 0, line.links_count),
        references_count: at_least(&mut errors, "/references_count", 0, line.references_count),
        secret_shape: JsonText::from_trusted(line.secret_shape.get().to_owned()),
        secrets_shredded: at_least(&mut errors, "/secrets_shredded", 0, line.secrets_shredded),
        shredded_at: line.shredded_at,
        // No byte of what was shredded elsewhere was ever in this database.
        erased_at: line.shredded_at.map(|_| line.erased_at.unwrap_or(stamp.at)),
        key_epoch: None,
        closed_at: line.closed_at,
        closed_by: line.closed_by.map(Cow::into_owned),
        closed_by_name: line
            .closed_by_name
            .map(|name| words(&mut errors, "/closed_by_name", &name)),
    };
    if errors.is_empty() {
        Ok(row)
    } else {
        Err(errors)
    }
}

/// The shape of secrets has a place for everything about them, so that nothing else can hide in it.
fn check_shape(errors: &mut Vec<FieldError>, shape: &RawValue) {
    let fields: BTreeMap<Cow<'_, str>, ShapeField<'_>> =
        match crate::domain::typed::of_checked(shape.get().as_bytes()) {
            Ok(fields) => fields,
            Err(mut error) => {
                error.pointer = format!("/secret_shape{}", error.pointer);
                errors.push(error);
                return;
            }
        };
    for (key, field) in &fields {
        words(errors, "/secret_shape", key);
        words(errors, "/secret_shape", &field.label);
        actor(errors, "/secret_shape", field.last_set_by.as_deref());
        hint(errors, "/secret_shape", field.source_hint.as_deref());
    }
}

fn hold(line: HoldLine<'_>, stamp: &Stamp) -> Checked<HoldRow> {
    let mut errors = Vec::new();
    let reason = Reason::parse(&line.reason).map(Reason::into_string);
    let row = HoldRow {
        org_id: stamp.org,
        id: line.id,
        entry_id: line.entry_id,
        owner: words(&mut errors, "/owner", &line.owner),
        reason: taken(&mut errors, "/reason", reason),
        ends_at: line.ends_at,
        created_at: line.created_at,
    };
    if errors.is_empty() {
        Ok(row)
    } else {
        Err(errors)
    }
}

fn taken<T: Default>(
    errors: &mut Vec<FieldError>,
    pointer: &str,
    parsed: Result<T, TextProblem>,
) -> T {
    parsed
        .map_err(|problem| errors.push(problem.at(pointer)))
        .unwrap_or_default()
}

fn words(errors: &mut Vec<FieldError>, pointer: &str, value: &str) -> String {
    taken(errors, pointer, text::line(value, text::MAX_CHARS))
}

fn actor(errors: &mut Vec<FieldError>, pointer: &str, id: Option<&str>) {
    taken(
        errors,
        pointer,
        id.map(ActorId::parse).transpose().map(|_| ()),
    );
}

fn hint(errors: &mut Vec<FieldError>, pointer: &str, hint: Option<&str>) {
    taken(
        errors,
        pointer,
        hint.map(SourceHint::parse).transpose().map(|_| ()),
    );
}

fn external_id(errors: &mut Vec<FieldError>, id: Option<Cow<'_, str>>) -> Option<String> {
    id.map(|id| {
        taken(
            errors,
            "/external_id",
            ExternalId::parse(&id).map(ExternalId::into_string),
        )
    })
}

fn at_least(errors: &mut Vec<FieldError>, pointer: &str, least: i64, number: i64) -> i64 {
    if number < least {
        errors.push(FieldError::new(
            pointer,
            "out_of_range",
            format!("must be {least} or more"),
        ));
    }
    number
}

/// The JSON of one member, given as it is or as text.
fn json(
    errors: &mut Vec<FieldError>,
    member: &str,
    raw: Option<&RawValue>,
    text: Option<Cow<'_, str>>,
    limit: usize,
) -> JsonText {
    let pointer = format!("/{member}");
    let json = match (raw, text) {
        (Some(raw), None) => Ok(JsonText::from_trusted(raw.get().to_owned())),
        (None, Some(text)) => JsonText::parse(&text).map_err(|problem| match problem {
            JsonProblem::Malformed { .. } => {
                FieldError::new(format!("{pointer}_text"), "malformed_json", "is not JSON")
            }
            JsonProblem::Refused(error) => {
                FieldError::new(format!("{pointer}_text"), error.code, error.detail)
            }
        }),
        (None, None) => Err(FieldError::new(
            &pointer,
            "required",
            "This field is required.",
        )),
        (Some(_), Some(_)) => {
            let detail = format!("Give {member} or {member}_text, not both.");
            Err(FieldError::new(&pointer, "ambiguous", detail))
        }
    };
    match json {
        Ok(json) if json.len() > limit => {
            errors.push(FieldError::new(
                pointer,
                "too_long",
                format!("may have up to {limit} bytes"),
            ));
            JsonText::empty_object()
        }
        Ok(json) => json,
        Err(error) => {
            errors.push(error);
            JsonText::empty_object()
        }
    }
}

macro_rules! dependent_line {
    ($line:ident, $parent:ident) => {
        impl $line<'_> {
            fn row(self, stamp: &Stamp) -> Checked<(Option<EntryId>, DependentRow)> {
                let mut errors = Vec::new();
                let row = DependentRow {
                    org_id: stamp.org,
                    id: self.id,
                    connection_id: self.connection_id,
                    parent: self.$parent,
                    name: taken(
                        &mut errors,
                        "/name",
                        Name::parse(&self.name).map(Name::into_string),
                    ),
                    kind: taken(
                        &mut errors,
                        "/kind",
                        Kind::parse(&self.kind).map(Kind::into_string),
                    ),
                    external_id: external_id(&mut errors, self.external_id),
                    body: json(&mut errors, "body", self.body, self.body_text, MAX_BODY),
                    deletion_protection: self.deletion_protection,
                    created_at: self.created_at,
                    updated_at: self.updated_at,
                    version: at_least(&mut errors, "/version", 1, self.version),
                };
                if errors.is_empty() {
                    Ok((self.entry_id, row))
                } else {
                    Err(errors)
                }
            }
        }
    };
}

dependent_line!(ModelLine, base_model_id);
dependent_line!(ContentLine, model_id);
