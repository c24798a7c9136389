//! Algolia: what a key may do, which every key may ask about itself.
//!
//! Calls that have the key in a header alone need one right or another, so a good key with few rights could not be told
//! from a bad one. The documented question about a key has it in the path, of Algolia's own host and through TLS only.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::{json, refusal, value};
use crate::connectors::probes::{Failure, Found, Target};
use crate::domain::kinds::Outcome;
use crate::outbound::Dialer;
use crate::outbound::http::Call;

const APPLICATION: HeaderName = HeaderName::from_static("x-algolia-application-id");
const KEY: HeaderName = HeaderName::from_static("x-algolia-api-key");

/// What a key may do; read to tell Algolia from another server.
#[derive(Deserialize)]
struct Rights {
    #[serde(rename = "acl")]
    _acl: Vec<String>,
}

/// Asks what the key may do.
pub(in crate::connectors::probes) async fn probe(
    dialer: &Dialer,
    target: &Target<'_>,
) -> Result<Found, Failure> {
    let (Some((mut url, application)), Some(key)) = (address(target), target.secret("api_key"))
    else {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "Application ID and API key are needed for a test.",
        ));
    };
    if let Ok(mut path) = url.path_segments_mut() {
        path.extend(["1", "keys", key]);
    }
    let call = Call {
        headers: vec![(APPLICATION, application), (KEY, value(key)?)],
        ..Call::get(url)
    };
    let reply = dialer.call_with(call, &target.tls()).await?;
    match reply.status {
        status if status.is_success() => {
            let _: Rights = json(&reply, "Algolia")?;
            Ok(Found::default())
        }
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Err(Failure::answered(
            Outcome::AuthFailed,
            "Algolia does not know this API key in this application. Check both.",
        )),
        status => Err(refusal(status, "Check Application ID.")),
    }
}

fn address(target: &Target<'_>) -> Option<(Url, HeaderValue)> {
    let application = target.text("app_id")?;
    let url = Url::parse(&format!("https://{application}-dsn.algolia.net")).ok()?;
    Some((url, HeaderValue::from_str(application).ok()?))
}
