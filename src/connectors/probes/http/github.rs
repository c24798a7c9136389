//! GitHub's REST API: who a token belongs to.

use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderName, HeaderValue, RETRY_AFTER};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{address, bearer, json, refusal};
use crate::connectors::probes::{Failure, Found, Target};
use crate::domain::kinds::Outcome;
use crate::outbound::Dialer;
use crate::outbound::http::{Call, Reply};

const VERSION: HeaderName = HeaderName::from_static("x-github-api-version");
const LEFT: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// GitHub Enterprise Server says its version here.
const ENTERPRISE: HeaderName = HeaderName::from_static("x-github-enterprise-version");

/// The tokens of an installed app begin with this. They belong to nobody, so `/user` refuses them.
const INSTALLATION: &str = "ghs_";

/// Of a user its name, of an installed app the number of repositories that it sees: read to tell GitHub from another server.
#[derive(Deserialize)]
struct Owner {
    #[serde(rename = "login", alias = "total_count")]
    _mark: IgnoredAny,
}

/// Asks who the token belongs to.
pub(in crate::connectors::probes) async fn probe(
    dialer: &Dialer,
    target: &Target<'_>,
) -> Result<Found, Failure> {
    let (Some(mut url), Some(token)) = (address(target), target.secret("token")) else {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "API URL and token are needed for a test.",
        ));
    };
    let (path, query) = if token.starts_with(INSTALLATION) {
        ("/installation/repositories", Some("per_page=1"))
    } else {
        ("/user", None)
    };
    let whole = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&whole);
    url.set_query(query);
    let call = Call {
        headers: vec![
            bearer(token)?,
            (
                ACCEPT,
                HeaderValue::from_static("application/vnd.github+json"),
            ),
            (VERSION, HeaderValue::from_static("2022-11-28")),
        ],
        ..Call::get(url)
    };
    let reply = dialer.call_with(call, &target.tls()).await?;
    if !reply.status.is_success() {
        return Err(refused(&reply));
    }
    let _: Owner = json(&reply, "GitHub")?;
    let version = reply.headers.get(ENTERPRISE);
    Ok(version
        .and_then(|version| version.to_str().ok())
        .map(Found::version)
        .unwrap_or_default())
}

fn refused(reply: &Reply) -> Failure {
    let is_limited = reply.headers.get(LEFT).is_some_and(|left| left == "0")
        || reply.headers.contains_key(RETRY_AFTER);
    if reply.status == StatusCode::FORBIDDEN && is_limited {
        return refusal(StatusCode::TOO_MANY_REQUESTS, "");
    }
    if reply.status == StatusCode::FORBIDDEN {
        return Failure::answered(
            Outcome::AuthFailed,
            "GitHub refuses access with this token. It may lack the rights, or wrong tokens were tried too often: then wait \
             a few minutes.",
        );
    }
    refusal(
        reply.status,
        "Check API URL: that of GitHub Enterprise Server ends with /api/v3.",
    )
}
