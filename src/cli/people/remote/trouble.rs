//! What keeps a call from being answered, whether it may pass, and how it is told.

use std::io::ErrorKind;

use anyhow::anyhow;
use ureq::Timeout;

use super::{Failure, Refusal};

/// Why a call has no answer yet.
pub(super) enum Trouble {
    /// Nobody listens.
    Refused,
    /// The connection broke: what was asked may have been done.
    Lost(ureq::Error),
    /// The service says to try again.
    Busy(Refusal),
    /// A proxy in front of the service says that it is away.
    Away(u16),
    /// Nothing that passes by itself.
    Other(anyhow::Error),
}

impl From<ureq::Error> for Trouble {
    fn from(error: ureq::Error) -> Self {
        match &error {
            ureq::Error::Io(cause) if cause.kind() == ErrorKind::ConnectionRefused => Self::Refused,
            // TLS says so in this way.
            ureq::Error::Io(cause) if cause.kind() == ErrorKind::InvalidData => tls(error),
            ureq::Error::Io(_) | ureq::Error::Protocol(_) => Self::Lost(error),
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => tls(error),
            ureq::Error::HostNotFound => {
                Self::Other(anyhow!("there is no host of the name that --url gives"))
            }
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => Self::Other(anyhow!(
                "the server of --url can't be reached: no answer within the time for connecting"
            )),
            ureq::Error::Timeout(_) => Self::Other(anyhow!(
                "the server has not answered in time; it may still do what was asked: look before you repeat the command"
            )),
            _ => Self::Other(anyhow::Error::new(error).context("the server can't be called")),
        }
    }
}

fn tls(error: ureq::Error) -> Trouble {
    Trouble::Other(anyhow::Error::new(error).context(
        "TLS with the server of --url fails; one without TLS is reached by http://, one with a certificate of your own by --ca-file",
    ))
}

impl Trouble {
    /// Whether to send the same call again. A server that was never there is not waited for; one that went away is.
    pub(super) fn may_pass(&self, first: bool) -> bool {
        match self {
            Self::Refused => !first,
            Self::Lost(_) | Self::Busy(_) | Self::Away(_) => true,
            Self::Other(_) => false,
        }
    }

    pub(super) fn failure(self, base: &str, write: bool) -> Failure {
        let error = match self {
            Self::Busy(refusal) => return Failure::Refused(Box::new(refusal)),
            Self::Other(error) => error,
            Self::Refused => anyhow!("nobody listens at {base}: is the server running?"),
            Self::Away(status) => anyhow!("the proxy at {base} answers {status}: the server behind it is away"),
            Self::Lost(error) if write => anyhow::Error::new(error).context(format!(
                "the connection to {base} was lost; what was asked may have been done: look before you repeat the command"
            )),
            Self::Lost(error) => {
                anyhow::Error::new(error).context(format!("the connection to {base} was lost"))
            }
        };
        Failure::Broken(error)
    }
}
