//! Typed ids: every kind of row has its own, so that two of them can't be swapped.
//!
//! All are `UUIDv7` (RFC 9562): they sort by the moment they were made, which keyset pages rely on.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow, utoipa::ToSchema,
        )]
        #[diesel(sql_type = crate::store::types::Id)]
        #[serde(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id.
            pub fn mint() -> Self {
                Self(Uuid::now_v7())
            }

            /// Reads the hyphenated form, the only one the API writes; `None` for anything else.
            pub fn parse(text: &str) -> Option<Self> {
                parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )+};
}

ids! {
    /// An organization: the tenant every other row belongs to.
    OrgId,
    /// An API key.
    KeyId,
    /// An integration.
    IntegrationId,
    /// A connection.
    ConnectionId,
    /// A model or a piece of content: the rows that depend on a connection.
    DependentId,
    /// A trash entry, which is also the id of the deletion that made it.
    EntryId,
    /// The root of a deletion, of whichever kind.
    RootId,
    /// A hold on a trash entry.
    HoldId,
    /// An audit record or an event.
    RecordId,
    /// An erasure job.
    JobId,
    /// An import.
    ImportId,
    /// A re-entry session.
    SessionId,
    /// A person who is signed in to the console.
    SignInId,
    /// An access token of a connection.
    AccessTokenId,
    /// A running service.
    ReplicaId,
    /// An alarm.
    AlarmId,
    /// A brake on mass deletion.
    BrakeId,
    /// A key that receipts are signed with.
    ReceiptKeyId,
    /// A webhook endpoint.
    WebhookId,
}

impl From<ConnectionId> for RootId {
    fn from(id: ConnectionId) -> Self {
        Self(id.0)
    }
}

impl From<IntegrationId> for RootId {
    fn from(id: IntegrationId) -> Self {
        Self(id.0)
    }
}

impl From<ReceiptKeyId> for RootId {
    fn from(id: ReceiptKeyId) -> Self {
        Self(id.0)
    }
}

impl From<SessionId> for RootId {
    fn from(id: SessionId) -> Self {
        Self(id.0)
    }
}

impl From<SignInId> for RootId {
    fn from(id: SignInId) -> Self {
        Self(id.0)
    }
}

impl From<WebhookId> for RootId {
    fn from(id: WebhookId) -> Self {
        Self(id.0)
    }
}

impl From<DependentId> for RootId {
    fn from(id: DependentId) -> Self {
        Self(id.0)
    }
}

fn parse(text: &str) -> Option<Uuid> {
    // `Uuid` also reads braces, URNs and the form without hyphens; one spelling keeps one row at one address.
    (text.len() == 36)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text_and_from_no_other_spelling() {
        let id = ConnectionId::mint();
        assert_eq!(ConnectionId::parse(&id.to_string()), Some(id));
        assert_eq!(ConnectionId::parse(&id.0.simple().to_string()), None);
        assert_eq!(ConnectionId::parse(&format!("{{{id}}}")), None);
        assert_eq!(ConnectionId::parse("prod"), None);
    }
}
