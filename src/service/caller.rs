//! Who calls: the organization, the key, the person behind it, and what they may do.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{Error, Problem, Result};
use super::uses::Uses;
use crate::domain::codes::Code;
use crate::domain::ids::{EntryId, KeyId, OrgId, SessionId};
use crate::domain::scopes::{Grants, Scope};

/// The person or key a change is written down to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The caller's own id of the person; `key:<id>` for an API key, `console:<name>` for whoever gave their
    /// name to the console, `cli` for the command line.
    pub id: String,
    /// A name to show.
    pub name: Option<String>,
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The organization; every query is about it alone.
    pub org: OrgId,
    /// The key, unless the call comes from the command line.
    pub key_id: Option<KeyId>,
    /// What the key may do.
    pub grants: Grants,
    /// The person.
    pub actor: Actor,
    /// The address the call came from.
    pub address: Option<String>,
    /// The id of the request in logs and answers.
    pub request_id: Option<String>,
    /// Where it is noted what the caller uses after it was deleted; nowhere for the command line and the service itself.
    pub uses: Option<Arc<Uses>>,
}

impl Caller {
    /// The command line, which has the database itself and so every right.
    pub fn command_line(org: OrgId) -> Self {
        Self {
            org,
            key_id: None,
            grants: Grants::parse(["*"]).unwrap_or_else(|_| Grants::organization_admin()),
            actor: Actor {
                id: "cli".to_owned(),
                name: Some("command line".to_owned()),
            },
            address: None,
            request_id: None,
            uses: None,
        }
    }

    /// The service itself, which ends what nobody can end any more.
    pub fn service(org: OrgId) -> Self {
        Self {
            actor: Actor {
                id: "reprieve".to_owned(),
                name: None,
            },
            ..Self::command_line(org)
        }
    }

    /// Whoever follows a re-entry link: may enter secrets, of one connection, which `service::reentry` sees to.
    pub(super) fn reentry(org: OrgId, session: SessionId) -> Self {
        Self {
            grants: Grants::of(Scope::SecretsWrite),
            actor: Actor {
                id: format!("reentry:{session}"),
                name: None,
            },
            ..Self::command_line(org)
        }
    }

    /// Whoever holds a connect token: may make connections and enter secrets, as far as `service::connect` and whoever
    /// opened the session let them.
    pub(super) fn connect(org: OrgId, session: SessionId) -> Self {
        Self {
            grants: Grants::both(Scope::ConnectionsWrite, Scope::SecretsWrite),
            actor: Actor {
                id: format!("connect:{session}"),
                name: None,
            },
            ..Self::command_line(org)
        }
    }

    /// Whether the caller may do this.
    pub fn may(&self, scope: Scope) -> bool {
        self.grants.allow(scope)
    }

    /// The same caller, asking about a deletion: what is deleted already is then not used.
    #[must_use]
    pub fn deleting(&self) -> Self {
        Self {
            uses: None,
            ..self.clone()
        }
    }

    /// The answer to whoever names something that is in the trash: its entry to those who may read the trash, to others
    /// as if it were not there. The one place where this is answered, and so where it is noted as a use.
    pub(super) fn names_trashed(&self, what: &str, entry: EntryId) -> Error {
        if let Some(uses) = &self.uses {
            uses.note(self, entry);
        }
        if self.may(Scope::TrashRead) {
            Error::in_trash(what, entry)
        } else {
            Error::not_found(what)
        }
    }

    /// Refuses a caller who lacks the scope.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.may(scope) {
            return Ok(());
        }
        Err(
            Problem::new(Code::MissingScope, format!("This needs the scope {scope}."))
                .with("scope", scope.as_str())
                .into(),
        )
    }
}
