//! Activity: who did what to what and when, and what was refused. Read-only.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::Value;

use super::days;
use super::frame::{Frame, Section};
use super::trouble::Trouble;
use super::visit::{Person, Visit, encoded};
use super::words::{self, When};
use crate::domain::actions::{self, ACTIONS};
use crate::domain::clock::Ts;
use crate::http::auth::needs;
use crate::service::activity::{self, Activity, ActivityPage, ActivityQuery, Place};
use crate::service::audit::{DONE, REFUSED};
use crate::service::pages::PageQuery;
use crate::store::filters::AuditFilter;

const ON_A_PAGE: i64 = 50;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/activity", web::get().to(show));
}

/// What one may look for: by its word in the address, its words on the page, and the actions that belong to it.
struct Group {
    word: &'static str,
    label: &'static str,
    /// Families (`trash.`) and ends (`.restored`) of actions.
    of: &'static [&'static str],
}

const DONE_ONLY: &str = "done";
const REFUSED_ONLY: &str = "refused";

/// An action is of the first group that it fits.
const GROUPS: [Group; 6] = [
    Group {
        word: "deletions",
        label: "Deletions and restores",
        of: &[".trashed", ".restored"],
    },
    Group {
        word: "purges",
        label: "Purges, holds and retention",
        of: &["trash.", "purge.", "brake.", "retention."],
    },
    Group {
        word: "secrets",
        label: "Secrets",
        of: &[
            ".credentials_entered",
            ".credentials_lost",
            ".secrets_read",
            ".secrets_shredded",
            ".shredded_again",
            ".revocation_failed",
            "connection.revoked",
            "integration.revoked",
            "connection.reentry_",
            "connection.access_token_",
            "connect_session.",
            "key_epoch.",
        ],
    },
    Group {
        word: "keys",
        label: "Keys and sign-ins",
        of: &["api_key.", "sign_in."],
    },
    Group {
        word: "service",
        label: "Webhooks, alarms and the organization",
        of: &["webhook.", "alarm.", "organization.", "receipt_key."],
    },
    Group {
        word: "changes",
        label: "Other changes and tests",
        of: &[""],
    },
];

impl Group {
    fn fits(&self, action: &str) -> bool {
        self.of.iter().any(|part| {
            if part.starts_with('.') {
                action.ends_with(part)
            } else {
                action.starts_with(part)
            }
        })
    }

    fn of_action(action: &str) -> Option<&'static Self> {
        GROUPS.iter().find(|group| group.fits(action))
    }

    fn actions(&self) -> Vec<String> {
        let words = ACTIONS.iter().map(|action| action.word);
        words
            .filter(|word| Self::of_action(word).is_some_and(|group| group.word == self.word))
            .map(str::to_owned)
            .collect()
    }
}

/// What was entered into the filters.
#[derive(Default)]
struct Asked {
    what: String,
    q: String,
    who: String,
    from: String,
    to: String,
    from_error: Option<&'static str>,
    to_error: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "console/templates/activity.html")]
struct ActivityListPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    asked: &'a Asked,
    rows: Vec<Row>,
    begin: String,
    next: Option<String>,
    first: bool,
    looked_back_to: Option<When>,
}

/// Something that was done or refused, as the list has it.
struct Row {
    when: When,
    who: String,
    /// The address of what they did, below the console.
    theirs: String,
    key: Option<String>,
    what: &'static str,
    call: Option<String>,
    refused: Option<String>,
    name: Option<String>,
    kind: String,
    path: Option<String>,
}

impl Row {
    fn of(one: Activity, now: Ts) -> Self {
        let record = one.record;
        let action = actions::find(&record.action);
        let is_refused = record.outcome == REFUSED;
        let own = record.key_id.map(|id| format!("key:{id}"));
        let who = words::who(&record.actor);
        Self {
            when: When::new(record.at, now),
            // Who is only the key need not be told twice.
            key: one
                .key
                .filter(|name| own.as_ref() != Some(&record.actor.id) || *name != who),
            who,
            theirs: format!("/activity?who={}", encoded(&record.actor.id)),
            what: action.map_or("A call was refused", |action| action.meaning),
            call: action.is_none().then_some(record.action),
            refused: is_refused.then(|| code_of(record.detail.as_str())),
            name: one.name,
            kind: record.subject.kind.replace('_', " "),
            path: one.place.map(|place| match place {
                Place::Entry(id) => format!("/trash/{id}"),
                Place::Connection(id) => format!("/connections/{id}"),
            }),
        }
    }
}

fn code_of(detail: &str) -> String {
    let detail: Value = serde_json::from_str(detail).unwrap_or_default();
    let code = detail.get("code").and_then(Value::as_str);
    code.unwrap_or("refused").replace('_', " ")
}

impl Asked {
    fn of(person: &Person) -> Self {
        let given = |name: &str| person.query(name).unwrap_or_default();
        let mut asked = Self {
            what: given("what"),
            q: given("q"),
            who: given("who"),
            from: given("from"),
            to: given("to"),
            ..Self::default()
        };
        let fault =
            |text: &str| (!text.is_empty() && days::begins(text).is_none()).then_some(days::WRONG);
        asked.from_error = fault(&asked.from);
        asked.to_error = fault(&asked.to);
        if asked.to_error.is_none()
            && days::begins(&asked.from)
                .zip(days::begins(&asked.to))
                .is_some_and(|(from, to)| from > to)
        {
            asked.to_error = Some("This day is before the first one.");
        }
        asked
    }

    fn is_narrow(&self) -> bool {
        [&self.what, &self.q, &self.who, &self.from, &self.to]
            .iter()
            .any(|text| !text.is_empty())
    }

    /// What the service is asked; nothing where a day is none.
    fn query(&self) -> Option<ActivityQuery> {
        if self.from_error.is_some() || self.to_error.is_some() {
            return None;
        }
        let group = GROUPS.iter().find(|group| group.word == self.what);
        let outcome = match self.what.as_str() {
            DONE_ONLY => Some(DONE),
            REFUSED_ONLY => Some(REFUSED),
            _ => None,
        };
        Some(ActivityQuery {
            filter: AuditFilter {
                actions: group.map(Group::actions),
                outcome: outcome.map(str::to_owned),
                actor: (!self.who.is_empty()).then(|| self.who.clone()),
                after: days::begins(&self.from),
                before: days::ends(&self.to),
                ..AuditFilter::default()
            },
            text: (!self.q.is_empty()).then(|| self.q.clone()),
        })
    }

    /// The address of the first page that asks the same.
    fn path(&self) -> String {
        let pairs = [
            ("what", &self.what),
            ("q", &self.q),
            ("who", &self.who),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        format!("/activity?{}", query.join("&"))
    }
}

async fn show(visit: Visit<needs::AuditRead>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let (asked, token) = (Asked::of(&person), person.query("page"));
    let first = token.is_none();
    let page = match asked.query() {
        None => ActivityPage {
            data: Vec::new(),
            next: None,
            looked_back_to: None,
        },
        Some(query) => {
            person
                .read_list(move |conn, caller| {
                    let page = PageQuery::new(Some(ON_A_PAGE), token)?;
                    activity::list(conn, caller, &query, &page)
                })
                .await?
        }
    };
    let (now, begin) = (person.frame.now, asked.path());
    Ok(person.page(&ActivityListPage {
        frame: &person.frame,
        section: Some(Section::Activity),
        rows: page.data.into_iter().map(|one| Row::of(one, now)).collect(),
        next: page.next.map(|token| format!("{begin}&page={token}")),
        begin,
        first,
        looked_back_to: page.looked_back_to.map(|at| When::new(at, now)),
        asked: &asked,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_of_one_group_and_no_group_is_empty() {
        let mut all: Vec<String> = GROUPS.iter().flat_map(Group::actions).collect();
        all.sort_unstable();
        let mut words: Vec<&str> = ACTIONS.iter().map(|action| action.word).collect();
        words.sort_unstable();
        assert_eq!(all, words);
        for group in &GROUPS {
            assert!(!group.actions().is_empty(), "{}", group.word);
        }
    }

    #[test]
    fn a_group_has_what_people_look_for_in_it() {
        for (action, word) in [
            ("connection.trashed", "deletions"),
            ("integration.restored", "deletions"),
            ("trash.purged", "purges"),
            ("purge.paused", "purges"),
            ("connection.revoked", "secrets"),
            ("connection.secrets_read", "secrets"),
            ("connection.reentry_opened", "secrets"),
            ("api_key.revoked", "keys"),
            ("organization.restored_from_backup", "service"),
            ("connection.updated", "changes"),
            ("import.done", "changes"),
        ] {
            assert_eq!(Group::of_action(action).map(|group| group.word), Some(word));
        }
    }
}
