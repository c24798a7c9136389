//! Trackstar, at the root, told by its headers. Its connection id is ours; which connection a call is about is told by
//! an access token, or by the id in the path.
//!
//! What must stay true: an access token counts for nothing beside an API key of another organization, and never stands
//! in for a key; whatever became of its connection, a token that works no more is answered as one that never did.

mod connections;
mod link;
mod refusal;
mod views;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;
use zeroize::Zeroizing;

use super::{Admitted, Dialect, Stop, Wire};
use crate::domain::codes::Code;
use crate::domain::ids::ConnectionId;
use crate::http::body;
use crate::http::input::Input;
use crate::service::access_tokens;
use crate::service::error::Error;
use crate::service::keys::ParsedKey;
use crate::service::unit::Tx;

pub use refusal::Refusal;

const API_KEY: &str = "x-trackstar-api-key";
const ACCESS_TOKEN: &str = "x-trackstar-access-token";

/// The dialect, where an API key is enough.
pub struct Trackstar;

/// The dialect, where an access token says which connection is meant.
pub struct OfConnection;

impl Wire for Trackstar {
    const DIALECT: Dialect = Dialect::Trackstar;

    type Refusal = Refusal;

    fn key(request: &HttpRequest) -> Result<ParsedKey, Refusal> {
        required(request, &[API_KEY])?;
        parsed_key(request)
    }
}

impl Wire for OfConnection {
    const DIALECT: Dialect = Dialect::Trackstar;

    type Refusal = Refusal;

    fn key(request: &HttpRequest) -> Result<ParsedKey, Refusal> {
        required(request, &[API_KEY, ACCESS_TOKEN])?;
        parsed_key(request)
    }
}

/// Names every header that is missing, before anybody asks what the others are worth.
fn required(request: &HttpRequest, headers: &[&str]) -> Result<(), Refusal> {
    let missing: Vec<&str> = headers
        .iter()
        .copied()
        .filter(|name| !request.headers().contains_key(*name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::missing_headers(&missing))
}

fn parsed_key(request: &HttpRequest) -> Result<ParsedKey, Refusal> {
    header(request, API_KEY)
        .and_then(|key| ParsedKey::parse(&key))
        .ok_or_else(Refusal::unauthenticated)
}

/// A header that is there once; of two nobody knows which one is meant.
fn header(request: &HttpRequest, name: &str) -> Option<Zeroizing<String>> {
    let mut values = request.headers().get_all(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    Some(Zeroizing::new(value.to_str().ok()?.trim().to_owned()))
}

impl Admitted<OfConnection> {
    /// Makes a change to the connection that the access token names.
    async fn change<T, F>(&self, work: F) -> Result<(ConnectionId, T), Refusal>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>, ConnectionId) -> Result<T, Error> + Send + 'static,
    {
        let token = header(self.request(), ACCESS_TOKEN).ok_or_else(Refusal::unknown_token)?;
        self.write(move |tx| {
            let id = access_tokens::connection(tx.conn, tx.caller, &token)?
                .ok_or_else(|| Stop::Wire(Refusal::unknown_token()))?;
            match work(tx, id) {
                Ok(value) => Ok((id, value)),
                // Deleted since the token was looked up, and the token with it.
                Err(Error::Problem(problem))
                    if matches!(problem.code, Code::NotFound | Code::InTrash) =>
                {
                    Err(Stop::Wire(Refusal::unknown_token()))
                }
                Err(error) => Err(error.into()),
            }
        })
        .await
    }
}

/// The query, of which only `known` may be there.
fn query<W>(admitted: &Admitted<W>, known: &[&str]) -> Result<Input, Refusal>
where
    W: Wire<Refusal = Refusal>,
{
    let mut input = Input::of(admitted.request());
    input
        .parse_query(known)
        .map_err(|error| admitted.refuse(&error))?;
    Ok(input)
}

/// The JSON body; none means an empty object. Its content type is not looked at.
async fn json<W, T>(admitted: &mut Admitted<W>) -> Result<T, Refusal>
where
    W: Wire<Refusal = Refusal>,
    T: DeserializeOwned,
{
    let bytes = admitted.body(body::JSON).await?;
    let bytes = if bytes.is_empty() { b"{}" } else { &*bytes };
    body::parse(bytes).map_err(|error| admitted.refuse(&error))
}

/// An answer, which nobody keeps: it may hold a token.
fn answer(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(body)
}

/// Its routes.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(connections::delete_connection)
        .service(connections::update_connection)
        .service(connections::get_connections)
        .service(connections::get_connection)
        .service(link::create_link_token)
        .service(link::exchange_auth_code);
}

/// What its description says beside the routes: nothing. As in the original, the headers are parameters of each.
pub(super) fn describe(_document: &mut OpenApi) {}
