//! The two things that leave this machine: asking for a name's addresses, and opening a connection.
//!
//! Tests put another one in its place to see every socket that is opened, and to answer names as they like.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use tokio::net::{TcpStream, lookup_host};

/// An answer that is on its way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// Names and connections.
pub trait Network: Debug + Send + Sync {
    /// The addresses of a host name.
    fn resolve<'a>(&'a self, host: &'a str) -> Pending<'a, Vec<IpAddr>>;

    /// A connection to exactly this address.
    fn connect(&self, address: SocketAddr) -> Pending<'_, TcpStream>;
}

/// The operating system's.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn resolve<'a>(&'a self, host: &'a str) -> Pending<'a, Vec<IpAddr>> {
        Box::pin(async move {
            let found = lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }

    fn connect(&self, address: SocketAddr) -> Pending<'_, TcpStream> {
        Box::pin(TcpStream::connect(address))
    }
}
