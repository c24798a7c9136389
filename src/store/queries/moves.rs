//! Statements that both backends run alike, made once for each: impact, shredding, the links of a restore.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId, RootId};
use crate::domain::kinds::RootKind;
use crate::store::cascade::{RETURN, cascade, shred};
use crate::store::rows::ImpactRow;
use crate::store::statement::{Binds, Statement};
use crate::store::types::{Id, Moment};

type When = Nullable<Moment>;

pub(in crate::store) fn impact(
    conn: &mut Conn,
    kind: RootKind,
    binds: Binds,
) -> QueryResult<ImpactRow> {
    type Row = (
        BigInt,
        BigInt,
        When,
        BigInt,
        BigInt,
        BigInt,
        When,
        When,
        BigInt,
        BigInt,
        BigInt,
        When,
        When,
        BigInt,
        BigInt,
        BigInt,
        BigInt,
        BigInt,
    );
    Statement::<Row>::new(&cascade(kind).impact, binds).get_result(conn)
}

pub(in crate::store) fn first_protected(
    conn: &mut Conn,
    kind: RootKind,
    binds: Binds,
) -> QueryResult<Option<(String, RootId, String)>> {
    Statement::<(Text, Id, Text)>::new(&cascade(kind).protected, binds)
        .get_result(conn)
        .optional()
}

pub(in crate::store) fn sample(
    conn: &mut Conn,
    kind: RootKind,
    binds: Binds,
) -> QueryResult<Vec<(String, RootId, String, String)>> {
    Statement::<(Text, Id, Text, Text)>::new(&cascade(kind).sample, binds).load(conn)
}

pub(in crate::store) fn references_sample(
    conn: &mut Conn,
    kind: RootKind,
    binds: Binds,
) -> QueryResult<Vec<(DependentId, String, ConnectionId)>> {
    Statement::<(Id, Text, Id)>::new(&cascade(kind).references, binds).load(conn)
}

/// How many secrets a deletion would shred, and the newest key epoch that one of them is sealed under.
pub(in crate::store) fn secrets_in_scope(
    conn: &mut Conn,
    kind: RootKind,
    binds: Binds,
) -> QueryResult<(i64, Option<i32>)> {
    match shred(kind) {
        Some(shred) => {
            Statement::<(BigInt, Nullable<Integer>)>::new(&shred.count, binds).get_result(conn)
        }
        None => Ok((0, None)),
    }
}

/// The fields of those secrets, each once.
pub(in crate::store) fn secret_fields_in_scope(
    conn: &mut Conn,
    kind: RootKind,
    binds: Binds,
) -> QueryResult<Vec<String>> {
    match shred(kind) {
        Some(shred) => Statement::<Text>::new(&shred.fields, binds).load(conn),
        None => Ok(Vec::new()),
    }
}

/// Shreds the secrets of all that a deletion takes along, keeps their shape, and closes other ways to the
/// connections. Answers how many secrets there were.
pub(in crate::store) fn shred_scope(
    conn: &mut Conn,
    kind: RootKind,
    binds: Binds,
    at: Ts,
) -> QueryResult<usize> {
    let Some(shred) = shred(kind) else {
        return Ok(0);
    };
    if let Some(keep) = &shred.keep {
        Statement::<()>::new(keep, binds).execute(conn)?;
    }
    Statement::<()>::new(&shred.note, binds)
        .at(at)
        .execute(conn)?;
    Statement::<()>::new(super::super::slots_text(shred), binds).execute(conn)?;
    for text in super::super::ends_texts(shred) {
        Statement::<()>::new(text, binds).at(at).execute(conn)?;
    }
    Statement::<()>::new(&shred.forget, binds).execute(conn)
}

/// Brings back the links of an entry whose rows are live again: those with both ends live return, those whose
/// other end is in another entry wait there, the rest has lost its other end. Answers returned and lost.
pub(in crate::store) fn return_links(conn: &mut Conn, binds: Binds) -> QueryResult<(usize, usize)> {
    Statement::<()>::new(&RETURN.refile_links, binds).execute(conn)?;
    let returned = Statement::<()>::new(&RETURN.links_back, binds).execute(conn)?;
    let cleared = Statement::<()>::new(&RETURN.links_clear, binds).execute(conn)?;
    Ok((returned, cleared.saturating_sub(returned)))
}
