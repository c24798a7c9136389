//! Servers that only pretend to be PostgreSQL.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{assert_outcome, saying, server, trial};
use crate::support::*;

const PASSWORD: &str = "cAnArY of the probe";

fn settings(port: u16, tls: &str) -> Value {
    json!({"host": "127.0.0.1", "port": port, "database": "sales", "username": "bi", "tls": tls})
}

/// A message of the protocol.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![tag];
    message.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    message.extend(body);
    message
}

fn authentication(kind: u32, body: &[u8]) -> Vec<u8> {
    message(b'R', &[&kind.to_be_bytes()[..], body].concat())
}

on_both! {
    fn nothing_a_hostile_server_says_does_harm(app: &TestApp) {
        let huge = [b'R', 0x7f, 0xff, 0xff, 0xff];
        let negative = [b'R', 0xff, 0xff, 0xff, 0xff];
        let words: [(&str, Vec<u8>); 9] = [
            ("an endless banner", b"220 welcome\r\n".repeat(100_000)),
            ("a huge length", huge.to_vec()),
            ("a negative length", negative.to_vec()),
            ("a web server", b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec()),
            ("an unknown message", message(b'?', b"x")),
            ("an unknown way to sign in", authentication(99, b"")),
            ("an error without a code", message(b'E', b"SFATAL\0MpAsSwOrD\0\0")),
            ("an error with a strange code", message(b'E', b"C<b>x\0\0")),
            ("a final proof before all", authentication(12, b"v=AAAA")),
        ];
        for (what, words) in words {
            let port = saying(words);
            let test = trial(&app.admin, "postgres", &settings(port, "disable"), PASSWORD);
            println!("{what}");
            assert_outcome(&test, "protocol_error", "");
            assert!(!test.to_string().contains("pAsSwOrD") && !test.to_string().contains("<b>"), "{test}");
        }
    }

    fn a_server_cannot_make_us_hash_for_ever(app: &TestApp) {
        // The nonce of the client comes back as it should, and the count is four thousand million.
        let port = server(|mut stream| {
            let _ = stream.write_all(&authentication(10, b"SCRAM-SHA-256\0\0"));
            thread::spawn(move || {
                let mut heard = Vec::new();
                let mut buffer = [0; 512];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    heard.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&heard).into_owned();
                    if let Some((_, nonce)) = text.split_once("r=") {
                        let first = format!("r={}more,s=c2FsdHNhbHQ=,i=4294967295", nonce.trim_end_matches('\0'));
                        let _ = stream.write_all(&authentication(11, first.as_bytes()));
                        heard.clear();
                    }
                }
            });
        });
        let test = trial(&app.admin, "postgres", &settings(port, "disable"), PASSWORD);
        assert_outcome(&test, "protocol_error", "");
    }

    fn a_password_in_clear_text_goes_to_nobody_who_is_not_encrypted(app: &TestApp) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        for (tls, first) in [("disable", &b""[..]), ("prefer", b"N")] {
            let ears = Arc::clone(&heard);
            let port = server(move |mut stream| {
                let ears = Arc::clone(&ears);
                thread::spawn(move || {
                    let mut buffer = [0; 1024];
                    if !first.is_empty() {
                        let _ = stream.read(&mut buffer);
                        let _ = stream.write_all(first);
                    }
                    let _ = stream.write_all(&authentication(3, b""));
                    while let Ok(read @ 1..) = stream.read(&mut buffer) {
                        ears.lock().unwrap().extend_from_slice(&buffer[..read]);
                    }
                });
            });
            let test = trial(&app.admin, "postgres", &settings(port, tls), PASSWORD);
            assert_outcome(&test, "refused_by_policy", "was not sent");
        }
        let heard = String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
        // It did listen, and the user's name came.
        assert!(heard.contains("bi") && !heard.contains("cAnArY"), "{heard:?}");
    }

    fn a_server_that_refuses_tls_gets_nothing_when_tls_is_asked_for(app: &TestApp) {
        for tls in ["require", "verify"] {
            let port = saying(b"N".to_vec());
            let test = trial(&app.admin, "postgres", &settings(port, tls), PASSWORD);
            assert_outcome(&test, "tls_failed", "offers no TLS");
        }
        // What comes before the handshake belongs to no one: an answer of more than one byte does not pass for TLS.
        let port = saying([b"S".to_vec(), authentication(0, b"")].concat());
        assert_outcome(&trial(&app.admin, "postgres", &settings(port, "require"), PASSWORD), "tls_failed", "");
    }

    fn a_server_that_is_slow_is_left(app: &TestApp) {
        let silent = saying(Vec::new());
        assert_outcome(&trial(&app.admin, "postgres", &settings(silent, "disable"), PASSWORD), "timeout", "No answer in time");
        let drip = server(|mut stream| {
            thread::spawn(move || {
                let mut drops = [b'R', 0, 0, 0x10, 0].into_iter().chain(std::iter::repeat(0));
                while stream.write_all(&[drops.next().unwrap()]).is_ok() {
                    thread::sleep(Duration::from_millis(200));
                }
            });
        });
        assert_outcome(&trial(&app.admin, "postgres", &settings(drip, "disable"), PASSWORD), "timeout", "No answer in time");
        let hangs_up = server(drop);
        assert_outcome(&trial(&app.admin, "postgres", &settings(hangs_up, "disable"), PASSWORD), "protocol_error", "");
    }
}
