//! The API description (OpenAPI 3.1), made from the routes.
//!
//! Each handler names its scopes and its own problem codes; what every operation shares is added here, and each
//! code is listed under its status with the words of the catalogue.

use std::collections::BTreeMap;

use actix_web::web::Bytes;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApi, Ref, RefOr, ResponseBuilder, schema::Components,
};
use utoipa_actix_web::AppExt as _;

use super::api;
use crate::domain::codes::Code;
use crate::domain::scopes::Scope;

/// The description as it is served.
pub struct Document {
    /// JSON text.
    pub json: Bytes,
    /// The same, to look things up in.
    pub openapi: OpenApi,
}

/// A problem document (RFC 9457). More members may follow, as the code's description says.
#[derive(utoipa::ToSchema)]
#[expect(
    dead_code,
    reason = "a schema only: problems are written from the catalogue"
)]
struct ProblemDocument {
    /// `urn:reprieve:problem:` and the code.
    r#type: String,
    /// What is wrong, for every occurrence of the code.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    code: String,
    /// This occurrence.
    detail: String,
    /// What to do next.
    next: String,
    /// The id of the request in the log.
    request_id: String,
    /// What is wrong with single fields.
    errors: Option<Vec<FieldProblem>>,
}

/// What is wrong with one field.
#[derive(utoipa::ToSchema)]
#[expect(
    dead_code,
    reason = "a schema only: problems are written from the catalogue"
)]
struct FieldProblem {
    /// RFC 6901 pointer into the body, or the name of a query parameter.
    pointer: String,
    /// Stable code.
    code: String,
    /// A sentence.
    detail: String,
}

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(ProblemDocument, FieldProblem)))]
struct Base;

/// Makes the description.
pub fn document() -> Document {
    let (_, mut openapi) = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Base::openapi())
        .configure(api::routes)
        .split_for_parts();
    openapi.info = InfoBuilder::new()
        .title("Reprieve")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A trash service for connections: delete safely, restore exactly, shred secrets at once. \
             Every write takes an Idempotency-Key header and has one effect for one key within 24 hours.",
        ))
        .license(Some(utoipa::openapi::License::new("MIT OR Apache-2.0")))
        .build();
    let components = openapi.components.get_or_insert_with(Components::new);
    components.add_security_scheme(
        "api_key",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    for (path, item) in &mut openapi.paths.paths {
        let write = [
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in write.into_iter().flatten() {
            complete(operation, path, true);
        }
        if let Some(operation) = &mut item.get {
            complete(operation, path, false);
        }
    }
    let json = openapi.to_pretty_json().unwrap_or_default();
    Document {
        json: Bytes::from(json),
        openapi,
    }
}

/// Adds the codes of an operation to its responses, grouped by status.
fn complete(operation: &mut Operation, path: &str, write: bool) {
    let own = operation
        .extensions
        .as_ref()
        .and_then(|extensions| extensions.get("x-error-codes"))
        .and_then(|codes| codes.as_array().cloned())
        .unwrap_or_default();
    let mut codes: Vec<Code> = own
        .iter()
        .filter_map(|code| code.as_str())
        .filter_map(Code::parse)
        .collect();
    if path.starts_with("/v1/") {
        codes.extend([
            Code::Unauthenticated,
            Code::MissingScope,
            Code::InvalidRequest,
            Code::Busy,
            Code::InternalError,
        ]);
        if write {
            codes.extend([Code::RequestInProgress, Code::IdempotencyKeyReused]);
        }
    }
    if let Some(body) = &operation.request_body {
        if let RefOr::T(body) = body
            && !body.content.contains_key("application/x-ndjson")
        {
            codes.push(Code::MalformedJson);
        }
        codes.extend([
            Code::InvalidInput,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::RequestTimeout,
        ]);
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        let group = by_status.entry(code.status()).or_default();
        if !group.contains(&code) {
            group.push(code);
        }
    }
    for (status, codes) in by_status {
        let words: Vec<String> = codes
            .iter()
            .map(|code| format!("`{}`: {}. {}", code.as_str(), code.title(), code.next()))
            .collect();
        let content = ContentBuilder::new()
            .schema(Some(RefOr::Ref(Ref::from_schema_name("ProblemDocument"))))
            .build();
        let response = ResponseBuilder::new()
            .description(words.join(" "))
            .content("application/problem+json", content)
            .build();
        operation
            .responses
            .responses
            .entry(status.to_string())
            .or_insert(RefOr::T(response));
    }
}

/// The scope an operation asks for, as its description says: `None` for any key or none at all.
pub fn scope_of(operation: &Operation) -> Option<Scope> {
    let value = serde_json::to_value(operation.security.as_ref()?).ok()?;
    let word = value.get(0)?.get("api_key")?.get(0)?.as_str()?.to_owned();
    Scope::ALL
        .iter()
        .copied()
        .find(|scope| scope.as_str() == word)
}
