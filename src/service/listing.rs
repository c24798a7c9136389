//! Lists that show what is live and what is in the trash together, for contracts that have one list for both.
//!
//! What must stay true: trashed rows only for those who may read the trash; both sides are read in one snapshot, so
//! that a row which moves meanwhile is neither missing nor there twice.

use std::ops::ControlFlow;

use super::caller::Caller;
use super::connections::absent;
use super::error::Result;
use super::pages::{Cursor, PageQuery};
use crate::domain::clock::Ts;
use crate::domain::ids::ConnectionId;
use crate::domain::kinds::DependentKind;
use crate::domain::scopes::Scope;
use crate::store::Conn;
use crate::store::filters::{ConnectionFilter, Listing};
use crate::store::rows::{ConnectionRow, DependentHead};

/// How many connections are in memory at once: each may carry 64 KiB of metadata.
const CHUNK: i64 = 100;

/// A page of models or content, and how many there are in all.
#[derive(Debug, Default)]
pub struct Listed {
    /// The rows, each with when it was deleted if it is in the trash.
    pub rows: Vec<(DependentHead, Option<Ts>)>,
    /// How many fit, on all pages.
    pub total: i64,
    /// The token of the next page.
    pub next: Option<String>,
}

/// Hands every live connection to `each`, then every trashed one if `deleted` asks for them, until it has enough.
pub fn connections(
    conn: &mut Conn,
    caller: &Caller,
    deleted: bool,
    mut each: impl FnMut(ConnectionRow, Option<Ts>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    if deleted {
        caller.require(Scope::TrashRead)?;
    }
    let mut after = None;
    loop {
        let rows = conn.list_connections(caller.org, &ConnectionFilter::default(), after, CHUNK)?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        for row in rows {
            if each(row, None)?.is_break() {
                return Ok(());
            }
        }
    }
    if !deleted {
        return Ok(());
    }
    let mut after = None;
    loop {
        let rows = conn.trashed_connections(caller.org, None, after, CHUNK)?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.id);
        for (row, at) in rows {
            if each(row, Some(at))?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// One connection, live or, for those who may read the trash, deleted.
pub fn connection(
    conn: &mut Conn,
    caller: &Caller,
    id: ConnectionId,
) -> Result<(ConnectionRow, Option<Ts>)> {
    if let Some(row) = conn.find_connection(caller.org, id)? {
        return Ok((row, None));
    }
    if caller.may(Scope::TrashRead) {
        let found = conn.trashed_connections(caller.org, Some(id), None, 1)?;
        if let Some((row, at)) = found.into_iter().next() {
            return Ok((row, Some(at)));
        }
    }
    Err(absent(conn, caller, id)?)
}

/// A page of models or content.
pub fn dependents(
    conn: &mut Conn,
    caller: &Caller,
    kind: DependentKind,
    mut listing: Listing,
    deleted: bool,
    page: &PageQuery,
) -> Result<Listed> {
    if deleted {
        caller.require(Scope::TrashRead)?;
    }
    // What a token is good for: the list as it was asked for, wherever it begins.
    let asked = (listing.clone(), deleted);
    if let Some(Cursor(sort)) = page.cursor(kind.as_str(), &asked)? {
        listing.sort = sort;
    }
    let limit = page.limit() + 1;
    let mut total = conn.count_live_listing(kind, caller.org, &listing)?;
    let mut rows = conn.live_listing(kind, caller.org, &listing, limit)?;
    if deleted {
        total += conn.count_trashed_listing(kind, caller.org, &listing)?;
        rows.extend(conn.trashed_listing(kind, caller.org, &listing, limit)?);
        rows.sort_by_cached_key(|(row, _)| listing.sort.after(row));
        if listing.descending {
            rows.reverse();
        }
    }
    let more = page.cut(&mut rows);
    let last = rows.last().map(|(row, _)| Cursor(listing.sort.after(row)));
    Ok(Listed {
        next: page.next(kind.as_str(), &asked, more, last),
        rows,
        total,
    })
}
