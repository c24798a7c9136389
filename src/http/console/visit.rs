//! Who is there: the extractor whose type names the scope, as [`crate::http::auth::Auth`] is for the API.
//!
//! What must stay true: a handler gets no services before the sign-in and its key have been looked up and the scope is
//! there; nothing of a form is looked at before its token is right, and no other site's page can send one.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, REFERER};
use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _, web,
};
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Url, form_urlencoded};

use super::flash::Flash;
use super::frame::{self, Frame};
use super::trouble::Trouble;
use crate::domain::clock::Ts;
use crate::domain::json::JsonText;
use crate::domain::scopes::Scope;
use crate::http::auth::{Needs, call, request_id};
use crate::http::form::{self, Form};
use crate::http::input::Input;
use crate::http::middleware::{Closing, Named};
use crate::http::{State, body};
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::{Error, Result};
use crate::service::sign_ins::{self, SignIn, SignedIn};
use crate::service::unit::Tx;
use crate::store::Conn;

/// Characters of a parameter: more than any page token of ours has.
const MOST_OF_A_PARAMETER: usize = 2_000;

/// Names a scope with the one that its page is read with: what is refused is shown again on that page, and what was done is
/// told there.
macro_rules! needs_too {
    ($($name:ident = $scope:ident, $also:ident;)+) => {$(
        pub(super) struct $name;

        impl crate::http::auth::Needs for $name {
            const SCOPE: Option<crate::domain::scopes::Scope> = Some(crate::domain::scopes::Scope::$scope);
            const ALSO: &'static [crate::domain::scopes::Scope] = &[crate::domain::scopes::Scope::$also];
        }
    )+};
}
pub(super) use needs_too;

/// A request to the console that needs the scope `N`, before anybody has looked at it.
pub(super) struct Visit<N> {
    pub(super) state: Arc<State>,
    pub(super) request: HttpRequest,
    payload: Payload,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequest for Visit<N> {
    type Error = actix_web::Error;
    type Future = Ready<std::result::Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(state) = request.app_data::<web::Data<State>>() else {
            return ready(Err(actix_web::error::ErrorInternalServerError("no state")));
        };
        ready(Ok(Self {
            state: Arc::clone(state),
            request: request.clone(),
            payload: payload.take(),
            needs: PhantomData,
        }))
    }
}

impl<N: Needs> Visit<N> {
    /// Who is there, for a page that only shows something. It tells what the last change had to tell.
    pub(super) async fn person(self) -> std::result::Result<Person, Trouble> {
        self.known(Way::Page).await.map(|(person, _)| person)
    }

    /// Who is there, for what is no page and tells nothing: a way to one, or a file.
    pub(super) async fn passer_by(self) -> std::result::Result<Person, Trouble> {
        self.known(Way::Past).await.map(|(person, _)| person)
    }

    /// Who is there and what they sent. The connection is closed after it: a secret may be among it.
    pub(super) async fn sent(mut self) -> std::result::Result<(Person, Form), Trouble> {
        self.request.extensions_mut().insert(Closing);
        let payload = std::mem::replace(&mut self.payload, Payload::None);
        let (person, token) = self.known(Way::Form).await?;
        if !form::is_from_here(&person.request, &person.state.public_url) {
            return Err(person.trouble_of(Trouble::out_of_date()));
        }
        let timeout = person.state.body_timeout;
        let body = body::read_form(&person.request, payload, body::JSON, timeout)
            .await
            .map_err(|error| person.trouble(&error))?;
        let form = Form::parse(&body).filter(|form| form.is_of(&token));
        drop(body);
        match form {
            Some(form) => Ok((person, form)),
            None => Err(person.trouble_of(Trouble::out_of_date())),
        }
    }

    async fn known(self, way: Way) -> std::result::Result<(Person, String), Trouble> {
        let root = frame::root(&self.state);
        let away = |request: &HttpRequest| {
            let (back, ended) = match way {
                Way::Form => (page_of_form(request), true),
                Way::Page | Way::Past => (below(request.path(), request.query_string()), false),
            };
            Trouble::signed_out(&root, back.as_deref().unwrap_or_default(), ended)
        };
        let shown = way == Way::Page;
        let Some(sign_in) = form::cookie(&self.request, frame::cookie_of(&self.state).name)
            .and_then(|text| SignIn::parse(&text))
        else {
            return Err(away(&self.request));
        };
        let (address, id) = (
            self.request
                .peer_addr()
                .map(|address| address.ip().to_string()),
            request_id(&self.request),
        );
        let what = call(&self.request);
        let state = Arc::clone(&self.state);
        let looked = Arc::clone(&self.state)
            .run(move |services| {
                let token = sign_in.form_token();
                let (mut who, allowed, mut frame) = services.store.read_snapshot(|conn| {
                    let who = sign_in.who(conn)?;
                    let allowed = N::SCOPE
                        .into_iter()
                        .chain(N::ALSO.iter().copied())
                        .try_for_each(|scope| who.caller.require(scope));
                    let frame = Frame::load(conn, &state, &who, token.clone())?;
                    Ok::<_, Error>((who, allowed, frame))
                })?;
                who.caller = Caller {
                    address,
                    request_id: Some(id),
                    uses: Some(Arc::clone(&services.uses)),
                    ..who.caller
                };
                if shown {
                    frame.flash = told(&who);
                }
                services.last_use.note(&who.caller, Ts::now());
                if let Err(error) = &allowed {
                    services.note_refusal(&who.caller, &what, error);
                }
                Ok((who, allowed, frame, token))
            })
            .await;
        let (who, allowed, frame, token) = match looked {
            Ok(known) => known,
            Err(error) if Trouble::is_signed_out(&error) => return Err(away(&self.request)),
            Err(error) => return Err(Trouble::of(&error, &self.request)),
        };
        if who.is_news(shown) {
            let (org, id) = (who.caller.org, who.id);
            let written = Arc::clone(&self.state)
                .run_write(move |services| Ok(sign_ins::seen(services, org, id, shown)?))
                .await;
            if let Err(error) = written {
                // It is tried again with the next page; until then it tells the same once more.
                tracing::debug!(%error, "a visit could not be written down");
            }
        }
        if let Some(key) = who.caller.key_id {
            let org = who.caller.org;
            self.request.extensions_mut().insert(Named { org, key });
        }
        let person = Person {
            state: self.state,
            input: Input::of(&self.request),
            request: self.request,
            who,
            frame,
        };
        match allowed {
            Ok(()) => Ok((person, token)),
            Err(error) => Err(person.trouble(&error)),
        }
    }
}

fn told(who: &SignedIn) -> Option<Flash> {
    serde_json::from_str(who.flash.as_ref()?.as_str()).ok()
}

/// What somebody came for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A page.
    Page,
    /// Something else that is only looked at.
    Past,
    /// With a form.
    Form,
}

/// A page below the console, to come back to after signing in.
fn below(path: &str, query: &str) -> Option<String> {
    let path = path.strip_prefix("/console")?;
    Some(match query {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    })
}

/// The page that a form was on.
fn page_of_form(request: &HttpRequest) -> Option<String> {
    let page = request.headers().get(REFERER)?.to_str().ok()?;
    let page = Url::parse(page).ok()?;
    let (_, path) = page.path().split_once("/console")?;
    below(&format!("/console{path}"), page.query().unwrap_or_default())
}

/// Somebody who is signed in and may do what they ask for.
pub(super) struct Person {
    pub(super) state: Arc<State>,
    pub(super) request: HttpRequest,
    /// Path and query.
    pub(super) input: Input,
    /// What is around the content of every page.
    pub(super) frame: Frame,
    who: SignedIn,
}

impl Person {
    /// Who calls.
    pub(super) fn caller(&self) -> &Caller {
        &self.who.caller
    }

    /// Whether they may do this, too.
    pub(super) fn may(&self, scope: Scope) -> bool {
        self.who.caller.may(scope)
    }

    /// A parameter of the address; `None` where nothing but blanks was entered. Of the others nothing is said: a browser sends
    /// every field of a search. What no field can hold, such as a NUL, which PostgreSQL refuses, is left out.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.request.query_string().as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| {
                let kept = value.chars().filter(|c| !c.is_control());
                kept.take(MOST_OF_A_PARAMETER).collect::<String>()
            })
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// Whether they could undo a deletion of theirs.
    pub(super) fn may_undo(&self) -> bool {
        self.may(Scope::TrashRestore) && self.may(Scope::TrashRead)
    }

    /// Reads one snapshot.
    pub(super) async fn read<T, F>(&self, work: F) -> std::result::Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Caller) -> Result<T> + Send + 'static,
    {
        self.look(|services, caller| services.store.read_snapshot(|conn| work(conn, caller)))
            .await
    }

    /// The same for a page of a list: the token of another list, or a mistyped one, begins it anew.
    pub(super) async fn read_list<T, F>(&self, work: F) -> std::result::Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Caller) -> Result<T> + Send + 'static,
    {
        let read = self.read(work).await;
        read.map_err(|trouble| match self.query("page") {
            Some(_) if trouble.status_code() == StatusCode::UNPROCESSABLE_ENTITY => {
                Trouble::to(self.begin())
            }
            _ => trouble,
        })
    }

    /// The address of the first page of the list that is looked at.
    fn begin(&self) -> String {
        let path = below(self.request.path(), "").unwrap_or_default();
        let asked = form_urlencoded::parse(self.request.query_string().as_bytes());
        let kept = asked.filter(|(name, _)| name != "page");
        let kept = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .finish();
        format!("{}{path}?{kept}", self.frame.root)
    }

    /// Reads, or makes many changes, each a unit of work of its own.
    pub(super) async fn look<T, F>(&self, work: F) -> std::result::Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&Services, &Caller) -> Result<T> + Send + 'static,
    {
        let done = self.done(false, work).await;
        done.map_err(|error| self.trouble(&error))
    }

    /// Makes a change: one unit of work. Its error is the handler's to show at its place, or to give to
    /// [`Person::trouble`].
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.done(true, move |services, caller| {
            services.write_once(caller, |tx| work(tx))
        })
        .await
    }

    async fn done<T, F>(&self, write: bool, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Services, &Caller) -> Result<T> + Send + 'static,
    {
        let (caller, what) = (self.who.caller.clone(), call(&self.request));
        let whole = move |services: &Services| {
            let done = work(services, &caller);
            if let Err(error) = &done {
                services.note_refusal(&caller, &what, error);
            }
            done
        };
        let state = Arc::clone(&self.state);
        if write {
            state.run_write(whole).await
        } else {
            state.run(whole).await
        }
    }

    /// A page.
    #[expect(
        clippy::unused_self,
        reason = "a page is for somebody who is signed in"
    )]
    pub(super) fn page(&self, page: &impl Template) -> HttpResponse {
        frame::page(StatusCode::OK, page)
    }

    /// The page of a form that was not taken: what is wrong is on it.
    #[expect(
        clippy::unused_self,
        reason = "a page is for somebody who is signed in"
    )]
    pub(super) fn refused(&self, page: &impl Template) -> HttpResponse {
        frame::page(StatusCode::UNPROCESSABLE_ENTITY, page)
    }

    /// To another page; `path` is below the console.
    pub(super) fn to(&self, path: &str) -> HttpResponse {
        HttpResponse::SeeOther()
            .insert_header((LOCATION, format!("{}{path}", self.frame.root)))
            .finish()
    }

    /// To another page, which tells what was done.
    pub(super) async fn see(&self, path: &str, flash: &Flash) -> HttpResponse {
        let kept = serde_json::to_string(flash).map(JsonText::from_trusted);
        if let Ok(kept) = kept {
            let (caller, id) = (self.who.caller.clone(), self.who.id);
            let told = Arc::clone(&self.state)
                .run_write(move |services| sign_ins::tell(services, &caller, id, &kept))
                .await;
            if let Err(error) = told {
                // It is done all the same, and the page shows it.
                tracing::warn!(%error, "what a page has to tell could not be kept");
            }
        }
        self.to(path)
    }

    /// Signs them out.
    pub(super) async fn leave(&self) -> Result<()> {
        let id = self.who.id;
        self.done(true, move |services, caller| {
            sign_ins::end(services, caller, id)
        })
        .await
    }

    /// The page that explains an error.
    pub(super) fn trouble(&self, error: &Error) -> Trouble {
        self.trouble_of(Trouble::of(error, &self.request))
    }

    /// The same for what is explained already: with the frame around it.
    pub(super) fn trouble_of(&self, trouble: Trouble) -> Trouble {
        trouble.within(self.frame.clone())
    }
}

/// A part of an address.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
