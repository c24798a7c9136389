//! Trino's client protocol: `SELECT 1`, and its result followed to the end.
//!
//! What must stay true: of the address of the next part (`nextUri`) only the path counts. Which host it names is the other
//! side's word, and the credentials go along.

use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::http::{basic, bearer, json, refusal, root, value};
use super::{Failure, Found, Target};
use crate::domain::kinds::Outcome;
use crate::outbound::http::{Call, Reply};
use crate::outbound::{Dialer, Tls, TlsMode};

const USER: HeaderName = HeaderName::from_static("x-trino-user");
const SOURCE: HeaderName = HeaderName::from_static("x-trino-source");
const CATALOG: HeaderName = HeaderName::from_static("x-trino-catalog");
const SCHEMA: HeaderName = HeaderName::from_static("x-trino-schema");

const STATEMENT: &str = "/v1/statement";
/// How many parts of the result are asked for, and for how long. A server holds each question for up to a second.
const PARTS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs a query.
pub(super) async fn probe(dialer: &Dialer, target: &Target<'_>) -> Result<Found, Failure> {
    let (Some(root), Some(user)) = (root(target), target.text("username")) else {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "Host, port and user name are needed for a test.",
        ));
    };
    let credentials = match (target.secret("token"), target.secret("password")) {
        (Some(token), _) => bearer(token)?,
        (None, Some(password)) => basic(user, password)?,
        (None, None) => {
            return Err(Failure::answered(
                Outcome::Unsupported,
                "Only signing in with a password or a token can be tested, and this connection has neither.",
            ));
        }
    };
    let tls = target.tls();
    if tls.mode == TlsMode::Disable {
        return Err(Failure::answered(
            Outcome::RefusedByPolicy,
            "Trino takes passwords and tokens through TLS only, so nothing was sent. Set TLS to require or verify.",
        ));
    }
    let mut headers = vec![
        (USER, value(user)?),
        (SOURCE, HeaderValue::from_static("reprieve")),
    ];
    for (name, setting) in [(CATALOG, "catalog"), (SCHEMA, "schema")] {
        if let Some(text) = target.text(setting) {
            headers.push((name, value(text)?));
        }
    }
    let mut session = Session {
        dialer,
        root,
        tls,
        headers,
    };
    let mut found = session.version().await?;
    // A server without authentication takes a token that is wrong as gladly as a right one.
    let stranger = session.begin().await?;
    if stranger.status.is_success() {
        session.cancel(&step(&stranger)?).await;
        found.remark = Some("The server let the user in without asking for a password or a token.");
        return Ok(found);
    }
    session.headers.push(credentials);
    let reply = session.begin().await?;
    if !reply.status.is_success() {
        return Err(refusal(reply.status, "Check the host and the port."));
    }
    if !session.follow(step(&reply)?).await? {
        found.remark = Some("The query was still waiting for its turn, so it was called off.");
    }
    Ok(found)
}

struct Session<'a> {
    dialer: &'a Dialer,
    root: Url,
    tls: Tls,
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(rename = "nodeVersion")]
    node_version: NodeVersion,
}

#[derive(Deserialize)]
struct NodeVersion {
    version: String,
}

/// A part of a result; its data stay unread.
#[derive(Deserialize)]
struct Step {
    #[serde(rename = "id")]
    _id: String,
    #[serde(rename = "nextUri")]
    next: Option<String>,
    error: Option<QueryError>,
}

#[derive(Deserialize)]
struct QueryError {
    #[serde(rename = "errorCode")]
    code: i64,
    #[serde(rename = "errorName")]
    name: String,
    #[serde(rename = "errorType")]
    kind: String,
}

fn step(reply: &Reply) -> Result<Step, Failure> {
    json(reply, "a Trino server")
}

impl Session<'_> {
    /// What Trino tells everybody. Whatever does not answer this like Trino gets no credentials.
    async fn version(&self) -> Result<Found, Failure> {
        let call = Call::get(self.at("/v1/info"));
        let reply = self.dialer.call_with(call, &self.tls).await?;
        match reply.status.as_u16() {
            // A gateway in front may want to know who asks even for this.
            401 | 403 => Ok(Found::default()),
            _ if reply.status.is_server_error() => Err(refusal(reply.status, "")),
            _ => {
                let info: Info = json(&reply, "a Trino server")?;
                Ok(Found::version(&info.node_version.version))
            }
        }
    }

    async fn begin(&self) -> Result<Reply, Failure> {
        let call = Call {
            body: b"SELECT 1".to_vec(),
            ..self.call(Method::POST, STATEMENT)
        };
        Ok(self.dialer.call_with(call, &self.tls).await?)
    }

    /// Whether the query came to its end in the time that it has.
    async fn follow(&self, mut step: Step) -> Result<bool, Failure> {
        let until = Instant::now() + PATIENCE;
        for _ in 0..PARTS {
            if let Some(error) = step.error {
                return Err(failed(&error));
            }
            let Some(path) = step.path()? else {
                return Ok(true);
            };
            if Instant::now() > until {
                break;
            }
            let call = self.call(Method::GET, &path);
            let reply = self.dialer.call_with(call, &self.tls).await?;
            if !reply.status.is_success() {
                return Err(refusal(reply.status, "Check the host and the port."));
            }
            step = self::step(&reply)?;
        }
        self.cancel(&step).await;
        Ok(false)
    }

    /// Calls the query off. Whether that arrives changes nothing: the server forgets who does not come back.
    async fn cancel(&self, step: &Step) {
        if let Ok(Some(path)) = step.path() {
            let call = self.call(Method::DELETE, &path);
            let _ = tokio::time::timeout(
                Duration::from_millis(500),
                self.dialer.call_with(call, &self.tls),
            )
            .await;
        }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        Call {
            method,
            headers: self.headers.clone(),
            ..Call::get(self.at(path))
        }
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.root.clone();
        url.set_path(path);
        url
    }
}

impl Step {
    /// Where the next part is, on the server that we talk to.
    fn path(&self) -> Result<Option<String>, Failure> {
        let Some(next) = &self.next else {
            return Ok(None);
        };
        let url = Url::parse(next).map_err(|_| Failure::protocol("a Trino server"))?;
        if url.path().starts_with(STATEMENT) {
            Ok(Some(url.path().to_owned()))
        } else {
            Err(Failure::protocol("a Trino server"))
        }
    }
}

fn failed(error: &QueryError) -> Failure {
    let (outcome, detail) = match (error.name.as_str(), error.kind.as_str()) {
        ("PERMISSION_DENIED", _) => (
            Outcome::AuthFailed,
            "The server knows the user, who has no right to run queries.".to_owned(),
        ),
        (_, "INSUFFICIENT_RESOURCES") => (
            Outcome::Unreachable,
            "The server takes no queries at the moment: it is full or starting. Try again later."
                .to_owned(),
        ),
        _ => (
            Outcome::ProtocolError,
            format!(
                "The server lets the user in, and the query fails with the code {}. Its own log says more.",
                error.code
            ),
        ),
    };
    Failure::answered(outcome, detail)
}
