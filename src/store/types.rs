//! Column types that mean the same on both databases, and how our own types travel through them.
//!
//! What must stay true: a value written on one backend reads back equal on the other. Timestamps are therefore
//! of fixed width on SQLite (diesel's own text formats vary in width), ids are hyphenated text there and `uuid`
//! on PostgreSQL, JSON and words are text on both.

use std::io::Write as _;

use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{SqlType, Text, Timestamptz};
use diesel::sqlite::{Sqlite, SqliteValue};
use uuid::Uuid;

use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::ids::{
    AccessTokenId, AlarmId, BrakeId, ConnectionId, DependentId, EntryId, HoldId, ImportId,
    IntegrationId, JobId, KeyId, OrgId, ReceiptKeyId, RecordId, ReplicaId, RootId, SessionId,
    SignInId, WebhookId,
};
use crate::domain::json::JsonText;
use crate::domain::kinds::{
    DeliveryOutcome, DeliveryState, DependentKind, EntryState, ImportSource, ImportState,
    OwnerKind, PurgeProblem, RevocationOutcome, RootKind, Status, WebhookFormat, WebhookState,
    WebhookStop,
};

/// An id column: `uuid` on PostgreSQL (fixed OIDs, so no catalogue look-up), text on SQLite.
#[derive(SqlType, QueryId, Clone, Copy, Debug)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Id;

/// A timestamp column: `timestamptz` on PostgreSQL, `YYYY-MM-DDTHH:MM:SS.ffffffZ` on SQLite. (Not named
/// `Timestamp`: diesel's `table!` goes by that name and asks for arithmetic.)
#[derive(SqlType, QueryId, Clone, Copy, Debug)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Moment;

impl diesel::sql_types::SqlOrd for Moment {}

macro_rules! id_columns {
    ($($id:ident),+) => {$(
        impl ToSql<Id, Pg> for $id {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(self.0.as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl FromSql<Id, Pg> for $id {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                Ok(Self(Uuid::from_slice(value.as_bytes())?))
            }
        }

        impl ToSql<Id, Sqlite> for $id {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value(self.0.hyphenated().to_string());
                Ok(IsNull::No)
            }
        }

        impl FromSql<Id, Sqlite> for $id {
            fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
                let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
                Ok(Self(Uuid::try_parse(&text)?))
            }
        }
    )+};
}

id_columns!(
    OrgId,
    KeyId,
    IntegrationId,
    ConnectionId,
    DependentId,
    EntryId,
    RootId,
    HoldId,
    RecordId,
    JobId,
    ImportId,
    SessionId,
    SignInId,
    AccessTokenId,
    ReplicaId,
    AlarmId,
    BrakeId,
    ReceiptKeyId,
    WebhookId
);

impl ToSql<Moment, Pg> for Ts {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Timestamptz, Pg>::to_sql(&self.utc(), &mut out.reborrow())
    }
}

impl FromSql<Moment, Pg> for Ts {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let at = <chrono::DateTime<chrono::Utc> as FromSql<Timestamptz, Pg>>::from_sql(value)?;
        Ok(Self::from(at))
    }
}

impl ToSql<Moment, Sqlite> for Ts {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<Moment, Sqlite> for Ts {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        Self::parse(&text).ok_or_else(|| "not a timestamp of fixed width".into())
    }
}

macro_rules! word_columns {
    ($($word:ident),+) => {$(
        impl ToSql<Text, Pg> for $word {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(self.as_str().as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl ToSql<Text, Sqlite> for $word {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value(self.as_str());
                Ok(IsNull::No)
            }
        }

        impl<DB> FromSql<Text, DB> for $word
        where
            DB: diesel::backend::Backend,
            String: FromSql<Text, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                let word = String::from_sql(value)?;
                Self::parse(&word).ok_or_else(|| concat!("unknown ", stringify!($word)).into())
            }
        }
    )+};
}

word_columns!(
    Status,
    DependentKind,
    RootKind,
    EntryState,
    OwnerKind,
    ImportSource,
    ImportState,
    RevocationOutcome,
    AlarmCode,
    PurgeProblem,
    WebhookFormat,
    WebhookState,
    WebhookStop,
    DeliveryState,
    DeliveryOutcome
);

impl ToSql<Text, Pg> for JsonText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.as_str().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<Text, Sqlite> for JsonText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.as_str());
        Ok(IsNull::No)
    }
}

impl<DB> FromSql<Text, DB> for JsonText
where
    DB: diesel::backend::Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from_trusted(String::from_sql(value)?))
    }
}
