//! Servers that only pretend to be MySQL.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::{assert_outcome, saying, server, trial};
use crate::support::servers::{ca, certificate};
use crate::support::*;

const USER: &str = "bi-of-the-probe";
const PASSWORD: &str = "cAnArY of the probe";
const NONCE: &[u8] = b"abcdefghijklmnopqrst";

fn settings(port: u16, tls: &str) -> Value {
    json!({"host": "127.0.0.1", "port": port, "database": "sales", "username": USER, "tls": tls})
}

/// A packet of the protocol.
fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], payload].concat()
}

/// The first payload of a server.
fn greeting(method: &str, tls: bool) -> Vec<u8> {
    let capabilities = if tls { 0xff } else { 0xf7 };
    [
        b"\x0a8.0.40\0\x1f\0\0\0".as_slice(),
        &NONCE[..8],
        b"\0\xff",
        &[capabilities],
        b"\x2d\x02\0\xff\xff\x15",
        &[0; 10],
        &NONCE[8..],
        b"\0",
        method.as_bytes(),
        b"\0",
    ]
    .concat()
}

/// All the ways in which a server can ask for the password itself: what it says first, and then.
const WISHES: [(&str, &[u8]); 4] = [
    ("mysql_native_password", b"\xfemysql_clear_password\0"),
    ("mysql_native_password", b"\xfedialog\0\x04Password: "),
    (
        "mysql_native_password",
        b"\xfesha256_password\0abcdefghijklmnopqrst\0",
    ),
    ("caching_sha2_password", b"\x01\x04"),
];

trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

/// A server that greets, goes encrypted if that is wanted and it can, and says its payloads one by one, each after a
/// packet of the client.
struct Pretender {
    port: u16,
    /// What it heard, the wish for TLS aside.
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Pretender {
    fn start(method: &str, tls: bool, payloads: &[&[u8]]) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let greeting = packet(0, &greeting(method, tls));
        let payloads: Vec<Vec<u8>> = payloads.iter().map(|payload| payload.to_vec()).collect();
        let config = tls.then(tls_config);
        let ears = Arc::clone(&heard);
        let port = server(move |mut stream| {
            let (ears, payloads, config) = (Arc::clone(&ears), payloads.clone(), config.clone());
            let _ = stream.write_all(&greeting);
            thread::spawn(move || {
                let Some(config) = config else {
                    return talk(stream, &payloads, &ears);
                };
                // The wish for TLS: a packet of 32 bytes.
                let mut wish = [0; 36];
                stream.read_exact(&mut wish)?;
                let connection = ServerConnection::new(config).unwrap();
                talk(StreamOwned::new(connection, stream), &payloads, &ears)
            });
        });
        Self { port, heard }
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }
}

fn talk(
    mut stream: impl Duplex,
    payloads: &[Vec<u8>],
    ears: &Mutex<Vec<u8>>,
) -> std::io::Result<()> {
    for payload in payloads {
        let mut header = [0; 4];
        stream.read_exact(&mut header)?;
        let mut said = vec![0; usize::from(header[0])];
        stream.read_exact(&mut said)?;
        ears.lock().unwrap().extend_from_slice(&said);
        stream.write_all(&packet(header[3].wrapping_add(1), payload))?;
        stream.flush()?;
    }
    let mut buffer = [0; 1024];
    while let read @ 1.. = stream.read(&mut buffer)? {
        ears.lock().unwrap().extend_from_slice(&buffer[..read]);
    }
    Ok(())
}

fn tls_config() -> Arc<ServerConfig> {
    let (certificate, key) = certificate("127.0.0.1");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    Arc::new(config)
}

on_both! {
    fn nothing_that_a_pretended_mysql_says_does_harm(app: &TestApp) {
        let hello = packet(0, &greeting("mysql_native_password", false));
        let after = |packet: Vec<u8>| [hello.clone(), packet].concat();
        let words: [(&str, Vec<u8>); 12] = [
            ("an endless banner", b"220 welcome\r\n".repeat(100_000)),
            ("an endless version", packet(0, &[b"\x0a".as_slice(), &b"9".repeat(16_000)].concat()).repeat(100)),
            ("a huge length", b"\xff\xff\xff\0\x0a8.0.40\0".to_vec()),
            ("a huge length after the greeting", after(b"\xff\xff\xff\x02\0".to_vec())),
            ("nothing in a packet", packet(0, b"")),
            ("half a greeting", [&hello[..30], b"\0"].concat().repeat(1000)),
            ("a greeting that ends too early", packet(0, &hello[4..40])),
            ("a web server", b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec()),
            ("an error without a number", packet(0, b"\xff")),
            ("an error with a number that is none", after(packet(2, b"\xff\x01\0#28000pAsSwOrD <b>x"))),
            ("an error that nobody knows", after(packet(2, b"\xff\xff\xff#28000pAsSwOrD <b>x"))),
            ("a wish for a file", after([packet(2, b"\0\0\0"), packet(1, b"\xfb/etc/passwd")].concat())),
        ];
        for (what, words) in words {
            println!("{what}");
            let test = trial(&app.admin, "mysql", &settings(saying(words), "disable"), PASSWORD);
            assert_outcome(&test, "protocol_error", "");
            assert!(!test.to_string().contains("pAsSwOrD") && !test.to_string().contains("<b>"), "{test}");
        }
    }

    fn mysql_is_not_told_the_password_in_clear_text_where_somebody_may_read_along(app: &TestApp) {
        for (method, wish) in WISHES {
            for (tls, offered) in [("disable", false), ("disable", true), ("prefer", false), ("prefer", true)] {
                println!("{method} {wish:?} {tls} {offered}");
                let server = Pretender::start(method, offered && tls == "prefer", &[wish]);
                let test = trial(&app.admin, "mysql", &settings(server.port, tls), PASSWORD);
                assert_outcome(&test, "refused_by_policy", "was not sent");
                let heard = server.heard();
                assert!(heard.contains(USER) && !heard.contains(PASSWORD), "{heard:?}");
            }
        }
    }

    fn mysql_is_told_the_password_through_tls_that_was_asked_for(app: &TestApp) {
        for (method, wish) in WISHES {
            for tls in ["require", "verify"] {
                println!("{method} {wish:?} {tls}");
                let server = Pretender::start(method, true, &[wish, b"\0\0\0", b"\x01"]);
                let mut settings = settings(server.port, tls);
                settings["ca_certificate"] = json!(ca());
                let test = trial(&app.admin, "mysql", &settings, PASSWORD);
                assert_outcome(&test, "ok", "Signed in.");
                assert_eq!(test["server_version"], "8.0.40");
                assert!(server.heard().contains(PASSWORD));
            }
        }
    }

    fn a_mysql_that_is_not_who_it_should_be_hears_nobodys_name(app: &TestApp) {
        // Its authority is none that the world trusts.
        let stranger = Pretender::start("mysql_native_password", true, &[b"\0\0\0"]);
        let test = trial(&app.admin, "mysql", &settings(stranger.port, "verify"), PASSWORD);
        assert_outcome(&test, "tls_failed", "not signed by an authority");
        assert_eq!(stranger.heard(), "");
        for tls in ["require", "verify"] {
            let plain = Pretender::start("mysql_native_password", false, &[b"\0\0\0"]);
            let test = trial(&app.admin, "mysql", &settings(plain.port, tls), PASSWORD);
            assert_outcome(&test, "tls_failed", "offers no TLS");
            assert_eq!(plain.heard(), "");
        }
        // What comes before the handshake belongs to no one: that all is well does not pass for TLS.
        let hello = greeting("mysql_native_password", true);
        let port = saying([packet(0, &hello), packet(2, b"\0\0\0"), packet(1, b"\x01")].concat());
        for tls in ["prefer", "require"] {
            assert_outcome(&trial(&app.admin, "mysql", &settings(port, tls), PASSWORD), "tls_failed", "");
        }
    }

    fn a_mysql_that_is_slow_or_leaves_is_left(app: &TestApp) {
        let silent = saying(Vec::new());
        assert_outcome(&trial(&app.admin, "mysql", &settings(silent, "disable"), PASSWORD), "timeout", "No answer in time");
        let drip = server(|mut stream: TcpStream| {
            thread::spawn(move || {
                for byte in packet(0, &greeting("mysql_native_password", false)) {
                    if stream.write_all(&[byte]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_secs(1));
                }
            });
        });
        assert_outcome(&trial(&app.admin, "mysql", &settings(drip, "disable"), PASSWORD), "timeout", "No answer in time");
        let hangs_up = server(drop);
        assert_outcome(&trial(&app.admin, "mysql", &settings(hangs_up, "disable"), PASSWORD), "protocol_error", "");
    }
}
