//! Omni's pages: `records` and `pageInfo`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::service::listing::Listed;

/// Where a page stands among the others.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    /// Whether another page follows.
    has_next_page: bool,
    /// What to send as `cursor` for it.
    next_cursor: Option<String>,
    /// The most records of a page.
    page_size: i64,
    /// How many records there are on all pages.
    total_records: i64,
}

impl PageInfo {
    /// Of what was listed.
    pub(super) fn of(listed: &Listed, size: i64) -> Self {
        Self {
            has_next_page: listed.next.is_some(),
            next_cursor: listed.next.clone(),
            page_size: size,
            total_records: listed.total,
        }
    }
}

/// A page.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    /// Where it stands.
    page_info: PageInfo,
    /// What is on it.
    records: Vec<T>,
}

impl<T> Page<T> {
    /// A page of these.
    pub(super) fn new(page_info: PageInfo, records: Vec<T>) -> Self {
        Self { page_info, records }
    }
}
