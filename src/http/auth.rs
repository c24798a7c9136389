//! Who may call: the extractor whose type names the scope.
//!
//! Without an [`Auth`] a handler gets no services, so a route without a scope does not compile. The caller is
//! known before anything else of the request is looked at: a wrong key is 401 whatever the body holds.

mod credentials;
mod testing;
mod transfer;

use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use std::future::{Ready, ready};

use super::answer::{Answer, respond, stored};
use super::input::Input;
pub(super) use credentials::{Credentials, call, request_id};
pub use transfer::{Download, Spooled};

use super::problem::ApiError;
use super::{State, answer, body};
use crate::domain::codes::Code;
use crate::domain::scopes::Scope;
use crate::domain::text::IdempotencyKey;
use crate::service::Services;
use crate::service::audit::Call;
use crate::service::caller::Caller;
use crate::service::error::{Error, Problem, Result};
use crate::service::keys::unauthenticated;
use crate::service::unit::{Once, Tx, Written};
use crate::store::Conn;

/// A scope as a type.
pub trait Needs: 'static {
    /// The scope; `None` asks for any valid key.
    const SCOPE: Option<Scope>;
    /// Scopes that are needed besides.
    const ALSO: &'static [Scope] = &[];
    /// What a dialect calls all of them.
    const WORDS: &'static str = "";
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $scope:expr;)+) => {$(
        $(#[$doc])*
        pub struct $name;

        impl Needs for $name {
            const SCOPE: Option<Scope> = $scope;
        }
    )+};
}

/// The scopes as types.
pub mod needs {
    use super::{Needs, Scope};

    needs! {
        /// Any valid key.
        AnyKey = None;
        /// `integrations:read`
        IntegrationsRead = Some(Scope::IntegrationsRead);
        /// `integrations:write`
        IntegrationsWrite = Some(Scope::IntegrationsWrite);
        /// `integrations:delete`
        IntegrationsDelete = Some(Scope::IntegrationsDelete);
        /// `connections:read`
        ConnectionsRead = Some(Scope::ConnectionsRead);
        /// `connections:write`
        ConnectionsWrite = Some(Scope::ConnectionsWrite);
        /// `connections:delete`
        ConnectionsDelete = Some(Scope::ConnectionsDelete);
        /// `connect_sessions:write`
        ConnectSessionsWrite = Some(Scope::ConnectSessionsWrite);
        /// `secrets:read`
        SecretsRead = Some(Scope::SecretsRead);
        /// `secrets:write`
        SecretsWrite = Some(Scope::SecretsWrite);
        /// `trash:read`
        TrashRead = Some(Scope::TrashRead);
        /// `trash:restore`
        TrashRestore = Some(Scope::TrashRestore);
        /// `trash:purge`
        TrashPurge = Some(Scope::TrashPurge);
        /// `trash:hold`
        TrashHold = Some(Scope::TrashHold);
        /// `retention:read`
        RetentionRead = Some(Scope::RetentionRead);
        /// `retention:write`
        RetentionWrite = Some(Scope::RetentionWrite);
        /// `alarms:read`
        AlarmsRead = Some(Scope::AlarmsRead);
        /// `alarms:write`
        AlarmsWrite = Some(Scope::AlarmsWrite);
        /// `audit:read`
        AuditRead = Some(Scope::AuditRead);
        /// `events:read`
        EventsRead = Some(Scope::EventsRead);
        /// `webhooks:read`
        WebhooksRead = Some(Scope::WebhooksRead);
        /// `webhooks:write`
        WebhooksWrite = Some(Scope::WebhooksWrite);
        /// `data:export`
        DataExport = Some(Scope::DataExport);
        /// `data:import`
        DataImport = Some(Scope::DataImport);
        /// `keys:admin`
        KeysAdmin = Some(Scope::KeysAdmin);
        /// `platform:admin`
        PlatformAdmin = Some(Scope::PlatformAdmin);
    }
}

/// A caller who holds the scope `N`, with what came in the request.
pub struct Auth<N> {
    state: Arc<State>,
    request: HttpRequest,
    payload: Payload,
    credentials: Option<Credentials>,
    caller: Option<Caller>,
    call: Call,
    /// Path, query and precondition.
    pub input: Input,
    body: Option<web::Bytes>,
    /// The digest of a body that is not in memory.
    body_digest: Option<[u8; 32]>,
    closing: bool,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequest for Auth<N> {
    type Error = actix_web::Error;
    type Future = Ready<std::result::Result<Self, actix_web::Error>>;

    /// Takes things over; the key is looked up with the first use, on a thread that may block.
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(state) = request.app_data::<web::Data<State>>() else {
            return ready(Err(actix_web::error::ErrorInternalServerError("no state")));
        };
        ready(Ok(Self {
            state: Arc::clone(state),
            credentials: Credentials::bearer(request),
            caller: None,
            call: call(request),
            input: Input::of(request),
            request: request.clone(),
            payload: payload.take(),
            body: None,
            body_digest: None,
            closing: false,
            needs: PhantomData,
        }))
    }
}

impl<N: Needs> Auth<N> {
    /// The answer closes the connection: what a secret passed through is then freed and not kept in a read
    /// buffer (measured: docs/security.md, "The process").
    #[must_use]
    pub fn closing(self) -> Self {
        self.closing_if(true)
    }

    /// The same if `secret` says that one passed through. Before the body has been read nobody knows: ask for
    /// [`Self::closing`] then, so that a refused body closes the connection too.
    #[must_use]
    pub fn closing_if(mut self, secret: bool) -> Self {
        self.closing = secret;
        self
    }

    /// How people reach the service from outside, as links begin.
    pub fn public_base(&self) -> String {
        self.state.public_base()
    }

    /// Reads a JSON body, once the caller is known.
    pub async fn json<T: DeserializeOwned>(
        &mut self,
        limit: usize,
    ) -> std::result::Result<T, ApiError> {
        self.json_or(limit, None).await
    }

    /// The same for a body that may be left out, which means `{}`.
    pub async fn json_or_empty<T: DeserializeOwned>(
        &mut self,
        limit: usize,
    ) -> std::result::Result<T, ApiError> {
        self.json_or(limit, Some("{}")).await
    }

    async fn json_or<T: DeserializeOwned>(
        &mut self,
        limit: usize,
        empty: Option<&str>,
    ) -> std::result::Result<T, ApiError> {
        let result = self.read_json(limit, empty).await;
        result.map_err(|error| self.error(error))
    }

    async fn read_json<T: DeserializeOwned>(
        &mut self,
        limit: usize,
        empty: Option<&str>,
    ) -> Result<T> {
        self.authenticate().await?;
        let payload = std::mem::replace(&mut self.payload, Payload::None);
        let no_body = !self.request.headers().contains_key("content-length")
            && !self.request.headers().contains_key("transfer-encoding")
            || self
                .request
                .headers()
                .get("content-length")
                .is_some_and(|length| length == "0");
        let bytes = match empty {
            Some(empty) if no_body => web::Bytes::copy_from_slice(empty.as_bytes()),
            Some(empty) => {
                body::read_if_any(&self.request, payload, limit, self.state.body_timeout)
                    .await?
                    .unwrap_or_else(|| web::Bytes::copy_from_slice(empty.as_bytes()))
            }
            None => body::read(&self.request, payload, limit, self.state.body_timeout).await?,
        };
        let value = body::parse(&bytes)?;
        self.body = Some(bytes);
        Ok(value)
    }

    async fn authenticate(&mut self) -> Result<()> {
        let Some(credentials) = self.credentials.take() else {
            return Err(unauthenticated());
        };
        let call = self.call.clone();
        let (credentials, caller) = Arc::clone(&self.state)
            .run(move |services| {
                let caller = credentials.caller(services, N::SCOPE, &call)?;
                Ok((credentials, caller))
            })
            .await?;
        self.credentials = Some(credentials);
        self.caller = Some(caller);
        Ok(())
    }

    /// Answers a read of one snapshot: its statements agree with each other whatever commits meanwhile. `query` names the query parameters it takes.
    pub async fn read<T, F>(
        self,
        query: &'static [&'static str],
        work: F,
    ) -> std::result::Result<HttpResponse, ApiError>
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&mut Conn, &Caller, &Input) -> Result<(T, Option<i64>)> + Send + 'static,
    {
        self.read_with(query, |_, conn, caller, input| work(conn, caller, input))
            .await
    }

    /// The same for a read that looks beside the database, too.
    pub async fn read_with<T, F>(
        self,
        query: &'static [&'static str],
        work: F,
    ) -> std::result::Result<HttpResponse, ApiError>
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&Services, &mut Conn, &Caller, &Input) -> Result<(T, Option<i64>)>
            + Send
            + 'static,
    {
        self.answer(
            false,
            query,
            move |services, caller, input| {
                services
                    .store
                    .read_snapshot(|conn| work(services, conn, caller, input))
            },
            |(value, version)| answer::render(&value, version),
        )
        .await
    }

    /// Answers a read that takes its snapshots itself, one for each part that must agree with itself.
    pub async fn read_beside<T, F>(
        self,
        query: &'static [&'static str],
        work: F,
    ) -> std::result::Result<HttpResponse, ApiError>
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&Services, &Caller, &Input) -> Result<T> + Send + 'static,
    {
        self.answer(false, query, work, |value| answer::render(&value, None))
            .await
    }

    /// Answers a change: one unit of work, one effect for one idempotency key.
    pub async fn write<T, F>(
        self,
        query: &'static [&'static str],
        work: F,
    ) -> std::result::Result<HttpResponse, ApiError>
    where
        T: Answer + Send + 'static,
        F: Fn(&mut Tx<'_>, &Input) -> Result<T> + Send + 'static,
    {
        // Read here, told once the caller is known.
        let once = self.once();
        self.answer(
            true,
            query,
            move |services, caller, input| {
                services.write(caller, once?.as_ref(), stored, |tx| work(tx, input))
            },
            |written| match written {
                Written::Fresh(_, answer) => respond(answer, false),
                Written::Replayed(answer) => respond(answer, true),
            },
        )
        .await
    }

    /// Answers many changes, each a unit of work of its own. It takes no writer's turn for itself: other writers come
    /// in between.
    pub async fn many<T, F>(
        self,
        query: &'static [&'static str],
        work: F,
    ) -> std::result::Result<HttpResponse, ApiError>
    where
        T: Answer + Send + 'static,
        F: FnOnce(&Services, &Caller, Option<&Once>) -> Result<(T, bool)> + Send + 'static,
    {
        let once = self.once();
        self.answer(
            false,
            query,
            move |services, caller, _| work(services, caller, once?.as_ref()),
            |(value, replayed)| respond(stored(&value), replayed),
        )
        .await
    }

    /// Answers a read that leaves a trace: a unit of work whose answer is never stored.
    pub async fn audited<T, F>(
        self,
        query: &'static [&'static str],
        work: F,
    ) -> std::result::Result<HttpResponse, ApiError>
    where
        T: Serialize + Send + 'static,
        F: Fn(&mut Tx<'_>, &Input) -> Result<T> + Send + 'static,
    {
        self.answer(
            true,
            query,
            move |services, caller, input| services.write_once(caller, |tx| work(tx, input)),
            |value| answer::render(&value, None),
        )
        .await
    }

    /// Works, and renders what came of it or the problem.
    async fn answer<T, F>(
        self,
        write: bool,
        query: &'static [&'static str],
        work: F,
        render: impl FnOnce(T) -> HttpResponse,
    ) -> std::result::Result<HttpResponse, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Services, &Caller, &Input) -> Result<T> + Send + 'static,
    {
        let request_id = request_id(&self.request);
        let closing = self.closing;
        match self.blocking(write, query, work).await {
            Ok(value) => Ok(close_if(closing, render(value))),
            Err(error) => Err(ApiError::new(error, &request_id).closing(closing)),
        }
    }

    /// Authenticates, if it has not been done for the body, parses the query and works; all on one blocking thread.
    async fn blocking<T, F>(
        mut self,
        write: bool,
        query: &'static [&'static str],
        work: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Services, &Caller, &Input) -> Result<T> + Send + 'static,
    {
        let Some(credentials) = self.credentials.take() else {
            return Err(unauthenticated());
        };
        let (known, mut input, call) = (self.caller.take(), self.input, self.call);
        let whole = move |services: &Services| {
            let caller = if let Some(caller) = known {
                caller
            } else {
                credentials.caller(services, N::SCOPE, &call)?
            };
            input.parse_query(query)?;
            let done = work(services, &caller, &input);
            if let Err(error) = &done {
                services.note_refusal(&caller, &call, error);
            }
            done
        };
        if write {
            self.state.run_write(whole).await
        } else {
            self.state.run(whole).await
        }
    }

    /// The idempotency key with the fingerprint of this request, keyed by the caller's own secret, which is
    /// stored nowhere: the service keeps no key for it, and works without the keyring.
    fn once(&self) -> Result<Option<Once>> {
        let Some(header) = self.request.headers().get("idempotency-key") else {
            return Ok(None);
        };
        let key = header
            .to_str()
            .ok()
            .and_then(|text| IdempotencyKey::parse(text).ok())
            .ok_or_else(|| {
                Problem::new(
                    Code::InvalidRequest,
                    "Idempotency-Key takes 1 to 255 visible ASCII characters.",
                )
            })?;
        let Some(credentials) = &self.credentials else {
            return Err(unauthenticated());
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(credentials.secret().as_bytes())
            .map_err(|error| Error::Internal(error.to_string()))?;
        let if_match = self
            .request
            .headers()
            .get("if-match")
            .map_or(&b""[..], |value| value.as_bytes());
        for part in [
            self.request.method().as_str().as_bytes(),
            self.request.uri().path().as_bytes(),
            self.request.query_string().as_bytes(),
            if_match,
            self.body.as_deref().unwrap_or_default(),
            self.body_digest
                .as_ref()
                .map_or(&[], |digest| digest.as_slice()),
        ] {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        let fingerprint = STANDARD.encode(mac.finalize().into_bytes());
        Ok(Some(Once { key, fingerprint }))
    }

    /// Writes down a refusal of work that was not done in one go on a thread that may block; before the caller is known
    /// that has been done already.
    async fn noted<T>(&self, result: Result<T>) -> Result<T> {
        if let (Err(Error::Problem(problem)), Some(caller)) = (&result, &self.caller) {
            let (caller, call) = (caller.clone(), self.call.clone());
            let error = Error::Problem(problem.clone());
            Arc::clone(&self.state)
                .run(move |services| {
                    services.note_refusal(&caller, &call, &error);
                    Ok(())
                })
                .await?;
        }
        result
    }

    fn error(&self, error: Error) -> ApiError {
        ApiError::new(error, &request_id(&self.request)).closing(self.closing)
    }
}

pub(super) fn close_if(closing: bool, mut response: HttpResponse) -> HttpResponse {
    if closing {
        response
            .head_mut()
            .set_connection_type(actix_web::http::ConnectionType::Close);
    }
    response
}
