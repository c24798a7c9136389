//! The calls as a client of a server's API.
//!
//! What must stay true: the key goes to the server that was named and nowhere else (no redirect is followed, no proxy
//! of the environment used); a write that is sent again carries the same `Idempotency-Key`, so it is done once.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{HeaderValue, Method, Request, Response};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::backend::{Answer, Backend, ConnectionQuery, PageAsk};
use super::{Failure, Refusal, pages};
use crate::cli::output::plain;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, EntryId};
use crate::domain::kinds::{EntryState, RootKind};
use crate::service::caller::Actor;
use crate::service::delete::DeleteRequest;
use crate::service::keys::ParsedKey;
use crate::service::restore::RestoreRequest;
use crate::service::secrets::PutSecrets;
use crate::store::filters::EntryFilter;

mod body;
mod keeping;
mod record;
mod setup;
mod trouble;
mod webhooks;

use trouble::Trouble;

/// How long a call is sent again while the server is away or busy.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// A server.
pub(super) struct Remote {
    agent: Agent,
    base: String,
    authorization: HeaderValue,
    actor: Option<String>,
}

/// One call, which may be sent several times.
struct Call<'a> {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<&'a [u8]>,
    if_match: Option<i64>,
}

impl Call<'_> {
    fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            body: None,
            if_match: None,
        }
    }
}

impl Remote {
    pub(super) fn new(
        url: &str,
        key: Zeroizing<String>,
        ca_file: Option<&Path>,
        actor: Option<Actor>,
    ) -> Result<Self, Failure> {
        let base = setup::base(url)?;
        let key = key.trim();
        if ParsedKey::parse(key).is_none() {
            return Err(
                anyhow!("what was given as the API key is none; one begins with rpv_").into(),
            );
        }
        let bearer = Zeroizing::new(format!("Bearer {key}"));
        let mut authorization =
            HeaderValue::from_str(&bearer).context("the API key can't be sent")?;
        authorization.set_sensitive(true);
        Ok(Self {
            agent: setup::agent(ca_file)?,
            base,
            authorization,
            actor: actor.map(|actor| setup::header(&actor)),
        })
    }

    /// Refuses to work in another organization than the one that was named: the key decides which it is.
    pub(super) fn require_organization(&self, wanted: &str) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Whoami {
            organization: Named,
        }
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let whoami: Whoami = pages::read(&self.call(&Call::get("/v1/whoami"))?)?;
        let found = whoami.organization.name;
        if found == wanted {
            return Ok(());
        }
        Err(anyhow!(
            "the API key is one of the organization {}, not of {}",
            plain(&found),
            plain(wanted)
        )
        .into())
    }

    fn post(&self, path: String, body: &Value) -> Answer {
        self.send_json(Method::POST, path, body)
    }

    fn send_json(&self, method: Method, path: String, body: &Value) -> Answer {
        let body = body.to_string();
        self.call(&Call {
            method,
            body: Some(body.as_bytes()),
            ..Call::get(path)
        })
    }

    fn delete_row(&self, path: String) -> Answer {
        self.call(&Call {
            method: Method::DELETE,
            ..Call::get(path)
        })
    }

    /// Sends a call until it is answered or patience ends.
    fn call(&self, call: &Call<'_>) -> Answer {
        // The same one for every attempt: a lost answer must not do things twice.
        let once = Uuid::new_v4().to_string();
        let (mut since, mut pause) = (None, PAUSE);
        loop {
            let trouble = match self.send(call, &once) {
                Ok(mut response) if response.status().is_success() => match text(&mut response) {
                    Ok(text) => return Ok(text),
                    Err(error) => Trouble::Lost(error),
                },
                Ok(mut response) => match self.refusal(&mut response) {
                    Ok(refusal)
                        if refusal.is(Code::Busy) || refusal.is(Code::RequestInProgress) =>
                    {
                        Trouble::Busy(refusal)
                    }
                    Ok(refusal) => return Err(Failure::Refused(Box::new(refusal))),
                    Err(trouble) => trouble,
                },
                Err(error) => Trouble::from(error),
            };
            let started = *since.get_or_insert_with(Instant::now);
            let first = pause == PAUSE;
            if !trouble.may_pass(first) || started.elapsed() + pause > PATIENCE {
                return Err(trouble.failure(&self.base, call.method != Method::GET));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    fn send(&self, call: &Call<'_>, once: &str) -> Result<Response<ureq::Body>, ureq::Error> {
        let mut uri = format!("{}{}", self.base, call.path);
        if !call.query.is_empty() {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&call.query);
            uri = format!("{uri}?{}", query.finish());
        }
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(uri)
            .header("authorization", self.authorization.clone());
        if call.method != Method::GET {
            request = request.header("idempotency-key", once);
        }
        if let Some(actor) = &self.actor {
            request = request.header("reprieve-actor", actor);
        }
        if let Some(version) = call.if_match {
            request = request.header("if-match", format!("\"{version}\""));
        }
        match call.body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body)?)
            }
            None => self.agent.run(request.body(())?),
        }
    }

    /// The problem document of an answer that is no success; anything else did not come from Reprieve.
    fn refusal(&self, response: &mut Response<ureq::Body>) -> Result<Refusal, Trouble> {
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get("location");
            let to = to
                .and_then(|to| to.to_str().ok())
                .map(plain)
                .unwrap_or_default();
            return Err(Trouble::Other(anyhow!(
                "{} redirects to {to}: if that is the server, give its address as --url",
                self.base
            )));
        }
        let text = text(response).map_err(Trouble::Lost)?;
        match serde_json::from_str(&text) {
            Ok(refusal) => Ok(refusal),
            Err(_) if matches!(status.as_u16(), 502..=504) => Err(Trouble::Away(status.as_u16())),
            Err(_) => Err(Trouble::Other(anyhow!(
                "{} answers {status} in another way than Reprieve does: is that its address?",
                self.base
            ))),
        }
    }
}

impl Backend for Remote {
    fn entries(&self, filter: &EntryFilter, by_purge_date: bool, page: PageAsk) -> Answer {
        let mut query = page_query(page);
        let state = filter.state.map_or("any", EntryState::as_str);
        query.push(("state", state.to_owned()));
        let sort = if by_purge_date {
            "purge_at"
        } else {
            "deleted_at"
        };
        query.push(("sort", sort.to_owned()));
        query.extend(given([
            ("kind", filter.kind.map(|kind| kind.to_string())),
            ("q", filter.q.clone()),
            ("deleted_by", filter.deleted_by.clone()),
            (
                "deleted_after",
                filter.deleted_after.map(|at| at.to_string()),
            ),
            (
                "deleted_before",
                filter.deleted_before.map(|at| at.to_string()),
            ),
            ("purge_before", filter.purge_before.map(|at| at.to_string())),
            ("held", filter.held.map(|held| held.to_string())),
            ("restorable", filter.restorable.map(|can| can.to_string())),
        ]));
        self.call(&Call {
            query,
            ..Call::get("/v1/trash")
        })
    }

    fn entry(&self, id: EntryId) -> Answer {
        self.call(&Call::get(format!("/v1/trash/{id}")))
    }

    fn items(&self, id: EntryId, kind: RootKind, page: PageAsk) -> Answer {
        let mut query = page_query(page);
        query.push(("kind", kind.to_string()));
        self.call(&Call {
            query,
            ..Call::get(format!("/v1/trash/{id}/items"))
        })
    }

    fn restore(&self, id: EntryId, request: &RestoreRequest) -> Answer {
        let target = request.target.as_ref().map(
            |target| json!({ "connection_id": target.connection_id, "model_id": target.model_id, "integration": target.integration }),
        );
        let body = json!({
            "name": request.name,
            "external_id": request.external_id,
            "target": target,
            "with_ancestors": request.with_ancestors,
            "validate_only": request.validate_only,
            "plan_token": request.plan_token,
        });
        self.post(format!("/v1/trash/{id}/restore"), &body)
    }

    fn purge(&self, id: EntryId, confirm: &str) -> Answer {
        let body = json!({ "confirm": confirm });
        self.post(format!("/v1/trash/{id}/purge"), &body)
    }

    fn connections(&self, asked: &ConnectionQuery, page: PageAsk) -> Answer {
        let mut query = page_query(page);
        query.extend(given([
            ("name", asked.name.clone()),
            ("connector", asked.connector.clone()),
            ("integration", asked.integration.clone()),
            ("external_id", asked.external_id.clone()),
            ("status", asked.status.clone()),
            ("tag", asked.tag.clone()),
        ]));
        self.call(&Call {
            query,
            ..Call::get("/v1/connections")
        })
    }

    fn connection(&self, id: ConnectionId) -> Answer {
        self.call(&Call::get(format!("/v1/connections/{id}")))
    }

    fn impact(&self, id: ConnectionId) -> Answer {
        self.call(&Call::get(format!("/v1/connections/{id}/impact")))
    }

    fn delete(&self, id: ConnectionId, request: &DeleteRequest) -> Answer {
        let query = given([
            ("reason", request.reason.clone()),
            ("plan_token", request.plan_token.clone()),
        ]);
        self.call(&Call {
            method: Method::DELETE,
            query: query.collect(),
            if_match: request.if_match,
            ..Call::get(format!("/v1/connections/{id}"))
        })
    }

    fn put_secrets(&self, id: ConnectionId, version: i64, secrets: &PutSecrets) -> Answer {
        let body = body::of(secrets)?;
        self.call(&Call {
            method: Method::PUT,
            body: Some(&body),
            if_match: Some(version),
            ..Call::get(format!("/v1/connections/{id}/secrets"))
        })
    }
}

fn page_query(page: PageAsk) -> Vec<(&'static str, String)> {
    let mut query = vec![("page_size", page.size.to_string())];
    query.extend(page.token.map(|token| ("page_token", token)));
    query
}

fn given<const N: usize>(
    pairs: [(&'static str, Option<String>); N],
) -> impl Iterator<Item = (&'static str, String)> {
    pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
}

fn text(response: &mut Response<ureq::Body>) -> Result<String, ureq::Error> {
    response
        .body_mut()
        .with_config()
        .limit(LONGEST_ANSWER)
        .read_to_string()
}
