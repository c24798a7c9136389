//! Databricks' REST API: who signs in, by a token or as a service principal.
//!
//! Whether the SQL warehouse of the setting HTTP path can be used is not asked: it may be asleep, and asking costs money.

use serde::Deserialize;

use super::http::client_credentials::Client;
use super::http::{bearer, json, refusal, root};
use super::{Failure, Found, Target};
use crate::domain::kinds::Outcome;
use crate::outbound::Dialer;
use crate::outbound::http::Call;

/// Whoever signs in; read to tell Databricks from another server.
#[derive(Deserialize)]
struct Me {
    #[serde(rename = "userName")]
    _name: String,
}

/// Asks who it is that signs in.
pub(super) async fn probe(dialer: &Dialer, target: &Target<'_>) -> Result<Found, Failure> {
    let Some(root) = root(target) else {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "The host is needed for a test.",
        ));
    };
    let tls = target.tls();
    let at = |path: &str| {
        let mut url = root.clone();
        url.set_path(path);
        url
    };
    let granted;
    let token = match (
        target.secret("token"),
        target.text("client_id"),
        target.secret("client_secret"),
    ) {
        (Some(token), ..) => token,
        (None, Some(id), Some(secret)) => {
            let client = Client { id, secret };
            granted = client
                .token(dialer, at("/oidc/v1/token"), Some("all-apis"), &tls)
                .await?;
            granted.expose()
        }
        _ => {
            return Err(Failure::answered(
                Outcome::Unsupported,
                "An access token is needed for a test, or a client ID with its client secret.",
            ));
        }
    };
    let call = Call {
        headers: vec![bearer(token)?],
        ..Call::get(at("/api/2.0/preview/scim/v2/Me"))
    };
    let reply = dialer.call_with(call, &tls).await?;
    if !reply.status.is_success() {
        return Err(refusal(
            reply.status,
            "Check that Host is the address of the workspace.",
        ));
    }
    let _: Me = json(&reply, "Databricks")?;
    Ok(Found::default())
}
