//! The PostgreSQL wire protocol, version 3: sign in, read the version, leave.
//!
//! Not libpq, whose idea of a host is wider than ours and which fills in what is missing from the service's own
//! environment (RELIABILITY.md 0.7). Messages and SCRAM are the crate `postgres-protocol`'s; lengths and iteration counts
//! are bounded here, since it takes any.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{ErrorResponseBody, Header, Message};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Failure, Found, Target};
use crate::domain::kinds::Outcome;
use crate::outbound::{Dialer, Link, TlsMode, TlsProblem};

/// No message of a sign-in is longer.
const LONGEST_MESSAGE: i32 = 16 * 1024;
/// A server decides how often a password is hashed: 4,096 times as installed. A hostile one could ask for 4 thousand
/// million times, on our processor.
const MOST_ITERATIONS: u32 = 200_000;

/// Signs in.
pub(super) async fn probe(dialer: &Dialer, target: &Target<'_>) -> Result<Found, Failure> {
    let (Some(host), Some(port), Some(user)) =
        (target.text("host"), target.port(), target.text("username"))
    else {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "Host, port and user name are needed for a test.",
        ));
    };
    let Some(password) = target.secret("password") else {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "Only signing in with a password can be tested, and this connection has none.",
        ));
    };
    let mode = target.tls().mode;
    let mut link = dialer.dial(host, port).await?;
    if mode != TlsMode::Disable {
        link = ask_for_tls(link, target, host).await?;
    }
    let clear_text = link.is_encrypted() && matches!(mode, TlsMode::Require | TlsMode::Verify);
    let mut session = Session {
        link,
        received: BytesMut::new(),
    };
    let database = target.text("database").unwrap_or(user);
    let mut hello = BytesMut::new();
    let parameters = [
        ("user", user),
        ("database", database),
        ("client_encoding", "UTF8"),
        ("application_name", "reprieve"),
    ];
    frontend::startup_message(parameters, &mut hello)?;
    session.link.write_all(&hello).await?;
    let asked = session.authenticate(user, password, clear_text).await?;
    let mut found = session.until_ready().await?;
    if !asked {
        found.remark = Some("The server let the user in without asking for the password.");
    }
    let mut goodbye = BytesMut::new();
    frontend::terminate(&mut goodbye);
    // It was good to be here; whether the goodbye arrives changes nothing.
    let _ = session.link.write_all(&goodbye).await;
    Ok(found)
}

async fn ask_for_tls(mut link: Link, target: &Target<'_>, host: &str) -> Result<Link, Failure> {
    let tls = target.tls();
    let mut question = BytesMut::new();
    frontend::ssl_request(&mut question);
    link.write_all(&question).await?;
    // One byte, and no more: what a server sends before the handshake is nobody's word (CVE-2021-23222).
    match link.read_u8().await? {
        b'S' => Ok(link.encrypt(&tls, host).await?),
        b'N' if tls.mode == TlsMode::Prefer => Ok(link),
        b'N' => Err(Failure {
            met: true,
            ..crate::outbound::OutboundError::Tls(TlsProblem::NotOffered).into()
        }),
        _ => Err(foreign()),
    }
}

struct Session {
    link: Link,
    received: BytesMut,
}

impl Session {
    async fn next(&mut self) -> Result<Message, Failure> {
        loop {
            let header = Header::parse(&self.received).map_err(|_| foreign())?;
            if header.is_some_and(|header| header.len() > LONGEST_MESSAGE) {
                return Err(foreign());
            }
            if header.is_some()
                && let Some(message) = Message::parse(&mut self.received).map_err(|_| foreign())?
            {
                return Ok(message);
            }
            if self.link.read_buf(&mut self.received).await? == 0 {
                return Err(crate::outbound::OutboundError::Closed.into());
            }
        }
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        Ok(self.link.write_all(message).await?)
    }

    async fn send_password(&mut self, password: &[u8]) -> Result<(), Failure> {
        let mut message = zeroize::Zeroizing::new(Vec::with_capacity(password.len() + 6));
        let length = u32::try_from(password.len() + 5).map_err(|_| foreign())?;
        message.push(b'p');
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(password);
        message.push(0);
        self.send(&message).await
    }

    /// Whether the server asked for the password.
    async fn authenticate(
        &mut self,
        user: &str,
        password: &str,
        clear_text: bool,
    ) -> Result<bool, Failure> {
        let mut asked = false;
        let mut scram: Option<ScramSha256> = None;
        let mut proved = false;
        loop {
            match self.next().await? {
                Message::AuthenticationOk if scram.is_none() || proved => return Ok(asked),
                Message::AuthenticationCleartextPassword if clear_text => {
                    asked = true;
                    self.send_password(password.as_bytes()).await?;
                }
                Message::AuthenticationCleartextPassword => return Err(Failure::clear_text()),
                Message::AuthenticationMd5Password(body) => {
                    asked = true;
                    let hash = md5_hash(user.as_bytes(), password.as_bytes(), body.salt());
                    self.send_password(hash.as_bytes()).await?;
                }
                Message::AuthenticationSasl(body) => {
                    asked = true;
                    let offered = body.mechanisms().any(|name| Ok(name == SCRAM_SHA_256));
                    if scram.is_some() || !offered.map_err(|_| foreign())? {
                        return Err(unknown_method());
                    }
                    let client =
                        ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
                    let mut message = BytesMut::new();
                    frontend::sasl_initial_response(SCRAM_SHA_256, client.message(), &mut message)?;
                    self.send(&message).await?;
                    scram = Some(client);
                }
                Message::AuthenticationSaslContinue(body) => {
                    let client = scram.as_mut().ok_or_else(foreign)?;
                    if iterations(body.data()).is_none_or(|count| count > MOST_ITERATIONS) {
                        return Err(foreign());
                    }
                    client.update(body.data()).map_err(|_| foreign())?;
                    let mut message = BytesMut::new();
                    frontend::sasl_response(client.message(), &mut message)?;
                    self.send(&message).await?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    let client = scram.as_mut().ok_or_else(foreign)?;
                    // It proves that the server knows the password as well.
                    client.finish(body.data()).map_err(|_| foreign())?;
                    proved = true;
                }
                Message::AuthenticationGss
                | Message::AuthenticationSspi
                | Message::AuthenticationKerberosV5
                | Message::AuthenticationScmCredential => return Err(unknown_method()),
                Message::ErrorResponse(body) => return Err(refused(&body)),
                Message::NoticeResponse(_) => {}
                _ => return Err(foreign()),
            }
        }
    }

    async fn until_ready(&mut self) -> Result<Found, Failure> {
        let mut found = Found::default();
        loop {
            match self.next().await? {
                Message::ParameterStatus(body) => {
                    if body.name().is_ok_and(|name| name == "server_version")
                        && let Ok(version) = body.value()
                    {
                        found = Found::version(version);
                    }
                }
                Message::ReadyForQuery(_) => return Ok(found),
                Message::ErrorResponse(body) => return Err(refused(&body)),
                Message::BackendKeyData(_) | Message::NoticeResponse(_) => {}
                _ => return Err(foreign()),
            }
        }
    }
}

fn foreign() -> Failure {
    Failure::protocol("a PostgreSQL server")
}

fn unknown_method() -> Failure {
    Failure::answered(
        Outcome::Unsupported,
        "The server wants another way of signing in than a password. That can't be tested.",
    )
}

/// How often the server wants the password hashed (RFC 5802: `r=...,s=...,i=...`).
fn iterations(server_first: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(server_first).ok()?;
    text.split(',')
        .find_map(|part| part.strip_prefix("i="))?
        .parse()
        .ok()
}

/// What the server refused, by its SQLSTATE (PostgreSQL documentation, appendix A). Its words stay unread.
fn refused(body: &ErrorResponseBody) -> Failure {
    let state = body
        .fields()
        .filter_map(|field| {
            Ok((field.type_() == b'C')
                .then(|| String::from_utf8_lossy(field.value_bytes()).into_owned()))
        })
        .next();
    let Ok(Some(state)) = state else {
        return foreign();
    };
    let (outcome, detail) = match state.as_str() {
        "28P01" => (
            Outcome::AuthFailed,
            "The server refuses this user name and password. They may be wrong, or the password may have expired.",
        ),
        "28000" => (
            Outcome::AuthFailed,
            "The server does not let this user in from here with these settings. Check the user name, TLS, and the server's \
             rules for who may connect (pg_hba.conf).",
        ),
        "42501" => (
            Outcome::AuthFailed,
            "The user has no right to connect to this database.",
        ),
        "3D000" => (
            Outcome::ProtocolError,
            "The server has no database of this name. Correct the setting Database.",
        ),
        "53300" | "57P03" | "57P01" | "57P02" => (
            Outcome::Unreachable,
            "The server takes no connections at the moment: it is starting, stopping or full. Try again later.",
        ),
        _ if state.len() == 5
            && state
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) =>
        {
            return Failure::answered(
                Outcome::ProtocolError,
                format!(
                    "The server refuses the connection with the code {state}. Its own log says more."
                ),
            );
        }
        _ => return foreign(),
    };
    Failure::answered(outcome, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_iteration_count_is_read_and_nothing_else_taken_for_it() {
        assert_eq!(iterations(b"r=abc,s=c2FsdA==,i=4096"), Some(4096));
        assert_eq!(iterations(b"r=i=5,s=i=6,i=7"), Some(7));
        for nothing in [
            &b"r=abc,s=c2FsdA=="[..],
            b"",
            b"i=",
            b"i=x",
            b"i=99999999999",
            b"\xff,i=1",
        ] {
            assert_eq!(iterations(nothing), None);
        }
    }
}
