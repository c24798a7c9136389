//! The MySQL wire protocol (MySQL, MariaDB, StarRocks): sign in, ask one question, leave.
//!
//! A client of our own, since those there are open their connections themselves. What must stay true:
//!
//! * Of what the server says only numbers, its version and the names of ways of signing in are read; every sentence is
//!   ours.
//! * The password goes out in clear text only through TLS that was required or verified, whatever way of signing in the
//!   server wants. It is never encrypted with a key that the server itself has sent: anybody can send one.
//! * No file is ever offered (`LOCAL INFILE`).

mod packets;
mod scramble;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use self::packets::{Greeting, Word};
use super::{Failure, Found, Target};
use crate::domain::kinds::Outcome;
use crate::outbound::{Dialer, Link, OutboundError, TlsMode, TlsProblem};

/// No packet of a sign-in is longer.
const LONGEST_PACKET: usize = 16 * 1024;
/// What a server may ask before it has decided.
const MOST_QUESTIONS: usize = 8;

const COM_QUIT: u8 = 1;
const COM_QUERY: u8 = 3;
/// Whoever still has to change their password may sign in to MariaDB, but is refused everything else. All servers know it.
const QUESTION: &[u8] = b"SELECT 1";

/// Who signs in.
#[derive(Clone, Copy)]
struct Login<'a> {
    user: &'a str,
    password: &'a str,
    database: Option<&'a str>,
    encrypted: bool,
    /// Whether the password may go out as it is.
    clear_text: bool,
}

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
    let database = target.text("database");
    let mut wire = Wire::new(dialer.dial(host, port).await?);
    let greeting = wire.greeting().await?;
    let tls = target.tls();
    if tls.mode != TlsMode::Disable {
        wire = go_encrypted(wire, &greeting, target, database).await?;
    }
    let encrypted = wire.stream.is_encrypted();
    let login = Login {
        user,
        password,
        database,
        encrypted,
        clear_text: encrypted && matches!(tls.mode, TlsMode::Require | TlsMode::Verify),
    };
    wire.sign_in(&greeting, login).await?;
    wire.ask().await?;
    // It was good to be here; whether the goodbye arrives changes nothing.
    let _ = wire.command(&[COM_QUIT]).await;
    // StarRocks names the version of MySQL that it resembles, not its own.
    if target.connector.key == "starrocks" {
        return Ok(Found::default());
    }
    Ok(Found::version(own_version(&greeting.version)))
}

/// MariaDB 10 says that it is a MySQL 5.5.5, for replicas that know nothing newer.
fn own_version(version: &str) -> &str {
    version.strip_prefix("5.5.5-").unwrap_or(version)
}

async fn go_encrypted(
    mut wire: Wire<Link>,
    greeting: &Greeting,
    target: &Target<'_>,
    database: Option<&str>,
) -> Result<Wire<Link>, Failure> {
    let tls = target.tls();
    let host = target.text("host").unwrap_or_default();
    let met = |error: OutboundError| Failure {
        met: true,
        ..error.into()
    };
    if !greeting.tls {
        return match tls.mode {
            TlsMode::Prefer => Ok(wire),
            _ => Err(met(OutboundError::Tls(TlsProblem::NotOffered))),
        };
    }
    // Packets are read to their last byte and no further: what a server sends before the handshake, which may be anybody's
    // word, is not taken for what it says after it.
    wire.send(&greeting.ask_for_tls(database)).await?;
    Ok(Wire {
        stream: wire.stream.encrypt(&tls, host).await.map_err(met)?,
        next: wire.next,
    })
}

/// A connection as packets.
struct Wire<S> {
    stream: S,
    /// The number of the next packet.
    next: u8,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    fn new(stream: S) -> Self {
        Self { stream, next: 0 }
    }

    async fn receive(&mut self) -> Result<Vec<u8>, Failure> {
        let [a, b, c, number] = {
            let mut header = [0; 4];
            self.stream.read_exact(&mut header).await?;
            header
        };
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        if length > LONGEST_PACKET {
            return Err(foreign());
        }
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await?;
        self.next = number.wrapping_add(1);
        Ok(payload)
    }

    async fn send(&mut self, payload: &[u8]) -> Result<(), Failure> {
        let length = u32::try_from(payload.len()).map_err(|_| too_long())?;
        if payload.len() > LONGEST_PACKET {
            return Err(too_long());
        }
        let [a, b, c, _] = length.to_le_bytes();
        let mut packet = Zeroizing::new(Vec::with_capacity(payload.len() + 4));
        packet.extend_from_slice(&[a, b, c, self.next]);
        packet.extend_from_slice(payload);
        self.next = self.next.wrapping_add(1);
        self.stream.write_all(&packet).await?;
        Ok(self.stream.flush().await?)
    }

    /// The first packet of an exchange.
    async fn command(&mut self, payload: &[u8]) -> Result<(), Failure> {
        self.next = 0;
        self.send(payload).await
    }

    async fn send_in_clear(&mut self, login: Login<'_>) -> Result<(), Failure> {
        if !login.clear_text {
            return Err(Failure::clear_text());
        }
        let mut password = Zeroizing::new(Vec::with_capacity(login.password.len() + 1));
        password.extend_from_slice(login.password.as_bytes());
        password.push(0);
        self.send(&password).await
    }

    /// The greeting, or why there is none.
    async fn greeting(&mut self) -> Result<Greeting, Failure> {
        let payload = self.receive().await?;
        if let Some(greeting) = Greeting::read(&payload) {
            return Ok(greeting);
        }
        match Word::read(&payload) {
            Some(Word::Error(code)) => Err(refused(code)),
            _ => Err(foreign()),
        }
    }

    async fn sign_in(&mut self, greeting: &Greeting, login: Login<'_>) -> Result<(), Failure> {
        let texts = [login.user, login.password, login.database.unwrap_or("")];
        if !texts.into_iter().all(packets::is_text) {
            return Err(Failure::answered(
                Outcome::AuthFailed,
                "A user name, a password or a database with a zero byte in it can't be sent.",
            ));
        }
        // The server's own way is the best guess at the user's; where it is wrong, the server says so.
        let mut method = Method::named(&greeting.method)
            .filter(|method| method.is_proof())
            .unwrap_or(Method::Native);
        let proof = method.proof(login.password, &greeting.nonce);
        self.send(&greeting.sign_in(
            login.encrypted,
            login.user,
            login.database,
            method.name(),
            &proof,
        ))
        .await?;
        for _ in 0..MOST_QUESTIONS {
            let payload = self.receive().await?;
            match Word::read(&payload).ok_or_else(foreign)? {
                Word::Ok => return Ok(()),
                Word::Error(code) => return Err(refused(code)),
                Word::Switch { method: name, data } => {
                    method = Method::named(name).ok_or_else(|| unknown_method(name))?;
                    if method.is_proof() {
                        let nonce = packets::nonce(data).ok_or_else(foreign)?;
                        self.send(&method.proof(login.password, &nonce)).await?;
                    } else {
                        self.send_in_clear(login).await?;
                    }
                }
                // The server does not remember the user's password and needs it once.
                Word::More([4]) if method == Method::CachingSha2 => {
                    self.send_in_clear(login).await?;
                }
                // It does, and the proof was right: the decision follows.
                Word::More([3]) if method == Method::CachingSha2 => {}
                // A second question, which is for something else.
                Word::More(_) | Word::Other(2..=5) if method == Method::Dialog => {
                    return Err(unknown_method(b""));
                }
                _ => return Err(foreign()),
            }
        }
        Err(foreign())
    }

    /// Asks the simplest of questions. That it is answered is enough.
    async fn ask(&mut self) -> Result<(), Failure> {
        self.command(&[&[COM_QUERY], QUESTION].concat()).await?;
        let payload = self.receive().await?;
        // The answer begins with its number of columns.
        if payload == [1] {
            return Ok(());
        }
        match Word::read(&payload) {
            Some(Word::Error(code)) => Err(refused(code)),
            _ => Err(foreign()),
        }
    }
}

/// A way of signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Native,
    CachingSha2,
    Sha256,
    Clear,
    /// Questions that a person would answer; the first is for the password (PAM).
    Dialog,
}

impl Method {
    const ALL: [Self; 5] = [
        Self::Native,
        Self::CachingSha2,
        Self::Sha256,
        Self::Clear,
        Self::Dialog,
    ];

    fn named(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|method| method.name().as_bytes() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
            Self::Sha256 => "sha256_password",
            Self::Clear => "mysql_clear_password",
            Self::Dialog => "dialog",
        }
    }

    /// Whether the password itself stays here.
    fn is_proof(self) -> bool {
        matches!(self, Self::Native | Self::CachingSha2)
    }

    fn proof(self, password: &str, nonce: &scramble::Nonce) -> Vec<u8> {
        match self {
            Self::Native => scramble::native(password.as_bytes(), nonce),
            Self::CachingSha2 => scramble::caching_sha2(password.as_bytes(), nonce),
            Self::Sha256 | Self::Clear | Self::Dialog => Vec::new(),
        }
    }
}

fn foreign() -> Failure {
    Failure::protocol("a server of the MySQL protocol")
}

fn too_long() -> Failure {
    Failure::answered(
        Outcome::AuthFailed,
        "The user name, the password or the database is too long to be sent.",
    )
}

fn unknown_method(name: &[u8]) -> Failure {
    let detail = match name {
        b"client_ed25519" => {
            "The server wants this user to sign in by ed25519. That can't be tested; the connection can be used."
        }
        b"parsec" => {
            "The server wants this user to sign in by PARSEC. That can't be tested; the connection can be used."
        }
        _ => {
            "The server wants another way of signing in than a password. That can't be tested; the connection can be used."
        }
    };
    Failure::answered(Outcome::Unsupported, detail)
}

/// What the server refused, by its number. Those below 4000 are the same on MySQL and MariaDB as far as they are named here.
fn refused(code: u16) -> Failure {
    let (outcome, detail) = match code {
        // Access denied, with a password and without one.
        1045 | 1698 => (
            Outcome::AuthFailed,
            "The server refuses this user name and password. They may be wrong, or the user may not sign in from here or \
             not without TLS.",
        ),
        1130 => (
            Outcome::AuthFailed,
            "The server lets nobody in from the address of Reprieve. Allow it there.",
        ),
        1044 => (
            Outcome::AuthFailed,
            "The user has no right to this database, or the server has none of this name.",
        ),
        1049 => (
            Outcome::ProtocolError,
            "The server has no database of this name. Correct the setting Database.",
        ),
        1820 | 1862 => (
            Outcome::AuthFailed,
            "The password is right but has expired. Set a new one on the server and enter it here.",
        ),
        // MySQL's and MariaDB's numbers for a locked account, and for one with too many wrong passwords.
        3118 | 4151 | 3955 | 4150 => (
            Outcome::AuthFailed,
            "The server has locked this user. Unlock it there.",
        ),
        3159 => (
            Outcome::TlsFailed,
            "The server takes encrypted connections only. Set TLS to verify or require.",
        ),
        1129 => (
            Outcome::Unreachable,
            "The server has blocked the address of Reprieve after too many failed connections. Unblock it there \
             (FLUSH HOSTS).",
        ),
        // Full, in all or for this user; stopping.
        1040 | 1203 | 1226 | 1053 => (
            Outcome::Unreachable,
            "The server takes no connections at the moment: it is stopping or full. Try again later.",
        ),
        // Ways of signing in that we or the server do not have.
        1251 | 1275 | 1524 | 2059 => return unknown_method(b""),
        // A number that is none: by accident something else looked like a refusal.
        0..1000 => return foreign(),
        _ => {
            return Failure::answered(
                Outcome::ProtocolError,
                format!(
                    "The server refuses the connection with the error {code}. Its own log says more."
                ),
            );
        }
    };
    Failure::answered(outcome, detail)
}

#[cfg(test)]
mod tests;
