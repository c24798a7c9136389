//! Revocation: telling the source that a credential must not work any more, by its own documented call.
//!
//! Adding one means one file here and one line in the list below; connectors name it (`[revocation]` in their file). What
//! must stay true:
//!
//! * A token goes to the URL that its own owner's settings name, and nowhere else (promise 13).
//! * `Ok` means that the source has said that the token is revoked. Whatever else it says is a failure: who is told that a
//!   credential is dead must be able to rely on it.
//! * Nothing that the other side sends is repeated.

mod github;
mod gitlab;
mod rfc7009;

use std::time::Duration;

use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use url::Url;
use utoipa::ToSchema;

use super::{Connector, Settings};
use crate::domain::kinds::RevocationOutcome;
use crate::outbound::http::{Call, Reply};
use crate::outbound::{Dialer, OutboundError};
use crate::secrets::value::SecretValue;

/// How long one call may take in all.
const TOTAL: Duration = Duration::from_secs(5);

macro_rules! revocations {
    ($($(#[$doc:meta])* $variant:ident = $module:ident,)+) => {
        /// A way to revoke a credential.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum RevocationKind {$(
            $(#[$doc])*
            $variant,
        )+}

        impl RevocationKind {
            async fn revoke(self, source: &Source<'_>, token: &Token<'_>) -> Result<(), Failure> {
                match self {
                    $(Self::$variant => $module::revoke(source, token).await,)+
                }
            }
        }
    };
}

revocations! {
    /// OAuth 2.0 Token Revocation, RFC 7009.
    Rfc7009 = rfc7009,
    /// GitHub's calls for tokens of all kinds.
    Github = github,
    /// GitLab's call by which a token revokes itself.
    Gitlab = gitlab,
}

/// How a connector's credentials are revoked at the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocable {
    /// By which call.
    pub kind: RevocationKind,
    /// The setting that says where; without a value nothing is revoked.
    pub url: String,
    /// The secrets that are revoked, in this order.
    pub tokens: Vec<String>,
}

/// Where a token is revoked, and by whom.
pub struct Source<'a> {
    /// The way out.
    pub dialer: &'a Dialer,
    /// The kind of system.
    pub connector: &'static Connector,
    /// The settings of the token's owner.
    pub settings: &'a Settings,
    /// The client that the tokens were given to, if there is one.
    pub client: &'a Client,
}

/// An OAuth client.
#[derive(Debug, Default)]
pub struct Client {
    /// Its public identifier.
    pub id: Option<String>,
    /// Its secret.
    pub secret: Option<std::sync::Arc<SecretValue>>,
}

/// A token to revoke.
pub struct Token<'a> {
    /// The name of its field.
    pub field: &'a str,
    /// The token itself.
    pub value: &'a SecretValue,
}

/// Why a token was not revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// In one word.
    pub outcome: RevocationOutcome,
    /// Whether it can go better another time.
    pub again: Again,
}

/// Whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It would come to the same.
    Never,
    /// After this time, if the source has said so.
    After(Option<Duration>),
}

/// Asks the source once.
pub async fn revoke(source: &Source<'_>, token: &Token<'_>) -> Result<(), Failure> {
    let Some(revocable) = &source.connector.revocation else {
        return Err(Failure::for_good(RevocationOutcome::NoAddress));
    };
    match timeout(TOTAL, revocable.kind.revoke(source, token)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::passing(RevocationOutcome::Unreachable)),
    }
}

impl Source<'_> {
    fn text(&self, setting: &str) -> Option<&str> {
        let value = self.settings.effective(self.connector, setting)?;
        value.as_text().filter(|text| !text.is_empty())
    }

    /// The URL that the settings name, with this path appended.
    fn url(&self, path: &str) -> Result<Url, Failure> {
        let setting = self.connector.revocation.as_ref().map(|it| it.url.as_str());
        let url = setting
            .and_then(|setting| self.text(setting))
            .and_then(|text| Url::parse(text).ok());
        let mut url = url.ok_or(Failure::for_good(RevocationOutcome::NoAddress))?;
        if !path.is_empty() {
            let whole = format!("{}{path}", url.path().trim_end_matches('/'));
            url.set_path(&whole);
        }
        Ok(url)
    }

    async fn send(&self, call: Call) -> Result<Reply, Failure> {
        let authority = self.text("ca_certificate");
        Ok(self.dialer.call(call, authority).await?)
    }
}

impl Failure {
    fn for_good(outcome: RevocationOutcome) -> Self {
        Self {
            outcome,
            again: Again::Never,
        }
    }

    fn passing(outcome: RevocationOutcome) -> Self {
        Self {
            outcome,
            again: Again::After(None),
        }
    }

    /// An answer that does not say that the token is revoked.
    fn of(reply: &Reply) -> Self {
        // GitHub says by a 403 with this header that too many have asked (docs.github.com, rate limits).
        let after = reply
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        match reply.status.as_u16() {
            408 | 425 | 429 | 500..=599 => Self {
                outcome: RevocationOutcome::Unavailable,
                again: Again::After(after),
            },
            403 if after.is_some() => Self {
                outcome: RevocationOutcome::Unavailable,
                again: Again::After(after),
            },
            _ => Self::for_good(RevocationOutcome::Refused),
        }
    }
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Refused(_) => Self::for_good(RevocationOutcome::RefusedByPolicy),
            _ => Self::passing(RevocationOutcome::Unreachable),
        }
    }
}

/// `Authorization` with what stands behind it. A token with characters that no header can have is none the source gave.
fn authorization(text: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    Ok((AUTHORIZATION, secret_header(text)?))
}

fn secret_header(text: &str) -> Result<HeaderValue, Failure> {
    let mut value =
        HeaderValue::from_str(text).map_err(|_| Failure::for_good(RevocationOutcome::Refused))?;
    value.set_sensitive(true);
    Ok(value)
}
