//! What no route took: 405 with the methods that would do, else 404.

use std::collections::BTreeMap;

use actix_web::http::header::ALLOW;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use utoipa::openapi::path::Paths;

use super::State;
use super::auth::request_id;
use super::dialects::{Dialect, spoken};
use super::problem::ApiError;
use crate::domain::codes::Code;
use crate::service::error::Problem;

/// Every path with its methods, read from the API descriptions: the one list of routes.
pub struct Routes(BTreeMap<Option<Dialect>, Vec<Route>>);

struct Route {
    path: Vec<String>,
    methods: Vec<&'static str>,
}

impl Routes {
    /// The routes of the native API, described by `native`, and of the dialects.
    pub fn of(native: &Paths) -> Self {
        let dialects = Dialect::ALL
            .into_iter()
            .map(|dialect| (Some(dialect), routes(&dialect.document().paths)));
        Self(
            [(None, routes(native))]
                .into_iter()
                .chain(dialects)
                .collect(),
        )
    }

    /// The methods that a path takes; none if there is no such path.
    fn allowed(&self, dialect: Option<Dialect>, path: &str) -> Vec<&'static str> {
        let parts: Vec<&str> = path.split('/').collect();
        let mut allowed: Vec<&'static str> = self
            .0
            .get(&dialect)
            .into_iter()
            .flatten()
            .filter(|route| {
                route.path.len() == parts.len()
                    && route.path.iter().zip(&parts).all(|(pattern, part)| {
                        if pattern.starts_with('{') {
                            !part.is_empty()
                        } else {
                            pattern == part
                        }
                    })
            })
            .flat_map(|route| route.methods.iter().copied())
            .collect();
        allowed.sort_unstable();
        allowed.dedup();
        allowed
    }
}

fn routes(paths: &Paths) -> Vec<Route> {
    paths
        .paths
        .iter()
        .map(|(path, item)| {
            let methods = [
                ("GET", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("PATCH", item.patch.is_some()),
                ("DELETE", item.delete.is_some()),
            ];
            Route {
                path: path.split('/').map(str::to_owned).collect(),
                methods: methods
                    .into_iter()
                    .filter_map(|(method, there)| there.then_some(method))
                    .collect(),
            }
        })
        .collect()
}

/// A refusal of what no handler took, in the form of whose path it is.
pub(super) fn refuse(request: &HttpRequest, problem: Problem, request_id: &str) -> HttpResponse {
    let state = request.app_data::<web::Data<State>>();
    let dialect = state.and_then(|state| Some((spoken(request, &state.dialects)?, state)));
    match dialect {
        Some((dialect, state)) => dialect.refuse(&problem.into(), &state.dialects),
        None => ApiError::new(problem, request_id).error_response(),
    }
}

/// Nothing is at this path.
pub(super) fn nothing_here(request: &HttpRequest) -> HttpResponse {
    let problem = Problem::new(Code::NotFound, "There is nothing at this path.");
    refuse(request, problem, &request_id(request))
}

/// Answers what no route took.
pub async fn fallback(request: HttpRequest, routes: web::Data<Routes>) -> HttpResponse {
    let dialect = request
        .app_data::<web::Data<State>>()
        .and_then(|state| spoken(&request, &state.dialects));
    let allowed = routes.allowed(dialect, request.path());
    if allowed.is_empty() {
        return nothing_here(&request);
    }
    let allowed = allowed.join(", ");
    let problem = Problem::new(
        Code::MethodNotAllowed,
        format!("This path takes {allowed}."),
    );
    let mut response = refuse(&request, problem, &request_id(&request));
    if let Ok(value) = allowed.parse() {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
