//! Opens connections, to where the policy lets it.

use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::{Instant, timeout_at};

use super::address::{Verdict, canonical, judge};
use super::{Link, Network, OutboundError};
use crate::connectors::is_host;

/// How long resolving and connecting may take together.
const CONNECT: Duration = Duration::from_secs(3);
/// A name with more addresses than this has the rest of them ignored.
const ADDRESSES: usize = 8;

/// Why a host is not dialled. The texts name no address: which one a name has inside this network is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no host name.
    NotAHost,
    /// It is on this machine or in a private network that is not listed.
    Private,
    /// Metadata, link-local, reserved: no setting allows it.
    Never,
    /// It is Reprieve itself or its database.
    Own,
    /// What is sent could be read on the way.
    ClearText,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAHost => "The host is not a host name or an IP address.",
            Self::Private => {
                "The host is on this machine or in a private network. Whoever runs Reprieve can allow its range with the \
                 setting allow_cidrs."
            }
            Self::Never => "The host has a link-local, metadata or reserved address. Reprieve never connects to those.",
            Self::Own => "The host is Reprieve itself or its own database. Reprieve never connects to those.",
            Self::ClearText => {
                "Without TLS the secret could be read on the way, so it was not sent. Use https://, or switch TLS on. Within \
                 a network of their own, whoever runs Reprieve can allow it with the setting allow_cidrs."
            }
        })
    }
}

/// What belongs to the service itself: no probe may reach it from inside.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// Its listeners and its database: a host and a port.
    pub endpoints: Vec<(String, u16)>,
    /// The name under which it is reached from outside, with any address.
    pub public: Option<(String, u16)>,
}

/// Opens connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dialer {
    network: Arc<dyn Network>,
    listed: Arc<[IpNet]>,
    own: Arc<Own>,
}

impl Dialer {
    /// A dialer that may reach public addresses and the listed ranges.
    pub fn new(network: Arc<dyn Network>, listed: &[IpNet], own: Own) -> Self {
        Self {
            network,
            listed: listed.into(),
            own: Arc::new(own),
        }
    }

    /// Connects to a host, at the first of its addresses that may be dialled and answers, within 3 seconds.
    pub async fn dial(&self, host: &str, port: u16) -> Result<Link, OutboundError> {
        let deadline = Instant::now() + CONNECT;
        let late = |_| OutboundError::TimedOut;
        let addresses = timeout_at(deadline, self.permitted(host, port))
            .await
            .map_err(late)??;
        let mut last = OutboundError::Unresolved;
        for address in addresses {
            match timeout_at(deadline, self.network.connect(address))
                .await
                .map_err(late)?
            {
                Ok(stream) => return Ok(Link::plain(stream, self.is_listed(address.ip()))),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    /// The addresses of a host that may be dialled. They are resolved once, here: what is judged is what is dialled.
    async fn permitted(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
        if !is_host(host) || port == 0 {
            return Err(OutboundError::Refused(Refusal::NotAHost));
        }
        let is_public_self =
            |(own, own_port): &(String, u16)| same_name(own, host) && *own_port == port;
        if self.own.public.as_ref().is_some_and(is_public_self) {
            return Err(OutboundError::Refused(Refusal::Own));
        }
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self
                .network
                .resolve(host)
                .await
                .map_err(|_| OutboundError::Unresolved)?,
        };
        let mut refusal = None;
        let mut permitted = Vec::new();
        for address in found.into_iter().take(ADDRESSES).map(canonical) {
            match self.refusal(address, port).await {
                Some(reason) => refusal = Some(reason),
                None => permitted.push(SocketAddr::new(address, port)),
            }
        }
        match refusal {
            Some(reason) if permitted.is_empty() => {
                tracing::info!(?reason, "an outbound connection was refused by the policy");
                Err(OutboundError::Refused(reason))
            }
            _ => Ok(permitted),
        }
    }

    fn is_listed(&self, address: IpAddr) -> bool {
        self.listed.iter().any(|range| range.contains(&address))
    }

    async fn refusal(&self, address: IpAddr, port: u16) -> Option<Refusal> {
        match judge(address, &self.listed) {
            Verdict::Never => Some(Refusal::Never),
            Verdict::Private => Some(Refusal::Private),
            Verdict::Allowed if self.is_own(address, port).await => Some(Refusal::Own),
            Verdict::Allowed => None,
        }
    }

    async fn is_own(&self, address: IpAddr, port: u16) -> bool {
        for (host, _) in self.own.endpoints.iter().filter(|(_, own)| *own == port) {
            let own = match host.parse::<IpAddr>() {
                Ok(own) => vec![own],
                // Whoever can't find its own database has other worries; what can't be found can't be reached either.
                Err(_) => self.network.resolve(host).await.unwrap_or_default(),
            };
            let is_same =
                |own: IpAddr| own == address || (is_this_machine(own) && is_this_machine(address));
            if own.into_iter().map(canonical).any(is_same) {
                return true;
            }
        }
        false
    }
}

fn same_name(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    plain(one) == plain(other)
}

/// Whether an address is one of this machine's: those, and no others, can be bound to.
fn is_this_machine(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use tokio::net::TcpStream;

    use super::*;
    use crate::outbound::Pending;

    /// Answers names by a list, and writes down what is dialled instead of dialling it.
    #[derive(Debug, Default)]
    struct Paper {
        names: Vec<(&'static str, Vec<&'static str>)>,
        lookups: Mutex<usize>,
        dialled: Mutex<Vec<SocketAddr>>,
    }

    impl Network for Paper {
        fn resolve<'a>(&'a self, host: &'a str) -> Pending<'a, Vec<IpAddr>> {
            let mut lookups = self.lookups.lock().unwrap();
            // A name with several rounds of answers gives the next with each question, as a rebinding server does.
            let mut rounds = self.names.iter().filter(|(name, _)| *name == host);
            let answer = rounds.clone().nth(*lookups).or_else(|| rounds.next_back());
            *lookups += 1;
            let answer = answer
                .map(|(_, addresses)| addresses.iter().map(|text| text.parse().unwrap()).collect())
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
            Box::pin(std::future::ready(answer))
        }

        fn connect(&self, address: SocketAddr) -> Pending<'_, TcpStream> {
            self.dialled.lock().unwrap().push(address);
            Box::pin(std::future::ready(Err(
                io::ErrorKind::ConnectionRefused.into()
            )))
        }
    }

    async fn dial(
        network: &Arc<Paper>,
        listed: &[&str],
        own: Own,
        host: &str,
        port: u16,
    ) -> OutboundError {
        let listed: Vec<IpNet> = listed.iter().map(|range| range.parse().unwrap()).collect();
        let network: Arc<dyn Network> = Arc::<Paper>::clone(network);
        let dialer = Dialer::new(network, &listed, own);
        dialer.dial(host, port).await.err().unwrap()
    }

    fn refused(error: &OutboundError) -> Option<Refusal> {
        match error {
            OutboundError::Refused(refusal) => Some(*refusal),
            _ => None,
        }
    }

    /// Spellings of places that a probe must not reach, beside the plain addresses of `address`.
    #[tokio::test]
    async fn no_spelling_of_a_host_leads_to_a_forbidden_address() {
        let spellings = [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "0",
            "0.0.0.0",
            "0x7f.1",
            "0x7f000001",
            "0x7f.0.0.1",
            "0X7F.1",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "0177.1",
            "127.0.0.1.",
            "127.000.000.001",
            "::1",
            "[::1]",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:7f00:1",
            "0:0:0:0:0:ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "169.254.169.254",
            "169.254.43518",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "fe80::1",
            "fe80::1%eth0",
            "fe80::1%25eth0",
            "fd00:ec2::254",
            "192.168.1.1",
            "10.0.0.1",
            "10.1",
            "172.16.5.4",
            "100.64.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "local\u{ff0e}host",
            "127\u{3002}0\u{3002}0\u{3002}1",
            "\u{2460}27.0.0.1",
            "\u{ff11}27.0.0.1",
            "/var/run/postgresql",
            "/tmp",
            "a,127.0.0.1",
            "127.0.0.1,a",
            "a b",
            "",
            " ",
            " 127.0.0.1",
            "127.0.0.1 ",
            "me@127.0.0.1",
            "127.0.0.1:80",
            "http://127.0.0.1",
            "127.0.0.1/x",
            "127.0.0.1#x",
            "127.0.0.1?x",
            "127.0.0.1%00",
            "127.0.0.1\0",
            "127.0.0.1\n",
            "127.0.0.1\\x",
            "..",
            "a..b",
            "-a",
            "metadata.google.internal",
            "instance-data",
            "inside.example",
            "*",
            "\u{202e}1.0.0.721",
        ];
        let network = Arc::new(Paper {
            names: vec![
                ("localhost", vec!["127.0.0.1", "::1"]),
                ("LOCALHOST", vec!["127.0.0.1"]),
                ("localhost.", vec!["::1"]),
                ("metadata.google.internal", vec!["169.254.169.254"]),
                ("instance-data", vec!["fd00:ec2::254"]),
                ("inside.example", vec!["10.0.0.7"]),
            ],
            ..Paper::default()
        });
        for host in spellings {
            let error = dial(&network, &[], Own::default(), host, 5432).await;
            assert!(refused(&error).is_some(), "{host:?}: {error:?}");
        }
        assert!(spellings.len() >= 60);
        assert_eq!(*network.dialled.lock().unwrap(), []);
    }

    #[tokio::test]
    async fn a_name_is_resolved_once_and_only_its_permitted_addresses_are_dialled() {
        let network = Arc::new(Paper {
            names: vec![
                ("flips.example", vec!["8.8.8.8"]),
                ("flips.example", vec!["127.0.0.1"]),
                (
                    "mixed.example",
                    vec!["127.0.0.1", "8.8.4.4", "169.254.169.254", "::1"],
                ),
            ],
            ..Paper::default()
        });
        let error = dial(&network, &[], Own::default(), "flips.example", 443).await;
        assert!(matches!(error, OutboundError::Unreachable(_)), "{error:?}");
        assert_eq!(*network.lookups.lock().unwrap(), 1);
        dial(&network, &[], Own::default(), "mixed.example", 443).await;
        let dialled = network.dialled.lock().unwrap();
        let expected: Vec<SocketAddr> = ["8.8.8.8:443", "8.8.4.4:443"]
            .map(|address| address.parse().unwrap())
            .into();
        assert_eq!(*dialled, expected);
    }

    #[tokio::test]
    async fn what_is_listed_is_dialled_and_the_service_itself_never_is() {
        let network = Arc::new(Paper {
            names: vec![
                ("database.internal", vec!["10.0.0.5"]),
                ("alias.internal", vec!["10.0.0.5"]),
            ],
            ..Paper::default()
        });
        let own = || Own {
            endpoints: vec![
                ("0.0.0.0".to_owned(), 3003),
                ("database.internal".to_owned(), 5432),
            ],
            public: Some(("reprieve.example.com".to_owned(), 443)),
        };
        let listed = ["0.0.0.0/0", "::/0"];
        for (host, port) in [
            ("127.0.0.1", 3003),
            ("::1", 3003),
            ("::ffff:127.0.0.1", 3003),
            ("127.9.9.9", 3003),
            ("10.0.0.5", 5432),
            ("alias.internal", 5432),
            ("Reprieve.example.COM.", 443),
        ] {
            let error = dial(&network, &listed, own(), host, port).await;
            assert_eq!(refused(&error), Some(Refusal::Own), "{host}:{port}");
        }
        assert_eq!(*network.dialled.lock().unwrap(), []);
        for (host, port) in [("127.0.0.1", 3004), ("10.0.0.5", 5433), ("10.0.0.6", 5432)] {
            let error = dial(&network, &listed, own(), host, port).await;
            assert!(
                matches!(error, OutboundError::Unreachable(_)),
                "{host}:{port}: {error:?}"
            );
        }
        assert_eq!(network.dialled.lock().unwrap().len(), 3);
        let error = dial(&network, &listed, own(), "127.0.0.1", 0).await;
        assert_eq!(refused(&error), Some(Refusal::NotAHost));
    }
}
