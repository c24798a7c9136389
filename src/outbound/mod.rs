//! Everything that Reprieve connects to beside its own database: systems that are probed, and revocation at the source.
//!
//! One dialer, so that there is one place to judge where a connection may lead (docs/security.md, "What Reprieve
//! connects to"). What must stay true:
//!
//! * A name is resolved once; each of its addresses is judged, after unwrapping; only a judged address is dialled. TLS
//!   verifies the name.
//! * No redirect is followed, no proxy variable is read, nothing of the service's own environment is sent.
//! * What the other side sends is bounded in bytes and in time, and never repeated to the caller.

mod address;
mod dialer;
pub mod http;
mod link;
mod network;
mod tls;

pub use dialer::{Dialer, Own, Refusal};
pub use link::Link;
pub use network::{Network, Pending, SystemNetwork};
pub use tls::{Tls, TlsMode};

use std::io;

/// Why there is no connection, or no more of it. None of it repeats what the other side sent.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The policy forbids it; nothing was dialled.
    #[error("the address is refused: {0}")]
    Refused(Refusal),
    /// The name leads nowhere.
    #[error("the host name can't be resolved")]
    Unresolved,
    /// Nobody answers, or the connection broke.
    #[error("no connection: {0}")]
    Unreachable(io::ErrorKind),
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// The other side closed the connection in the middle.
    #[error("the other side closed the connection")]
    Closed,
    /// More arrived than an answer may have.
    #[error("the answer is too long")]
    TooLong,
    /// TLS was not to be had, or not with this certificate.
    #[error("no TLS: {0}")]
    Tls(TlsProblem),
    /// It does not speak the protocol that was expected.
    #[error("that is not the expected protocol")]
    Protocol,
}

/// What is wrong with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsProblem {
    /// The server does not offer it.
    #[error("it is not offered")]
    NotOffered,
    /// Nobody who is trusted has signed the certificate.
    #[error("the certificate is signed by nobody who is trusted")]
    UnknownIssuer,
    /// The certificate is another host's.
    #[error("the certificate is another host's")]
    WrongName,
    /// The certificate is too old, or not valid yet.
    #[error("the certificate is not valid now")]
    NotValidNow,
    /// The configured authority is no certificate.
    #[error("the configured authority is no certificate")]
    BadAuthority,
    /// The handshake failed otherwise.
    #[error("the handshake failed")]
    Handshake,
}

impl From<io::Error> for OutboundError {
    fn from(error: io::Error) -> Self {
        Self::of(&error)
    }
}

impl OutboundError {
    fn of(error: &io::Error) -> Self {
        if let Some(inner) = error.get_ref() {
            if inner.is::<link::TooLong>() {
                return Self::TooLong;
            }
            if let Some(inner) = inner.downcast_ref::<rustls::Error>() {
                return Self::Tls(tls::problem(inner));
            }
        }
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Self::Closed,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Self::Protocol,
            kind => Self::Unreachable(kind),
        }
    }
}
