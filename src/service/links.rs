//! Links: references from one piece of content to another, of the same or another connection.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::{Error, Result};
use super::pages::{Cursor, PageQuery};
use super::unit::Tx;
use super::views::{LinkView, Page};
use crate::domain::FieldError;
use crate::domain::ids::{ConnectionId, DependentId};
use crate::domain::kinds::DependentKind;
use crate::store::Conn;
use crate::store::rows::LinkRow;

/// The most links from one piece of content.
pub const MAX_LINKS: usize = 1_000;

/// The other end of a link: by id, or by its external id within the same connection.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkInput {
    /// The content's id, in whichever connection.
    pub content_id: Option<DependentId>,
    /// The content's external id in the same connection.
    pub external_id: Option<String>,
}

/// Makes `wanted` all the links from a piece of content. What the trash keeps of its links is forgotten too: a
/// restore must not bring back what was re-pointed meanwhile.
pub(super) fn replace(
    tx: &mut Tx<'_>,
    connection: ConnectionId,
    from: DependentId,
    wanted: &[LinkInput],
    pointer: &str,
) -> Result<()> {
    let org = tx.caller.org;
    if wanted.len() > MAX_LINKS {
        return Err(Error::field(
            pointer,
            "out_of_range",
            "Content has up to 1000 links.",
        ));
    }
    let external_ids: Vec<&str> = wanted
        .iter()
        .filter_map(|link| link.external_id.as_deref())
        .collect();
    let by_external_id: BTreeMap<String, DependentId> = tx
        .conn
        .dependents_by_external_ids(DependentKind::Content, org, connection, &external_ids)?
        .into_iter()
        .filter_map(|(id, external_id)| Some((external_id?, id)))
        .collect();
    let ids: Vec<DependentId> = wanted.iter().filter_map(|link| link.content_id).collect();
    let live: BTreeSet<DependentId> = tx
        .conn
        .connections_of_dependents(DependentKind::Content, org, &ids)?
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let mut errors = Vec::new();
    let mut targets = BTreeSet::new();
    for (index, link) in wanted.iter().enumerate() {
        let target = match (link.content_id, link.external_id.as_deref()) {
            (Some(id), None) => live.get(&id).copied(),
            (None, Some(external_id)) => by_external_id.get(external_id).copied(),
            _ => {
                errors.push(FieldError::new(
                    format!("{pointer}/{index}"),
                    "ambiguous",
                    "A link names content by content_id or by external_id.",
                ));
                continue;
            }
        };
        match target {
            Some(target) => {
                targets.insert(target);
            }
            None => errors.push(FieldError::new(
                format!("{pointer}/{index}"),
                "unknown_content",
                "There is no live content like this.",
            )),
        }
    }
    if !errors.is_empty() {
        return Err(errors.into());
    }
    tx.conn.delete_links_from(org, from)?;
    let rows: Vec<LinkRow> = targets
        .into_iter()
        .map(|to_id| LinkRow {
            org_id: org,
            from_id: from,
            to_id,
            created_at: tx.at,
        })
        .collect();
    tx.conn.insert_links(&rows)?;
    Ok(())
}

/// A page of the links of a live piece of content: to others, or from others.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    content: DependentId,
    outgoing: bool,
    page: &PageQuery,
) -> Result<Page<LinkView>> {
    super::dependents::get(conn, caller, DependentKind::Content, content)?;
    let filter = (content, outgoing);
    let cursor: Option<Cursor<DependentId>> = page.cursor("links", &filter)?;
    let mut rows = conn.list_links(
        caller.org,
        content,
        outgoing,
        cursor.map(|c| c.0),
        page.limit() + 1,
    )?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|(id, _, _)| Cursor(*id));
    Ok(Page {
        next_page_token: page.next("links", &filter, more, last),
        data: rows.into_iter().map(LinkView::from).collect(),
    })
}
