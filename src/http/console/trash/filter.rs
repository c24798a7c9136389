//! What the list of the trash is narrowed to and ordered by: plain parameters of the address, so that it can be shared. A
//! word that is not known stands for the default.

use chrono::{Duration, NaiveTime};
use url::form_urlencoded::Serializer;

use crate::domain::clock::Ts;
use crate::domain::kinds::{EntryState, RootKind};
use crate::domain::text::Name;
use crate::store::filters::EntryFilter;

/// The word for whoever is signed in.
pub(super) const ME: &str = "me";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    Ever,
    Today,
    Week,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) kind: Option<RootKind>,
    pub(super) q: String,
    /// An actor's id, or [`ME`]; empty for anyone.
    pub(super) by: String,
    pub(super) since: Since,
    pub(super) newest: bool,
}

impl Filter {
    pub(super) fn read(value: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            kind: value("kind").as_deref().and_then(RootKind::parse),
            q: value("q").unwrap_or_default(),
            by: value("by").unwrap_or_default(),
            since: match value("since").as_deref() {
                Some("today") => Since::Today,
                Some("week") => Since::Week,
                _ => Since::Ever,
            },
            newest: value("sort").as_deref() == Some("newest"),
        }
    }

    /// The parameters that differ from the default, as a form or an address carries them.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if let Some(kind) = self.kind {
            pairs.push(("kind", kind.as_str().to_owned()));
        }
        if !self.q.is_empty() {
            pairs.push(("q", self.q.clone()));
        }
        if !self.by.is_empty() {
            pairs.push(("by", self.by.clone()));
        }
        match self.since {
            Since::Ever => {}
            Since::Today => pairs.push(("since", "today".to_owned())),
            Since::Week => pairs.push(("since", "week".to_owned())),
        }
        if self.newest {
            pairs.push(("sort", "newest".to_owned()));
        }
        pairs
    }

    /// Where the list so narrowed begins, below the console.
    pub(super) fn address(&self, page: Option<&str>) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.pairs());
        if let Some(page) = page {
            query.append_pair("page", page);
        }
        match query.finish().as_str() {
            "" => "/trash".to_owned(),
            query => format!("/trash?{query}"),
        }
    }

    /// The same for another kind.
    pub(super) fn of_kind(&self, kind: Option<RootKind>) -> Self {
        Self {
            kind,
            ..self.clone()
        }
    }

    /// The same without what was searched for.
    pub(super) fn without_search(&self) -> Self {
        Self {
            q: String::new(),
            ..self.clone()
        }
    }

    /// Whether it leaves anything out of a kind.
    pub(super) fn narrows(&self) -> bool {
        !self.by.is_empty() || self.since != Since::Ever
    }

    /// What the service is asked for. Days begin at midnight (UTC), so that all pages of a list are of one list.
    pub(super) fn of_entries(&self, me: &str, now: Ts) -> EntryFilter {
        let midnight = Ts::from(now.utc().date_naive().and_time(NaiveTime::MIN).and_utc());
        EntryFilter {
            kind: self.kind,
            state: Some(EntryState::InTrash),
            q: Some(Name::fold(&self.q)).filter(|q| !q.is_empty()),
            deleted_by: match self.by.as_str() {
                "" => None,
                ME => Some(me.to_owned()),
                other => Some(other.to_owned()),
            },
            deleted_after: match self.since {
                Since::Ever => None,
                Since::Today => Some(midnight),
                Since::Week => Some(midnight.plus(-Duration::days(6))),
            },
            ..EntryFilter::default()
        }
    }
}
