//! What a request in this dialect brings: path, query, body, each refused in its words.

use actix_web::HttpRequest;
use serde::de::DeserializeOwned;

use super::{Omni, Refusal};
use crate::domain::ids::DependentId;
use crate::http::body;
use crate::http::dialects::Admitted;
use crate::http::input::Input;
use crate::service::error::{Error, Result};
use crate::service::pages::PageQuery;
use crate::store::filters::Sort;

const DEFAULT_SIZE: i64 = 20;
const MAX_SIZE: i64 = 100;

/// The query of a request, with the parameters that the endpoint knows and no others.
pub(super) struct Query {
    input: Input,
    /// Rows on a page.
    pub(super) size: i64,
}

impl Query {
    /// Reads it.
    pub(super) fn of(guest: &Admitted<Omni>, known: &[&str]) -> std::result::Result<Self, Refusal> {
        Self::read(guest.request(), known).map_err(|error| guest.refuse(&error))
    }

    fn read(request: &HttpRequest, known: &[&str]) -> Result<Self> {
        let mut input = Input::of(request);
        input.parse_query(known)?;
        let size = input.parsed("pageSize", "a number from 1 to 100", |size| {
            size.parse()
                .ok()
                .filter(|size| (1..=MAX_SIZE).contains(size))
        })?;
        Ok(Self {
            input,
            size: size.unwrap_or(DEFAULT_SIZE),
        })
    }

    /// A parameter; one that is there without a value is not there.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.input.text(name).filter(|text| !text.is_empty())
    }

    /// Whether one of these is there.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.text(name).is_some())
    }

    /// A parameter that is a UUID.
    pub(super) fn uuid(&self, name: &str) -> Result<Option<DependentId>> {
        self.text(name)
            .map(|text| {
                DependentId::parse(&text)
                    .ok_or_else(|| Error::field(name, "invalid_value", "Expected a UUID."))
            })
            .transpose()
    }

    /// A parameter that is one of these words; else the first.
    pub(super) fn choice(&self, name: &str, words: &[&'static str]) -> Result<&'static str> {
        let refused = || {
            let detail = format!("Expected one of: {}.", words.join(", "));
            Error::field(name, "not_allowed_value", detail)
        };
        match self.text(name) {
            Some(text) => words.iter().find(|word| **word == text).ok_or_else(refused),
            None => words.first().ok_or_else(refused),
        }
        .copied()
    }

    /// `includeDeleted`, in each spelling that an endpoint of the original takes.
    pub(super) fn deleted(&self) -> Result<bool> {
        let word = self.choice("includeDeleted", &["false", "0", "true", "1"])?;
        Ok(matches!(word, "true" | "1"))
    }

    /// A comma list of these words.
    pub(super) fn words(&self, name: &str, known: &[&str]) -> Result<Vec<String>> {
        let text = self.text(name).unwrap_or_default();
        let words: Vec<String> = text
            .split(',')
            .map(|word| word.trim().to_owned())
            .filter(|word| !word.is_empty())
            .collect();
        if words.iter().all(|word| known.contains(&word.as_str())) {
            return Ok(words);
        }
        let detail = format!("Expected some of: {}.", known.join(", "));
        Err(Error::field(name, "not_allowed_value", detail))
    }

    /// Whether the greatest comes first.
    pub(super) fn descending(&self, default: &'static str) -> Result<bool> {
        let other = if default == "asc" { "desc" } else { "asc" };
        Ok(self.choice("sortDirection", &[default, other])? == "desc")
    }

    /// The page that is asked for.
    pub(super) fn page(&self) -> Result<PageQuery> {
        PageQuery::new(Some(self.size), self.text("cursor"))
    }
}

/// The order that a word of the original means, from the beginning.
pub(super) fn sort(word: &str) -> Sort {
    match word {
        "name" => Sort::Name(None),
        "modelKind" => Sort::Kind(None),
        "connectionId" => Sort::Connection(None),
        "baseModelId" => Sort::Parent(None),
        "createdAt" => Sort::CreatedAt(None),
        _ => Sort::UpdatedAt(None),
    }
}

/// A part of the path, percent-decoded.
pub(super) fn part(guest: &Admitted<Omni>, name: &str) -> std::result::Result<String, Refusal> {
    Input::of(guest.request())
        .part(name)
        .map_err(|error| guest.refuse(&error))
}

/// A part of the path that must be a UUID.
pub(super) fn id<T>(
    guest: &Admitted<Omni>,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> std::result::Result<T, Refusal> {
    parse(&part(guest, name)?).ok_or_else(|| Refusal::bad(name, "Invalid uuid"))
}

/// The body, whatever the content type says: clients of the original send `application/json` even without a body.
pub(super) async fn json<T: DeserializeOwned>(
    guest: &mut Admitted<Omni>,
) -> std::result::Result<T, Refusal> {
    let bytes = guest.body(body::JSON).await?;
    body::parse(&bytes).map_err(|error| guest.refuse(&error))
}

/// The same of a body that may be left out.
pub(super) async fn json_or_default<T: DeserializeOwned + Default>(
    guest: &mut Admitted<Omni>,
) -> std::result::Result<T, Refusal> {
    let bytes = guest.body(body::JSON).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    body::parse(&bytes).map_err(|error| guest.refuse(&error))
}
