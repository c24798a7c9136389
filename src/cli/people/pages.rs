//! Lists that come in pages, and documents read from answers.

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Failure;
use super::backend::{Answer, PageAsk};
use crate::cli::PAGE;
use crate::cli::output::remark;

/// The rows of a list as the API wrote them: numbers in settings and metadata keep all their digits.
pub(in crate::cli) struct Listed {
    rows: Vec<Box<RawValue>>,
    /// Whether there are more than were asked for.
    pub(in crate::cli) more: bool,
}

#[derive(Deserialize)]
struct RawPage {
    data: Vec<Box<RawValue>>,
    next_page_token: Option<String>,
}

impl Listed {
    /// Asks for pages until there are `limit` rows or no more.
    pub(in crate::cli) fn collect(
        limit: u32,
        fetch: impl Fn(PageAsk) -> Answer,
    ) -> Result<Self, Failure> {
        let mut listed = Self {
            rows: Vec::new(),
            more: false,
        };
        let mut token = None;
        loop {
            let got = i64::try_from(listed.rows.len()).unwrap_or(i64::MAX);
            let size = (i64::from(limit) - got).clamp(1, PAGE);
            let page: RawPage = read(&fetch(PageAsk { size, token })?)?;
            listed.rows.extend(page.data);
            token = page.next_page_token;
            let enough = u32::try_from(listed.rows.len()).unwrap_or(u32::MAX) >= limit;
            if enough || token.is_none() {
                listed.more = token.is_some();
                return Ok(listed);
            }
        }
    }

    /// Says on stderr that there are more, and how to see them.
    pub(in crate::cli) fn tell_more(&self, limit: u32) {
        if self.more {
            remark(&format!(
                "There are more: --limit {} shows them.",
                limit.saturating_mul(2)
            ));
        }
    }

    /// The rows as the commands read them.
    pub(in crate::cli) fn parsed<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failure> {
        self.rows.iter().map(|row| read(row.get())).collect()
    }

    /// The rows as a JSON array, one a line.
    pub(in crate::cli) fn json(&self) -> Result<String, Failure> {
        let text = serde_json::to_string_pretty(&self.rows);
        Ok(text.context("the answer has no JSON form")?)
    }
}

/// Reads an answer.
pub(in crate::cli) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    let value = serde_json::from_str(text);
    Ok(value.context("the answer is not one that this version of Reprieve understands")?)
}
