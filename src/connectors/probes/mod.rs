//! Probes: signing in to the other system as a connection would, by its own protocol, to see whether that works.
//!
//! Adding one means one file here and one line in the list below; connectors name it (`probe` in their file). What must
//! stay true:
//!
//! * A probe reaches the other side only through the [`Dialer`]. It is cut off from outside when its time is up
//!   ([`TOTAL`]), so it may wait for whatever it waits for.
//! * Nothing that the other side sends is repeated to the caller, but for a version, cut and cleaned: the other side may
//!   be anybody.
//! * A password goes out in clear text only through TLS that was required or verified. HTTP knows no other way to sign in:
//!   there it also goes without TLS, where the settings say so, but only into a network listed in `allow_cidrs`.

mod clickhouse;
mod databricks;
mod http;
mod mysql;
mod postgres;
mod snowflake;
mod trino;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;

use self::http::{algolia, client_credentials, github};
use super::{Connector, Settings};
use crate::domain::kinds::Outcome;
use crate::outbound::{Dialer, OutboundError, Tls, TlsMode, TlsProblem};
use crate::secrets::value::SecretValue;

/// How long a probe may take in all.
pub const TOTAL: Duration = Duration::from_secs(5);

/// The longest version that is shown.
const VERSION: usize = 60;

macro_rules! probes {
    ($($(#[$doc:meta])* $variant:ident = $module:ident,)+) => {
        /// A way to test a connection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ProbeKind {$(
            $(#[$doc])*
            $variant,
        )+}

        impl ProbeKind {
            async fn probe(self, dialer: &Dialer, target: &Target<'_>) -> Result<Found, Failure> {
                match self {
                    $(Self::$variant => $module::probe(dialer, target).await,)+
                }
            }
        }
    };
}

probes! {
    /// The PostgreSQL wire protocol.
    Postgres = postgres,
    /// The MySQL wire protocol.
    Mysql = mysql,
    /// A request with a bearer token, a user name and password, or an API key.
    Http = http,
    /// OAuth 2.0 by client credentials.
    ClientCredentials = client_credentials,
    /// GitHub's REST API.
    Github = github,
    /// Algolia's API.
    Algolia = algolia,
    /// ClickHouse's HTTP interface.
    Clickhouse = clickhouse,
    /// Trino's client protocol.
    Trino = trino,
    /// Databricks' REST API.
    Databricks = databricks,
    /// Snowflake's sign-in, or its SQL API for a key pair.
    Snowflake = snowflake,
}

/// What is tested.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The kind of system.
    pub connector: &'static Connector,
    /// Where and as whom.
    pub settings: &'a Settings,
    /// With what.
    pub secrets: &'a BTreeMap<String, SecretValue>,
}

impl<'a> Target<'a> {
    /// A setting that is text, or its default; empty text counts as nothing.
    pub fn text(&self, setting: &str) -> Option<&'a str> {
        let value = self.settings.effective(self.connector, setting)?;
        value.as_text().filter(|text| !text.is_empty())
    }

    /// The setting `port`, or its default.
    pub fn port(&self) -> Option<u16> {
        let value = self.settings.effective(self.connector, "port")?;
        value.as_integer().and_then(|port| u16::try_from(port).ok())
    }

    /// A secret.
    pub fn secret(&self, field: &str) -> Option<&'a str> {
        self.secrets.get(field).map(SecretValue::expose)
    }

    /// The settings `tls` and `ca_certificate`. Without the first: verified.
    pub fn tls(&self) -> Tls {
        Tls {
            mode: self
                .text("tls")
                .and_then(TlsMode::parse)
                .unwrap_or_default(),
            authority: self.text("ca_certificate").map(str::to_owned),
        }
    }
}

/// What a successful sign-in told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The server's version, where the protocol gives it.
    pub version: Option<String>,
    /// What the person should know although it worked.
    pub remark: Option<&'static str>,
}

impl Found {
    /// With a version, cut to what is decent to show.
    pub(super) fn version(text: &str) -> Self {
        let clean: String = text
            .chars()
            .filter(|c| c.is_ascii_graphic() || *c == ' ')
            .take(VERSION)
            .collect();
        Self {
            version: Some(clean.trim().to_owned()).filter(|text| !text.is_empty()),
            remark: None,
        }
    }
}

/// Why signing in did not work.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind.
    pub outcome: Outcome,
    /// A plain sentence that says what to do; our own words only.
    pub detail: String,
    /// Whether the other side has shown that it speaks the protocol. Otherwise what happened tells which ports of a
    /// network are open, which not everybody may learn.
    pub met: bool,
}

impl Failure {
    /// A failure before anybody has shown to speak the protocol.
    pub(super) fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            detail: detail.into(),
            met: false,
        }
    }

    /// A failure that a system of the right kind answered.
    pub(super) fn answered(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            met: true,
            ..Self::new(outcome, detail)
        }
    }

    /// What answers there does not speak the protocol.
    pub(super) fn protocol(expected: &str) -> Self {
        Self::new(
            Outcome::ProtocolError,
            format!(
                "Something answers there, but not as {expected} does. Check the host and the port."
            ),
        )
    }

    /// A secret that would have gone out in clear text.
    pub(super) fn clear_text() -> Self {
        Self::answered(
            Outcome::RefusedByPolicy,
            "The server asks for the password in clear text on a connection that is not encrypted for certain. It was not \
             sent. Set TLS to require or verify.",
        )
    }

    /// Whether it tells which ports are open.
    fn tells_ports(&self) -> bool {
        let tells = matches!(
            self.outcome,
            Outcome::Unreachable | Outcome::Timeout | Outcome::ProtocolError | Outcome::TlsFailed
        );
        tells && !self.met
    }

    /// The same failure for who may not learn which ports are open, if it tells: closed, filtered and foreign ports look
    /// alike.
    pub fn coarse(&self) -> Option<Self> {
        self.tells_ports().then(|| {
            Self::new(
                Outcome::Unreachable,
                "The system could not be reached as it is configured. Who may change the connection can see more.",
            )
        })
    }
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        let (outcome, detail) = match error {
            OutboundError::Refused(refusal) => (Outcome::RefusedByPolicy, refusal.to_string()),
            OutboundError::Unresolved => {
                (Outcome::Unreachable, "The host name is not known. Check how it is written.".to_owned())
            }
            OutboundError::Unreachable(_) => (
                Outcome::Unreachable,
                "Nobody answers at this host and port. Check both, and whether a firewall is in between.".to_owned(),
            ),
            OutboundError::TimedOut => return Self::timeout(),
            OutboundError::Closed => (
                Outcome::ProtocolError,
                "The other side closed the connection in the middle. Check the host and the port.".to_owned(),
            ),
            OutboundError::TooLong | OutboundError::Protocol => (
                Outcome::ProtocolError,
                "Something answers there, but not as expected. Check the host and the port.".to_owned(),
            ),
            OutboundError::Tls(problem) => (Outcome::TlsFailed, tls_sentence(problem).to_owned()),
        };
        Self::new(outcome, detail)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        OutboundError::from(error).into()
    }
}

impl Failure {
    fn timeout() -> Self {
        Self::new(
            Outcome::Timeout,
            "No answer in time. Check the host and the port, and whether a firewall drops what is sent.",
        )
    }
}

fn tls_sentence(problem: TlsProblem) -> &'static str {
    match problem {
        TlsProblem::NotOffered => {
            "The server offers no TLS. Switch it on there, or set TLS to disable if the network between is your own."
        }
        TlsProblem::UnknownIssuer => {
            "The server's certificate is not signed by an authority that is trusted. Put the certificate of its authority \
             into CA certificate."
        }
        TlsProblem::WrongName => {
            "The server's certificate is for another host name. Use the name that the certificate has as the host."
        }
        TlsProblem::NotValidNow => {
            "The server's certificate has expired or is not valid yet. It has to be renewed there."
        }
        TlsProblem::BadAuthority => {
            "The CA certificate in the settings can't be read. It must be a certificate in PEM form."
        }
        TlsProblem::Handshake => {
            "Encryption could not be agreed on. Check the port and whether it expects TLS."
        }
    }
}

/// Tests: at most [`TOTAL`] long, whatever the other side does.
pub async fn run(dialer: &Dialer, target: &Target<'_>) -> Result<Found, Failure> {
    let Some(kind) = target.connector.probe else {
        let detail = format!(
            "{} can't be tested by Reprieve. The connection can be used; whether it works shows then.",
            target.connector.label
        );
        return Err(Failure::answered(Outcome::Unsupported, detail));
    };
    match timeout(TOTAL, kind.probe(dialer, target)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::timeout()),
    }
}
