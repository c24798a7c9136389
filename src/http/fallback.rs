//! What no route took: 405 with the methods that would do, else 404.

use actix_web::http::header::ALLOW;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _, web};
use utoipa::openapi::path::Paths;

use super::middleware::RequestId;
use super::problem::ApiError;
use crate::domain::codes::Code;
use crate::service::error::Problem;

/// Every path with its methods, read from the API description: the one list of routes.
pub struct Routes(Vec<(Vec<String>, Vec<&'static str>)>);

impl Routes {
    /// The routes of an API description.
    pub fn of(paths: &Paths) -> Self {
        let routes = paths
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
                let allowed = methods
                    .into_iter()
                    .filter_map(|(method, there)| there.then_some(method))
                    .collect();
                (path.split('/').map(str::to_owned).collect(), allowed)
            })
            .collect();
        Self(routes)
    }

    /// The methods that a path takes; none if there is no such path.
    fn allowed(&self, path: &str) -> Vec<&'static str> {
        let parts: Vec<&str> = path.split('/').collect();
        let mut allowed: Vec<&'static str> = self
            .0
            .iter()
            .filter(|(pattern, _)| {
                pattern.len() == parts.len()
                    && pattern.iter().zip(&parts).all(|(pattern, part)| {
                        if pattern.starts_with('{') {
                            !part.is_empty()
                        } else {
                            pattern == part
                        }
                    })
            })
            .flat_map(|(_, methods)| methods.iter().copied())
            .collect();
        allowed.sort_unstable();
        allowed.dedup();
        allowed
    }
}

/// Answers what no route took.
pub async fn fallback(request: HttpRequest, routes: web::Data<Routes>) -> HttpResponse {
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.clone())
        .unwrap_or_default();
    let allowed = routes.allowed(request.path());
    if allowed.is_empty() {
        return ApiError::new(
            Problem::new(Code::NotFound, "There is nothing at this path."),
            &request_id,
        )
        .error_response();
    }
    let allowed = allowed.join(", ");
    let problem = Problem::new(
        Code::MethodNotAllowed,
        format!("This path takes {allowed}."),
    );
    let mut response = ApiError::new(problem, &request_id).error_response();
    if let Ok(value) = allowed.parse() {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
