//! ClickHouse's HTTP interface: one query, with the user and the password in headers.

use hyper::header::HeaderName;

use super::http::{root, value};
use super::{Failure, Found, Target};
use crate::domain::kinds::Outcome;
use crate::outbound::Dialer;
use crate::outbound::http::{Call, Reply};

const USER: HeaderName = HeaderName::from_static("x-clickhouse-user");
const KEY: HeaderName = HeaderName::from_static("x-clickhouse-key");
/// Servers before 20.1 do not have it.
const EXCEPTION: HeaderName = HeaderName::from_static("x-clickhouse-exception-code");

/// Asks for the version.
pub(super) async fn probe(dialer: &Dialer, target: &Target<'_>) -> Result<Found, Failure> {
    let (Some(mut url), Some(user), Some(password)) = (
        root(target),
        target.text("username"),
        target.secret("password"),
    ) else {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "Host, port, user name and password are needed for a test.",
        ));
    };
    url.query_pairs_mut()
        .append_pair("query", "SELECT version()");
    if let Some(database) = target.text("database") {
        // There is a header for it too, which old servers ignore.
        url.query_pairs_mut().append_pair("database", database);
    }
    let call = Call {
        headers: vec![(USER, value(user)?), (KEY, value(password)?)],
        ..Call::get(url)
    };
    let reply = dialer.call_with(call, &target.tls()).await?;
    if !reply.status.is_success() {
        return Err(refused(&reply));
    }
    let text = std::str::from_utf8(&reply.body).map_err(|_| foreign())?;
    let version = text.trim();
    if is_version(version) {
        Ok(Found::version(version))
    } else {
        Err(foreign())
    }
}

fn foreign() -> Failure {
    Failure::protocol("a ClickHouse server")
}

/// `24.8.4.13`, perhaps with the name of a distribution behind it.
fn is_version(text: &str) -> bool {
    let mut parts = text.split('.');
    let is_number = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    is_number(parts.next())
        && is_number(parts.next())
        && parts.all(|part| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// The number of the exception (`ErrorCodes` in ClickHouse's source), from its header or the first words of the body.
fn exception(reply: &Reply) -> Option<u16> {
    if let Some(code) = reply.headers.get(EXCEPTION) {
        return code.to_str().ok()?.parse().ok();
    }
    let text = String::from_utf8_lossy(&reply.body);
    let rest = text.trim_start().strip_prefix("Code: ")?;
    rest.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn refused(reply: &Reply) -> Failure {
    let Some(code) = exception(reply) else {
        return foreign();
    };
    let (outcome, detail) = match code {
        // AUTHENTICATION_FAILED; before 20.9 UNKNOWN_USER, WRONG_PASSWORD and REQUIRED_PASSWORD.
        516 | 192..=194 => (
            Outcome::AuthFailed,
            "The server refuses this user name and password.",
        ),
        // IP_ADDRESS_NOT_ALLOWED
        195 => (
            Outcome::AuthFailed,
            "The server does not let this user in from here. Check the addresses that the user is allowed to come from.",
        ),
        // ACCESS_DENIED, DATABASE_ACCESS_DENIED
        497 | 291 => (
            Outcome::AuthFailed,
            "The user has no right to use this database.",
        ),
        // UNKNOWN_DATABASE
        81 => (
            Outcome::ProtocolError,
            "The server has no database of this name. Correct the setting Database.",
        ),
        // QUOTA_EXPIRED, TOO_MANY_SIMULTANEOUS_QUERIES
        201 | 202 => (
            Outcome::Unreachable,
            "The server takes no queries at the moment: it is busy, or the user's quota is used up. Try again later.",
        ),
        _ => {
            return Failure::answered(
                Outcome::ProtocolError,
                format!(
                    "The server refuses the query with the code {code}. Its own log says more."
                ),
            );
        }
    };
    Failure::answered(outcome, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_from_a_page() {
        for version in ["18.16.1", "24.8.4.13", "23.8.16.40.altinitystable", "22.3"] {
            assert!(is_version(version), "{version}");
        }
        for other in [
            "", "1", "<html>", "Ok.", "24.", "24.8 <b>", "v24.8", ".24", "24.8.\n1",
        ] {
            assert!(!is_version(other), "{other:?}");
        }
    }
}
