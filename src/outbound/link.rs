//! A connection to another system: plain or encrypted, and bounded in what it takes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{OutboundError, Tls, TlsProblem};

/// What a probe takes from the other side, at most. A sign-in is a few hundred bytes.
pub(super) const MOST: usize = 64 * 1024;

/// A connection, as bytes. After [`MOST`] bytes reading fails.
#[derive(Debug)]
pub struct Link {
    stream: Stream,
    left: usize,
    listed: bool,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// More than [`MOST`] bytes arrived.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer is too long")]
pub(super) struct TooLong;

impl Link {
    pub(super) fn plain(stream: TcpStream, listed: bool) -> Self {
        // Each message waits for its answer: nothing is gained by waiting for more to send.
        let _ = stream.set_nodelay(true);
        Self {
            stream: Stream::Plain(stream),
            left: MOST,
            listed,
        }
    }

    /// Whether it leads into a network that the operator listed: who reads along there is the operator's business.
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// Whether nobody on the way can read along.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Goes on encrypted. `host` is who should answer.
    pub async fn encrypt(self, tls: &Tls, host: &str) -> Result<Self, OutboundError> {
        let Stream::Plain(stream) = self.stream else {
            return Ok(self);
        };
        let name = ServerName::try_from(host.trim_end_matches('.').to_owned())
            .map_err(|_| OutboundError::Tls(TlsProblem::WrongName))?;
        match tls.connector()?.connect(name, stream).await {
            Ok(stream) => Ok(Self {
                stream: Stream::Tls(Box::new(stream)),
                left: self.left,
                listed: self.listed,
            }),
            Err(error) => Err(match OutboundError::from(error) {
                OutboundError::Tls(problem) => OutboundError::Tls(problem),
                OutboundError::TimedOut => OutboundError::TimedOut,
                _ => OutboundError::Tls(TlsProblem::Handshake),
            }),
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other(TooLong)));
        }
        let this = &mut *self;
        let room = buf.remaining().min(this.left);
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
        let done = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, &mut part),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, &mut part),
        };
        let read = part.filled().len();
        buf.advance(read);
        this.left = this.left.saturating_sub(read);
        done
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, data),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
