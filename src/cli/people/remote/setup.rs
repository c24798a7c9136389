//! How a server is reached: its address, the HTTP client, who the calls are for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use url::{Host, Url};

use super::Failure;
use crate::cli::output::remark;
use crate::service::caller::Actor;

const CONNECT: Duration = Duration::from_secs(10);
/// The service lets one statement of a large deletion take ten minutes.
const ANSWER: Duration = Duration::from_mins(12);
/// A client that tells the key to nobody but the server that was named: it follows no redirect and knows no proxy.
pub(super) fn agent(ca_file: Option<&Path>) -> anyhow::Result<Agent> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("reprieve/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_send_request(Some(CONNECT))
        .timeout_send_body(Some(Duration::from_mins(1)))
        .timeout_recv_response(Some(ANSWER))
        .timeout_recv_body(Some(Duration::from_mins(1)))
        .tls_config(tls(ca_file)?)
        .build();
    Ok(config.into())
}

/// `Reprieve-Actor`
pub(super) fn header(actor: &Actor) -> String {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    match &actor.name {
        Some(name) => format!("id={}; name={}", encode(&actor.id), encode(name)),
        None => format!("id={}", encode(&actor.id)),
    }
}

/// The address without its last slash. A refusal does not repeat it: it may hold a password.
pub(super) fn base(url: &str) -> Result<String, Failure> {
    let expected = || {
        Failure::Usage(
            "--url must be like https://reprieve.example.com, without user, query or fragment"
                .to_owned(),
        )
    };
    let url = Url::parse(url).map_err(|_| expected())?;
    let usable = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !usable {
        return Err(expected());
    }
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let base = url.as_str().trim_end_matches('/').to_owned();
    if url.scheme() == "http" && !here {
        remark(
            "reprieve: http:// carries the API key unencrypted over the network; use https:// if the server has it",
        );
    }
    base.parse::<Uri>().map_err(|_| expected())?;
    // Only to say so in words: the client takes it for a broken connection.
    url.socket_addrs(|| None).with_context(|| {
        format!(
            "the host {} can't be found",
            url.host_str().unwrap_or_default()
        )
    })?;
    Ok(base)
}

fn tls(ca_file: Option<&Path>) -> anyhow::Result<TlsConfig> {
    let Some(path) = ca_file else {
        return Ok(TlsConfig::default());
    };
    let shown = path.display();
    let pem = std::fs::read(path).with_context(|| format!("--ca-file: {shown} can't be read"))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        let item = item.with_context(|| format!("--ca-file: {shown} is not a PEM file"))?;
        if let PemItem::Certificate(certificate) = item {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        bail!("--ca-file: {shown} holds no certificate in PEM form");
    }
    let roots = RootCerts::Specific(Arc::new(certificates));
    Ok(TlsConfig::builder().root_certs(roots).build())
}
