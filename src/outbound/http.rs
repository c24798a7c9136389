//! One HTTP request over a connection that the dialer opened.
//!
//! What must stay true: redirects are answers, never followed; of the body no more is read than [`Link`] lets through;
//! no header but those that are given, `host`, `user-agent` and `connection: close`; nothing is sent without TLS but into
//! networks that the operator listed.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use url::{Host, Position, Url};

use super::{Dialer, Link, OutboundError, Refusal, Tls, TlsMode};

/// The most that is kept of an answer's body.
const BODY: usize = 32 * 1024;

/// A request.
#[derive(Debug)]
pub struct Call {
    /// `GET` or another.
    pub method: Method,
    /// Where to, an `http` or `https` URL.
    pub url: Url,
    /// What else to say. Mark what is secret with [`HeaderValue::set_sensitive`].
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Call {
    /// A `GET` of a URL.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The beginning of the body; what is beyond 32 KiB, or did not arrive, is left out.
    pub body: Bytes,
}

impl Dialer {
    /// Sends one request. `https` is always verified, against `authority` (PEM) or the public ones.
    pub async fn call(&self, call: Call, authority: Option<&str>) -> Result<Reply, OutboundError> {
        let tls = Tls {
            mode: TlsMode::Verify,
            authority: authority.map(str::to_owned),
        };
        self.call_with(call, &tls).await
    }

    /// The same with the TLS that a connector's settings ask for.
    pub async fn call_with(&self, call: Call, tls: &Tls) -> Result<Reply, OutboundError> {
        let host = match call.url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(OutboundError::Protocol),
        };
        let port = call
            .url
            .port_or_known_default()
            .ok_or(OutboundError::Protocol)?;
        let mut link = self.dial(&host, port).await?;
        if call.url.scheme() == "https" {
            link = link.encrypt(tls, &host).await?;
        } else if !link.is_listed() {
            return Err(OutboundError::Refused(Refusal::ClearText));
        }
        exchange(link, call).await
    }
}

async fn exchange(link: Link, call: Call) -> Result<Reply, OutboundError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(link)).await.map_err(broken)?;
    let mut request = Request::builder()
        .method(call.method)
        .uri(&call.url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &call.url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, concat!("Reprieve/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close");
    for (name, value) in call.headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(call.body)))
        .map_err(|_| OutboundError::Protocol)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let (head, body) = response.into_parts();
        // A body that is too long or breaks off does not change what the status says.
        let body = match Limited::new(body, BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body,
        })
    };
    tokio::select! {
        // Both are polled: the connection moves the bytes that the answer waits for. It ends with `connection: close`,
        // at times before the answer has been looked at.
        biased;
        reply = answer => reply,
        Err(error) = connection => Err(broken(error)),
    }
}

/// What hyper says, without what the server said.
fn broken(error: hyper::Error) -> OutboundError {
    use std::error::Error as _;
    if error.is_parse() || error.is_user() {
        return OutboundError::Protocol;
    }
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return OutboundError::of(io);
        }
        source = inner.source();
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        OutboundError::Closed
    } else {
        OutboundError::Protocol
    }
}
