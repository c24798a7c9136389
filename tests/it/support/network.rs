//! The way out of a test's service: it knows only the names it was told, and remembers every connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use reprieve::outbound::{Network, Pending};
use tokio::net::TcpStream;

/// Nothing outside this machine is ever dialled by a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    names: Mutex<Vec<(String, Vec<IpAddr>)>>,
    dialled: Mutex<Vec<SocketAddr>>,
    /// Addresses elsewhere and the ports of this machine that stand in for them.
    elsewhere: Mutex<Vec<(IpAddr, u16)>>,
}

impl Watched {
    /// From now on a name has these addresses. Told several times, each answer is given once, the last for ever.
    pub(crate) fn name(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.0
            .names
            .lock()
            .unwrap()
            .push((name.to_owned(), addresses));
    }

    /// From now on an address elsewhere is answered by a port of this machine.
    pub(crate) fn stands_in(&self, port: u16, address: &str) {
        let address = address.parse().unwrap();
        self.0.elsewhere.lock().unwrap().push((address, port));
    }

    /// Every address that was dialled, in this order.
    pub(crate) fn dialled(&self) -> Vec<SocketAddr> {
        self.0.dialled.lock().unwrap().clone()
    }
}

impl Network for Watched {
    fn resolve<'a>(&'a self, host: &'a str) -> Pending<'a, Vec<IpAddr>> {
        let mut names = self.0.names.lock().unwrap();
        let mine: Vec<usize> = (0..names.len()).filter(|n| names[*n].0 == host).collect();
        let answer = match mine[..] {
            [] => Err(io::ErrorKind::NotFound.into()),
            [only] => Ok(names[only].1.clone()),
            [first, ..] => Ok(names.remove(first).1),
        };
        Box::pin(std::future::ready(answer))
    }

    fn connect(&self, address: SocketAddr) -> Pending<'_, TcpStream> {
        self.0.dialled.lock().unwrap().push(address);
        let elsewhere = self.0.elsewhere.lock().unwrap();
        let stand_in = elsewhere.iter().find(|(ip, _)| *ip == address.ip());
        if let Some((_, port)) = stand_in {
            Box::pin(TcpStream::connect(("127.0.0.1", *port)))
        } else if address.ip().is_loopback() {
            Box::pin(TcpStream::connect(address))
        } else {
            // A firewall that drops what is sent: nobody ever answers.
            Box::pin(std::future::pending())
        }
    }
}
