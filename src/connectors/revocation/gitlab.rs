//! GitLab: an access token revokes itself, `DELETE /api/v4/personal_access_tokens/self`.

use hyper::Method;
use hyper::header::HeaderName;

use super::{Failure, Source, Token, secret_header};
use crate::outbound::http::Call;

const TOKEN: HeaderName = HeaderName::from_static("private-token");

pub(super) async fn revoke(source: &Source<'_>, token: &Token<'_>) -> Result<(), Failure> {
    let call = Call {
        method: Method::DELETE,
        headers: vec![(TOKEN, secret_header(token.value.expose())?)],
        ..Call::get(source.url("/api/v4/personal_access_tokens/self")?)
    };
    let reply = source.send(call).await?;
    match reply.status.as_u16() {
        204 => Ok(()),
        _ => Err(Failure::of(&reply)),
    }
}
