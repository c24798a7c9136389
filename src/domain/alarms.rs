//! The catalogue of alarms: every code an operator may match on, with its title and the next step.
//!
//! One table. The API, the metrics and docs/operations.md are made from it or compared with it; a code is never renamed.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! alarms {
    ($($variant:ident = $code:literal, $title:literal, $next:literal;)+) => {
        /// A stable alarm code.
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow, utoipa::ToSchema,
        )]
        #[diesel(sql_type = diesel::sql_types::Text)]
        pub enum AlarmCode {$(
            #[doc = $title]
            #[serde(rename = $code)]
            $variant,
        )+}

        impl AlarmCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word operators match on.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What is wrong, for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What the operator does next.
            pub fn next(self) -> &'static str {
                match self { $(Self::$variant => $next,)+ }
            }

            /// Reads the word.
            pub fn parse(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

alarms! {
    RetentionInvalid = "retention_invalid", "The retention of an organization is not valid: nothing of it is purged", "Set it with `PUT /v1/retention`, from 1 to 3650 days.";
    ClockJump = "clock_jump", "The database's clock jumped: nothing is purged", "Set the clock right, and the purge goes on by itself; if it is right as it is now, acknowledge this alarm.";
    PurgeBlocked = "purge_blocked", "Entries can't be purged", "Look at `blocked` in `GET /v1/purge`; the log has the database's answer. They are tried again by themselves.";
    PurgeOverdue = "purge_overdue", "Entries wait to be purged for longer than they should", "See that a purge runs (`reprieve purge`, or `serve` with a purge schedule) and that its limits let enough through.";
    ErasureOverdue = "erasure_overdue", "What was shredded is not erased from the database's files in time", "Run `reprieve erase` and do what it says; on PostgreSQL the role needs the right to checkpoint.";
    Brake = "brake", "Much of an organization was deleted within an hour", "Look who deleted what (`GET /v1/trash?sort=deleted_at`); restore it, or release the brake with `DELETE /v1/brakes/{id}`.";
    KeyMissing = "key_missing", "The encryption key is missing: secrets can't be entered or read", "Put the key back into the keyring; everything but secrets works meanwhile.";
    RotationWaits = "rotation_waits", "The rotation of the encryption keys does not get on", "See `reprieve keys status` for who lacks the new key, and give it to them.";
    WebhookDisabled = "webhook_disabled", "A webhook endpoint is told nothing any more", "See why in `GET /v1/webhooks/{id}`, repair it, and enable it with `PATCH /v1/webhooks/{id}`: it goes on where it stopped.";
    BackupOlderThanShred = "backup_older_than_shred", "A database from before deletions was put back; their secrets were shredded again", "Enter the secrets of the connections that need credentials, or delete the connections again; then acknowledge this alarm.";
    Residue = "residue", "Bytes of a deleted secret were found where none should be", "Treat it as a leak: the detail says where they are, docs/security.md what that may mean. When it is mended, run `reprieve canary`.";
    CanaryBroken = "canary_broken", "The standing check for residue can't find what it should find", "Do what the detail says, then run `reprieve canary`.";
}

impl AlarmCode {
    /// Whether it ends when somebody acknowledges it, whatever became of its cause.
    pub fn ends_with_a_word(self) -> bool {
        matches!(self, Self::BackupOlderThanShred | Self::ClockJump)
    }
}

impl fmt::Display for AlarmCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
