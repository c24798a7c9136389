//! A server whose answers a test decides, a network that writes down every connection, and a probe between them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use reprieve::connectors::probes::{self, Failure, Found, Target};
use reprieve::connectors::{Settings, find};
use reprieve::domain::kinds::Outcome;
use reprieve::outbound::{Dialer, Network, Own, Pending};
use reprieve::secrets::value::SecretValue;
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A request as the server saw it.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// Whether a secret is anywhere in it.
    pub(super) fn holds(&self, secret: &str) -> bool {
        format!("{self:?}").contains(secret)
    }
}

/// What the server answers.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

pub(super) fn answer(status: u16) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: String::new(),
    }
}

impl Answer {
    pub(super) fn json(self, body: Value) -> Self {
        self.text(&body.to_string())
            .header("content-type", "application/json")
    }

    pub(super) fn text(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A real HTTP server. It ends with the test.
pub(super) struct Server {
    pub(super) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    handle: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(decide: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let decide: Arc<dyn Fn(&Seen) -> Answer + Send + Sync> = Arc::new(decide);
        let (started, starting) = mpsc::channel();
        let log = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    let decide = Arc::clone(&decide);
                    let log = Arc::clone(&log);
                    App::new().default_service(web::to(move |request: HttpRequest, body: Bytes| {
                        let seen = read(&request, &body);
                        log.lock().unwrap().push(seen.clone());
                        let answer = decide(&seen);
                        async move { write(answer) }
                    }))
                })
                .workers(1)
                .disable_signals()
                .shutdown_timeout(0)
                .listen(listener)
                .unwrap()
                .run();
                started.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self {
            port,
            seen,
            handle: starting.recv().unwrap(),
            thread: Some(thread),
        }
    }

    /// What it was asked so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Another port that leads to it, through TLS with this certificate and key.
    pub(super) fn behind_tls(&self, (certificate, key): &(String, String)) -> u16 {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let plain = self.port;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // It ends with the tests' process: nothing is lost by its waiting for one more connection.
        std::thread::spawn(move || {
            listener.set_nonblocking(true).unwrap();
            runtime().block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move {
                        if let Ok(mut outer) = acceptor.accept(stream).await {
                            let mut inner = TcpStream::connect(("127.0.0.1", plain)).await.unwrap();
                            let _ = copy_bidirectional(&mut outer, &mut inner).await;
                        }
                    });
                }
            });
        });
        port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(request: &HttpRequest, body: &Bytes) -> Seen {
    let headers = request.headers().iter();
    Seen {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        headers: headers
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

fn write(answer: Answer) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).unwrap());
    for header in answer.headers {
        response.append_header(header);
    }
    response.body(answer.body)
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// An address of the internet, behind which the test puts what it likes.
pub(super) const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));

/// The loopback interface, with a public address beside it. Every connection is written down.
#[derive(Debug, Default)]
pub(super) struct Wires {
    /// This name leads to [`PUBLIC`].
    name: Option<&'static str>,
    /// Behind every port of [`PUBLIC`] is this one of 127.0.0.1.
    behind: Option<u16>,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl Wires {
    /// A world in which a server on this port has this name in the internet.
    pub(super) fn public(name: &'static str, port: u16) -> Arc<Self> {
        Arc::new(Self {
            name: Some(name),
            behind: Some(port),
            ..Self::default()
        })
    }

    /// Every address that was dialled.
    pub(super) fn dialled(&self) -> Vec<SocketAddr> {
        self.dialled.lock().unwrap().clone()
    }
}

impl Network for Wires {
    fn resolve<'a>(&'a self, host: &'a str) -> Pending<'a, Vec<IpAddr>> {
        let found = match host {
            "localhost" => Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
            _ if self.name == Some(host) => Ok(vec![PUBLIC]),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        Box::pin(std::future::ready(found))
    }

    fn connect(&self, address: SocketAddr) -> Pending<'_, TcpStream> {
        self.dialled.lock().unwrap().push(address);
        match self.behind {
            Some(port) if address.ip() == PUBLIC => {
                Box::pin(TcpStream::connect((Ipv4Addr::LOCALHOST, port)))
            }
            _ if address.ip().is_loopback() => Box::pin(TcpStream::connect(address)),
            _ => Box::pin(std::future::ready(Err(
                io::ErrorKind::ConnectionRefused.into()
            ))),
        }
    }
}

/// Tests what these settings and secrets lead to, in a world where loopback is listed.
pub(super) fn test(connector: &str, settings: &Value, secrets: &Value) -> Result<Found, Failure> {
    test_over(&Arc::new(Wires::default()), connector, settings, secrets)
}

/// The same over a network of the test's own.
pub(super) fn test_over(
    wires: &Arc<Wires>,
    connector: &str,
    settings: &Value,
    secrets: &Value,
) -> Result<Found, Failure> {
    test_listing(&["127.0.0.0/8"], wires, connector, settings, secrets)
}

/// The same with other ranges listed.
pub(super) fn test_listing(
    listed: &[&str],
    wires: &Arc<Wires>,
    connector: &str,
    settings: &Value,
    secrets: &Value,
) -> Result<Found, Failure> {
    let listed: Vec<ipnet::IpNet> = listed.iter().map(|range| range.parse().unwrap()).collect();
    let network: Arc<dyn Network> = Arc::<Wires>::clone(wires);
    let dialer = Dialer::new(network, &listed, Own::default());
    let connector = find(connector).unwrap();
    let settings = Settings::parse(connector, &settings.to_string()).unwrap();
    let secrets: BTreeMap<String, SecretValue> = secrets
        .as_object()
        .unwrap()
        .iter()
        .map(|(field, value)| {
            let value = value.as_str().unwrap().to_owned();
            (field.clone(), SecretValue::parse(value).unwrap())
        })
        .collect();
    let target = Target {
        connector,
        settings: &settings,
        secrets: &secrets,
    };
    let result = runtime().block_on(probes::run(&dialer, &target));
    // Whatever came of it: no answer repeats a secret.
    let shown = format!("{result:?}");
    for value in secrets.values().map(SecretValue::expose) {
        assert!(!shown.contains(value), "a secret in {shown}");
    }
    result
}

/// The outcome in one word.
pub(super) fn outcome(result: &Result<Found, Failure>) -> Outcome {
    result
        .as_ref()
        .map_or_else(|failure| failure.outcome, |_| Outcome::Ok)
}

/// The sentence of a failure.
pub(super) fn detail(result: &Result<Found, Failure>) -> &str {
    &result.as_ref().unwrap_err().detail
}
