//! The closed sets of words that the database, the API and the docs share.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow, utoipa::ToSchema,
        )]
        #[diesel(sql_type = diesel::sql_types::Text)]
        pub enum $name {$(
            $(#[$vdoc])*
            #[serde(rename = $word)]
            $variant,
        )+}

        impl $name {
            /// Every word of the set.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word, as stored and as the API writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads the word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

words! {
    /// Whether a connection can be used.
    Status {
        /// The last test passed.
        Active = "active",
        /// Complete, never tested since it was changed or restored.
        Untested = "untested",
        /// The last test failed.
        Failing = "failing",
        /// A required secret is missing: every use is refused.
        NeedsCredentials = "needs_credentials",
    }

    /// What a test of a connection came to.
    Outcome {
        /// Signed in.
        Ok = "ok",
        /// The other side refused who signs in.
        AuthFailed = "auth_failed",
        /// Nobody answers there.
        Unreachable = "unreachable",
        /// Encryption was not to be had, or the other side is not who it should be.
        TlsFailed = "tls_failed",
        /// It took longer than a test may.
        Timeout = "timeout",
        /// Reprieve does not connect there, or does not send a secret that way.
        RefusedByPolicy = "refused_by_policy",
        /// Somebody answers, but not as this kind of system does, or it can't be used as configured.
        ProtocolError = "protocol_error",
        /// This can't be tested.
        Unsupported = "unsupported",
    }

    /// The two kinds of rows that depend on a connection.
    DependentKind {
        /// Belongs to a connection, may extend a base model of it.
        Model = "model",
        /// Belongs to a connection and, unless it spans several models, to one model.
        Content = "content",
    }

    /// What a deletion was asked to delete.
    RootKind {
        /// An integration, with all its connections.
        Integration = "integration",
        /// A connection, with its models and content.
        Connection = "connection",
        /// A model, with the models that extend it and their content.
        Model = "model",
        /// One piece of content.
        Content = "content",
    }

    /// Where a trash entry stands.
    EntryState {
        /// Its rows are in the trash tables.
        InTrash = "in_trash",
        /// Its rows are being removed for good; no way back.
        Purging = "purging",
        /// Its rows are live again.
        Restored = "restored",
        /// Its rows are gone.
        Purged = "purged",
    }

    /// Who owns a secret.
    OwnerKind {
        /// A connection.
        Connection = "connection",
        /// An integration.
        Integration = "integration",
        /// A key that receipts are signed with.
        Signer = "signer",
        /// A webhook endpoint: what its messages are signed by.
        Webhook = "webhook",
    }

    /// How a webhook endpoint is told of an event.
    WebhookFormat {
        /// The event as the feed has it, by the rules of Standard Webhooks.
        Standard = "standard",
        /// A sentence, as chat tools take it: `{"text": "..."}`.
        Text = "text",
    }

    /// Whether a webhook endpoint is told anything.
    WebhookState {
        /// It is.
        Enabled = "enabled",
        /// It is not; the events wait in the feed.
        Disabled = "disabled",
    }

    /// Why a webhook endpoint is disabled.
    WebhookStop {
        /// Somebody wanted it so.
        ByHand = "by_hand",
        /// It answered 410: nobody is there any more.
        Gone = "gone",
        /// Everything failed for as long as a delivery is tried.
        Failing = "failing",
        /// Its signing secret is lost: rotate it, then enable the endpoint.
        SecretLost = "secret_lost",
    }

    /// How far a delivery is.
    DeliveryState {
        /// It is still to be delivered.
        Pending = "pending",
        /// The endpoint has taken it.
        Delivered = "delivered",
        /// It was tried as often as it is.
        Failed = "failed",
    }

    /// What a try to deliver came to.
    DeliveryOutcome {
        /// The endpoint has taken it (2xx).
        Delivered = "delivered",
        /// The endpoint answered with another status.
        Refused = "refused",
        /// It answered with a redirect, which is not followed.
        Redirected = "redirected",
        /// It takes nothing at the moment (429, 503).
        Busy = "busy",
        /// It is gone (410).
        Gone = "gone",
        /// Nobody answers there.
        Unreachable = "unreachable",
        /// Encryption was not to be had, or the other side is not who it should be.
        TlsFailed = "tls_failed",
        /// No answer came in time.
        Timeout = "timeout",
        /// Reprieve does not connect there.
        RefusedByPolicy = "refused_by_policy",
        /// What answered does not speak HTTP, or stopped in the middle.
        ProtocolError = "protocol_error",
    }

    /// The kinds of rows that an export holds, in its order: what a row refers to comes before it.
    RecordKind {
        /// A live integration.
        Integration = "integration",
        /// A live connection.
        Connection = "connection",
        /// A live model.
        Model = "model",
        /// A live piece of content.
        Content = "content",
        /// A link between live content.
        Link = "link",
        /// A trash entry, whatever its state.
        Entry = "trash_entry",
        /// An integration in the trash.
        TrashIntegration = "trash_integration",
        /// A connection in the trash.
        TrashConnection = "trash_connection",
        /// A model in the trash.
        TrashModel = "trash_model",
        /// A piece of content in the trash.
        TrashContent = "trash_content",
        /// A link in the trash.
        TrashLink = "trash_link",
        /// What was known of a secret that left with what is below the root of a deletion.
        TrashSecret = "trash_secret",
        /// A hold on a trash entry.
        Hold = "hold",
    }

    /// What an import reads.
    ImportSource {
        /// Our own export (docs/ndjson.md).
        Ndjson = "ndjson",
        /// A ZIP of Apache Superset.
        Superset = "superset",
    }

    /// How far an import is.
    ImportState {
        /// It has arrived and waits for its turn.
        Waiting = "waiting",
        /// The whole file is read and checked; nothing is written yet.
        Validating = "validating",
        /// Its rows are written, all in one transaction.
        Writing = "writing",
        /// All of it is there.
        Done = "done",
        /// None of it is there.
        Failed = "failed",
    }

    /// What became of the credentials of a deletion at the source.
    Revocation {
        /// There were none.
        None = "none",
        /// The source is being asked to revoke them.
        Pending = "pending",
        /// The source has revoked them.
        Done = "done",
        /// The source was to revoke them and did not: they are still valid there.
        Failed = "failed",
        /// The source was not asked: they are still valid there.
        NotOffered = "not_offered",
    }

    /// What became of the credentials of one owner at the source, and why.
    RevocationOutcome {
        /// The source is being asked.
        Pending = "pending",
        /// It has revoked them.
        Revoked = "revoked",
        /// It said no.
        Refused = "refused",
        /// It said each time that it can't do it now.
        Unavailable = "unavailable",
        /// It did not answer.
        Unreachable = "unreachable",
        /// Reprieve does not connect there.
        RefusedByPolicy = "refused_by_policy",
        /// The time was up before it could be asked often enough.
        OutOfTime = "out_of_time",
        /// The service stopped before it had answered.
        Interrupted = "interrupted",
        /// The secrets could not be opened.
        Unreadable = "unreadable",
        /// Too many were waiting already.
        TooMany = "too_many",
        /// The integration asks not to.
        OptedOut = "opted_out",
        /// The settings do not say where to ask.
        NoAddress = "no_address",
        /// Nothing that was stored can be revoked.
        NoToken = "no_token",
    }

    /// What keeps an entry from being purged, besides its date.
    Keep {
        /// A hold.
        Hold = "hold",
        /// A hold that ended less than a day ago.
        EndedHold = "ended_hold",
        /// A brake on mass deletion.
        Brake = "brake",
        /// Somebody used it within a day, and the organization says that this keeps it.
        Use = "use",
    }

    /// Why an entry could not be purged, though nothing keeps it.
    PurgeProblem {
        /// Something in the database refers to its rows or guards them.
        RefusedByDatabase = "refused_by_database",
        /// It took longer than a statement may.
        OutOfTime = "out_of_time",
        /// The database answered with another error.
        DatabaseError = "database_error",
    }

    /// What a create does when a trashed connection has the same external id or name.
    OnTrashed {
        /// Makes a new connection that inherits nothing (the default).
        New = "new",
        /// Refuses, naming the entry.
        Fail = "fail",
        /// Restores that entry and then applies the request.
        Restore = "restore",
    }
}

impl RecordKind {
    /// Whether it is live, and not in the trash or about it.
    pub fn is_live(self) -> bool {
        matches!(
            self,
            Self::Integration | Self::Connection | Self::Model | Self::Content | Self::Link
        )
    }
}

impl From<DependentKind> for RootKind {
    fn from(kind: DependentKind) -> Self {
        match kind {
            DependentKind::Model => Self::Model,
            DependentKind::Content => Self::Content,
        }
    }
}

impl RevocationOutcome {
    /// Where that leaves the credentials.
    pub fn state(self) -> Revocation {
        match self {
            Self::Pending => Revocation::Pending,
            Self::Revoked => Revocation::Done,
            Self::Refused
            | Self::Unavailable
            | Self::Unreachable
            | Self::RefusedByPolicy
            | Self::OutOfTime
            | Self::Interrupted
            | Self::Unreadable
            | Self::TooMany => Revocation::Failed,
            Self::OptedOut | Self::NoAddress | Self::NoToken => Revocation::NotOffered,
        }
    }
}
