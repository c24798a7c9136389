//! Who calls in a dialect: the extractor whose type names the dialect and the scope, as [`crate::http::auth::Auth`] is
//! for the native API.
//!
//! What must stay true: a handler gets no services before the caller is known and admitted; what a caller was refused
//! is written down as it is for the native API; a change is one unit of work.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, ResponseError};
use uuid::Uuid;

use super::limit::Limited;
use super::{Dialect, Settings};
use crate::domain::scopes::Scope;
use crate::http::auth::{Credentials, Needs, call, request_id};
use crate::http::middleware::Closing;
use crate::http::problem::log;
use crate::http::{State, body};
use crate::service::Services;
use crate::service::audit::Call;
use crate::service::caller::Caller;
use crate::service::error::{Error, Problem, Result};
use crate::service::keys::ParsedKey;
use crate::service::unit::Tx;
use crate::store::{Conn, StoreError};

/// How a dialect asks who calls, and how it refuses.
pub trait Wire: Sized + 'static {
    /// Which it is.
    const DIALECT: Dialect;

    /// A refusal in its form.
    type Refusal: Refusal;

    /// The API key of a request, with whatever the original looks at before it looks at the key.
    fn key(request: &HttpRequest) -> std::result::Result<ParsedKey, Self::Refusal>;

    /// Whose requests are counted together.
    fn bucket(caller: &Caller) -> Uuid {
        caller.key_id.map_or(caller.org.0, |key| key.0)
    }
}

/// A refusal in the form of a dialect.
pub trait Refusal: ResponseError + Send + Sized + 'static {
    /// What a service refused, or what broke: of that the answer tells nothing. `scope` are the dialect's own words for
    /// what the call needs.
    fn of(error: &Error, scope: &'static str, settings: &Settings) -> Self;

    /// Too many requests.
    fn limited(limited: Limited, request: &HttpRequest) -> Self;
}

/// Why work was not done: by the service, or because the dialect has no such thing.
pub enum Stop<R> {
    /// The service's words.
    Service(Error),
    /// The dialect's own.
    Wire(R),
}

impl<R> From<Error> for Stop<R> {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}

impl<R> From<StoreError> for Stop<R> {
    fn from(error: StoreError) -> Self {
        Self::Service(error.into())
    }
}

impl<R> From<Problem> for Stop<R> {
    fn from(problem: Problem) -> Self {
        Self::Service(problem.into())
    }
}

/// A request in the dialect `W` that needs the scope `N`, before anybody has looked at it.
pub struct Guest<W, N> {
    state: Arc<State>,
    request: HttpRequest,
    payload: Payload,
    is: PhantomData<(W, N)>,
}

impl<W: Wire, N: Needs> FromRequest for Guest<W, N> {
    type Error = actix_web::Error;
    type Future = Ready<std::result::Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(state) = request.app_data::<Data<State>>() else {
            return ready(Err(actix_web::error::ErrorInternalServerError("no state")));
        };
        ready(Ok(Self {
            state: Arc::clone(state),
            request: request.clone(),
            payload: payload.take(),
            is: PhantomData,
        }))
    }
}

impl<W: Wire, N: Needs> Guest<W, N> {
    /// The answer closes the connection: a secret passes through it (docs/security.md, "The process").
    #[must_use]
    pub fn closing(self) -> Self {
        self.request.extensions_mut().insert(Closing);
        self
    }

    /// Finds out who calls, and refuses whoever may not: key, then the number of requests, then the scope.
    pub async fn admit(self) -> std::result::Result<Admitted<W>, W::Refusal> {
        let key = W::key(&self.request)?;
        let state = Arc::clone(&self.state);
        let credentials = Credentials::of(&self.request, key);
        let what = call(&self.request);
        let scopes = N::SCOPE.into_iter().chain(N::ALSO.iter().copied());
        let admitted = Arc::clone(&self.state)
            .run(move |services| {
                let known = credentials.known(services)?;
                let turn = state
                    .limits
                    .take(W::DIALECT, W::bucket(&known), Instant::now());
                if let Err(limited) = turn {
                    return Ok(Err(limited));
                }
                let caller = credentials.admitted(services, known, scopes, &what)?;
                Ok(Ok(caller))
            })
            .await;
        match admitted.map_err(|error| self.refuse(&error))? {
            Ok(caller) => Ok(self.by(caller)),
            Err(limited) => Err(W::Refusal::limited(limited, &self.request)),
        }
    }

    /// The same for a caller who has proved it in another way than by an API key.
    pub fn by(self, caller: Caller) -> Admitted<W> {
        Admitted {
            scope: N::WORDS,
            call: call(&self.request),
            state: self.state,
            caller,
            request: self.request,
            payload: self.payload,
            is: PhantomData,
        }
    }

    /// The request.
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// What the handlers of all dialects share.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// The service's refusal in the dialect's words.
    pub fn refuse(&self, error: &Error) -> W::Refusal {
        refuse::<W>(&self.state, &self.request, error, N::WORDS)
    }
}

/// A request whose caller is known and may do what it asks for.
pub struct Admitted<W> {
    state: Arc<State>,
    request: HttpRequest,
    payload: Payload,
    caller: Caller,
    call: Call,
    scope: &'static str,
    is: PhantomData<W>,
}

impl<W: Wire> Admitted<W> {
    /// The request.
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// How people reach the service from outside, as links begin.
    pub fn public_base(&self) -> String {
        self.state.public_base()
    }

    /// What the dialects go by.
    pub fn settings(&self) -> &Settings {
        &self.state.dialects
    }

    /// The answer closes the connection, as [`Guest::closing`] says.
    pub fn closing(&self) {
        self.request.extensions_mut().insert(Closing);
    }

    /// Whether the caller may do this, too.
    pub fn may(&self, scope: Scope) -> bool {
        self.caller.may(scope)
    }

    /// The body, of at most `limit` bytes, whatever it holds; empty if there is none.
    pub async fn body(&mut self, limit: usize) -> std::result::Result<Bytes, W::Refusal> {
        let payload = std::mem::replace(&mut self.payload, Payload::None);
        let timeout = self.state.body_timeout;
        body::receive(&self.request, payload, limit, timeout)
            .await
            .map_err(|error| self.refuse(&error))
    }

    /// Reads one snapshot.
    pub async fn read<T, F>(&self, work: F) -> std::result::Result<T, W::Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Caller) -> std::result::Result<T, Stop<W::Refusal>> + Send + 'static,
    {
        let caller = self.caller.clone();
        self.done(false, move |services| {
            services.store.read_snapshot(|conn| work(conn, &caller))
        })
        .await
    }

    /// Makes a change: one unit of work, which may be tried again.
    pub async fn write<T, F>(&self, work: F) -> std::result::Result<T, W::Refusal>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> std::result::Result<T, Stop<W::Refusal>> + Send + 'static,
    {
        let caller = self.caller.clone();
        self.done(true, move |services| {
            let mut refused = None;
            let written = services.write_once(&caller, |tx| {
                work(tx).map_err(|stop| match stop {
                    Stop::Service(error) => error,
                    Stop::Wire(refusal) => {
                        refused = Some(refusal);
                        Error::Internal("the dialect refused; nobody is told this".to_owned())
                    }
                })
            });
            written.map_err(|error| refused.map_or(Stop::Service(error), Stop::Wire))
        })
        .await
    }

    async fn done<T, F>(&self, write: bool, work: F) -> std::result::Result<T, W::Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&Services) -> std::result::Result<T, Stop<W::Refusal>> + Send + 'static,
    {
        let (caller, call) = (self.caller.clone(), self.call.clone());
        let whole = move |services: &Services| -> Result<std::result::Result<T, W::Refusal>> {
            match work(services) {
                Ok(value) => Ok(Ok(value)),
                Err(Stop::Wire(refusal)) => Ok(Err(refusal)),
                Err(Stop::Service(error)) => {
                    services.note_refusal(&caller, &call, &error);
                    Err(error)
                }
            }
        };
        let state = Arc::clone(&self.state);
        let done = if write {
            state.run_write(whole).await
        } else {
            state.run(whole).await
        };
        done.unwrap_or_else(|error| Err(self.refuse(&error)))
    }

    /// The service's refusal in the dialect's words.
    pub fn refuse(&self, error: &Error) -> W::Refusal {
        refuse::<W>(&self.state, &self.request, error, self.scope)
    }
}

fn refuse<W: Wire>(
    state: &State,
    request: &HttpRequest,
    error: &Error,
    scope: &'static str,
) -> W::Refusal {
    log(error, &request_id(request));
    W::Refusal::of(error, scope, &state.dialects)
}
