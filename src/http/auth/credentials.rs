//! What a request brings to prove who calls, and what is written down of it when it is refused.

use std::sync::Arc;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpMessage as _, HttpRequest};

use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{EntryId, RootId};
use crate::domain::scopes::Scope;
use crate::domain::text::{Name, parse_actor_header};
use crate::http::middleware::{Named, RequestId};
use crate::service::Services;
use crate::service::audit::Call;
use crate::service::caller::{Actor, Caller};
use crate::service::error::{Problem, Result};
use crate::service::keys::ParsedKey;

/// An API key as it was sent, with what else is known of whoever sent it.
pub(in crate::http) struct Credentials {
    key: ParsedKey,
    actor: Option<String>,
    address: Option<String>,
    request_id: String,
}

impl Credentials {
    /// Those of `Authorization: Bearer`, if they have the form of a key.
    pub(in crate::http) fn bearer(request: &HttpRequest) -> Option<Self> {
        let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, key) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        Some(Self::of(request, ParsedKey::parse(key.trim())?))
    }

    /// Those of a request that brought this key in whatever way.
    pub(in crate::http) fn of(request: &HttpRequest, key: ParsedKey) -> Self {
        let actor = request.headers().get("reprieve-actor");
        let (org, id) = key.names();
        request.extensions_mut().insert(Named { org, key: id });
        Self {
            key,
            actor: actor.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            address: request.peer_addr().map(|address| address.ip().to_string()),
            request_id: request_id(request),
        }
    }

    /// The secret part of the key, which keys fingerprints and is stored nowhere.
    pub(super) fn secret(&self) -> &str {
        self.key.secret()
    }

    /// Who calls. Refusing whoever may not is written down.
    pub(in crate::http) fn caller(
        &self,
        services: &Services,
        scope: Option<Scope>,
        call: &Call,
    ) -> Result<Caller> {
        let known = self.known(services)?;
        self.admitted(services, known, scope, call)
    }

    /// Whose key it is, whatever it may do.
    pub(in crate::http) fn known(&self, services: &Services) -> Result<Caller> {
        let known = services
            .store
            .read(|conn| self.key.authenticate(conn, Ts::now()))?;
        Ok(Caller {
            address: self.address.clone(),
            request_id: Some(self.request_id.clone()),
            uses: Some(Arc::clone(&services.uses)),
            ..known
        })
    }

    /// The same caller, who may do all of this and is the person that the request names.
    pub(in crate::http) fn admitted(
        &self,
        services: &Services,
        known: Caller,
        scopes: impl IntoIterator<Item = Scope>,
        call: &Call,
    ) -> Result<Caller> {
        let admitted = self.admit(known.clone(), scopes);
        match &admitted {
            Ok(caller) => services.last_use.note(caller, Ts::now()),
            Err(error) => services.note_refusal(&known, call, error),
        }
        admitted
    }

    fn admit(&self, mut caller: Caller, scopes: impl IntoIterator<Item = Scope>) -> Result<Caller> {
        for scope in scopes {
            caller.require(scope)?;
        }
        if let Some(header) = &self.actor {
            caller.require(Scope::ActorAssert)?;
            let actor = parse_actor_header(header).map_err(|problem| {
                Problem::new(
                    Code::InvalidRequest,
                    format!("The header Reprieve-Actor is not valid: {}", problem.detail),
                )
            })?;
            caller.actor = Actor {
                id: actor.id.into_string(),
                name: actor.name.map(Name::into_string),
            };
        }
        Ok(caller)
    }
}

/// The id that the request got when it came in.
pub(in crate::http) fn request_id(request: &HttpRequest) -> String {
    request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.clone())
        .unwrap_or_default()
}

/// What is asked for, as the record of a refusal has it: of path and query only ids.
pub(in crate::http) fn call(request: &HttpRequest) -> Call {
    let pattern = request.match_pattern().unwrap_or_default();
    let kind = pattern
        .split('/')
        .find(|part| !matches!(*part, "" | "api" | "v1"))
        .unwrap_or_default();
    let id = request.match_info().get("id").unwrap_or_default();
    let is_entry = matches!(kind, "trash" | "receipts");
    Call {
        name: format!("{} {pattern}", request.method()),
        kind: kind.to_owned(),
        subject: RootId::parse(id).filter(|_| !is_entry),
        entry: EntryId::parse(id).filter(|_| is_entry),
        change: !request.method().is_safe(),
    }
}
