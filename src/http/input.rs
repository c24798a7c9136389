//! What came with a request besides its body: path, query, `If-Match`. Checked, and only after the caller is known.

use actix_web::HttpRequest;
use actix_web::http::header::IF_MATCH;
use percent_encoding::percent_decode_str;

use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{AccessTokenId, ConnectionId, DependentId, EntryId, HoldId};
use crate::domain::kinds::DependentKind;
use crate::domain::text::Name;
use crate::service::error::{Error, Problem, Result};
use crate::service::pages::PageQuery;

/// The parameters every list takes.
pub const PAGE: [&str; 2] = ["page_size", "page_token"];

/// The longest value of a query parameter.
const MAX_QUERY_VALUE: usize = 4_096;

/// Path, query and precondition of a request, not yet parsed.
#[derive(Debug, Clone)]
pub struct Input {
    path: Vec<(String, String)>,
    raw_query: String,
    query: Vec<(String, String)>,
    if_match: Option<String>,
}

impl Input {
    /// Takes over what the handler may need later, on another thread.
    pub fn of(request: &HttpRequest) -> Self {
        let if_match = request
            .headers()
            .get(IF_MATCH)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Self {
            path: request
                .match_info()
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            raw_query: request.query_string().to_owned(),
            query: Vec::new(),
            if_match,
        }
    }

    /// Parses the query; a parameter that is not among `known`, or is there twice, is refused.
    pub fn parse_query(&mut self, known: &[&str]) -> Result<()> {
        if percent_decode_str(&self.raw_query).decode_utf8().is_err() {
            return Err(Problem::new(Code::InvalidRequest, "The query is not UTF-8.").into());
        }
        for (name, value) in url::form_urlencoded::parse(self.raw_query.as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(Error::field(
                    name.chars().take(64).collect::<String>(),
                    "unknown_field",
                    "This query parameter is not known here.",
                ));
            }
            if self.query.iter().any(|(other, _)| *other == name) {
                return Err(Error::field(
                    name,
                    "duplicate",
                    "This query parameter is there twice.",
                ));
            }
            if value.len() > MAX_QUERY_VALUE {
                return Err(Error::field(
                    name,
                    "too_long",
                    "This query parameter is too long.",
                ));
            }
            // A reason may have several lines; what a line break can't be part of finds or allows nothing.
            if value
                .chars()
                .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
            {
                return Err(Error::field(
                    name,
                    "control_character",
                    "This query parameter holds a control character.",
                ));
            }
            self.query.push((name.into_owned(), value.into_owned()));
        }
        Ok(())
    }

    /// A query parameter as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.query
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.clone())
    }

    /// A query parameter that `parse` must understand.
    pub fn parsed<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        self.text(name)
            .map(|value| {
                parse(&value).ok_or_else(|| {
                    Error::field(name, "invalid_value", format!("Expected {expected}."))
                })
            })
            .transpose()
    }

    /// Whether the raw query says `name=true`: which way a handler goes, before the caller is known.
    pub fn asks_for(&self, name: &str) -> bool {
        url::form_urlencoded::parse(self.raw_query.as_bytes())
            .any(|(other, value)| other == name && value == "true")
    }

    /// A query parameter that is the name of something, in the form in which names are stored.
    pub fn name(&self, name: &str) -> Result<Option<Name>> {
        match self.text(name).as_deref().map(Name::parse) {
            Some(Err(problem)) => Err(problem.at(name).into()),
            Some(Ok(parsed)) => Ok(Some(parsed)),
            None => Ok(None),
        }
    }

    /// A query parameter that is `true` or `false`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.parsed(name, "true or false", |value| value.parse().ok())
    }

    /// A query parameter that is a moment.
    pub fn moment(&self, name: &str) -> Result<Option<Ts>> {
        self.parsed(name, "an RFC 3339 timestamp", Ts::parse)
    }

    /// The page of a list.
    pub fn page(&self) -> Result<PageQuery> {
        let size = self.parsed("page_size", "a number from 1 to 200", |value| {
            value.parse().ok()
        })?;
        PageQuery::new(size, self.text("page_token"))
    }

    /// The version in `If-Match`; `*` and no header mean any.
    pub fn if_match(&self) -> Result<Option<i64>> {
        match self.if_match.as_deref() {
            None | Some("*") => Ok(None),
            Some(tag) => tag
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'))
                .and_then(|tag| tag.parse().ok())
                .map(Some)
                .ok_or_else(|| {
                    Problem::new(
                        Code::InvalidRequest,
                        "If-Match must be one ETag of ours, such as \"3\".",
                    )
                    .into()
                }),
        }
    }

    /// A part of the path, percent-decoded.
    pub fn part(&self, name: &str) -> Result<String> {
        let raw = self
            .path
            .iter()
            .find(|(other, _)| other == name)
            .map_or("", |(_, value)| value);
        match percent_decode_str(raw).decode_utf8() {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(Problem::new(Code::InvalidRequest, "The path is not UTF-8.").into()),
        }
    }

    /// The id in the path, of whichever type; one that can't be an id is as unknown as any other.
    pub fn id<T>(&self, what: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        parse(&self.part("id")?).ok_or_else(|| Error::not_found(what))
    }

    /// The integration's key in the path.
    pub fn integration(&self) -> Result<String> {
        self.part("key")
    }

    /// The connection's id in the path.
    pub fn connection(&self) -> Result<ConnectionId> {
        self.id("connection", ConnectionId::parse)
    }

    /// The model's or content's id in the path.
    pub fn dependent(&self, kind: DependentKind) -> Result<DependentId> {
        self.id(kind.as_str(), DependentId::parse)
    }

    /// The trash entry's id in the path.
    pub fn entry(&self) -> Result<EntryId> {
        self.id("trash entry", EntryId::parse)
    }

    /// The hold's id in the path.
    pub fn hold(&self) -> Result<HoldId> {
        HoldId::parse(&self.part("hold")?).ok_or_else(|| Error::not_found("hold"))
    }

    /// The access token's id in the path.
    pub fn access_token(&self) -> Result<AccessTokenId> {
        AccessTokenId::parse(&self.part("token")?).ok_or_else(|| Error::not_found("access token"))
    }
}
