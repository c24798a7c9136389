//! Servers that mean harm: they cost a probe at most its five seconds and 64 KiB, and lead it nowhere else.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reprieve::connectors::probes::{Failure, Found};
use reprieve::domain::kinds::Outcome;

use super::kit::{Wires, outcome, test_over};
use crate::support::json;

/// A server that reads a request and then does as it likes, once for each connection. How many bytes it got rid of.
fn hostile(
    behave: impl Fn(&mut TcpStream, usize) -> std::io::Result<()> + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let behave = Arc::new(behave);
    // It ends with the tests' process.
    std::thread::spawn(move || {
        for (turn, stream) in listener.incoming().enumerate() {
            let behave = Arc::clone(&behave);
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                if stream.read(&mut request).is_ok() {
                    // The other side hangs up on it, and that is what should happen.
                    let _ = behave(&mut stream, turn);
                }
            });
        }
    });
    port
}

fn ask(port: u16) -> (Result<Found, Failure>, Arc<Wires>) {
    let wires = Arc::new(Wires::default());
    let settings = json!({"base_url": format!("http://127.0.0.1:{port}/")});
    let result = test_over(
        &wires,
        "http-bearer",
        &settings,
        &json!({"token": "s3cr3t"}),
    );
    (result, wires)
}

/// A chunk of 65,536 bytes.
static MUCH: &[u8] = &[b'a'; 0x10000];

const REFUSED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";

/// Refuses the stranger, then treats who has the secret like this.
fn second(answer: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> u16 {
    hostile(move |stream, turn| {
        if turn == 0 {
            stream.write_all(REFUSED)
        } else {
            answer(stream)
        }
    })
}

#[test]
fn headers_without_end_are_not_read_to_their_end() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let port = hostile(move |stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        for number in 0_u64.. {
            let line = format!("x-{number}: {}\r\n", "a".repeat(1000));
            stream.write_all(line.as_bytes())?;
            count.fetch_add(line.len(), Ordering::SeqCst);
        }
        Ok(())
    });
    let (result, _) = ask(port);
    assert_eq!(outcome(&result), Outcome::ProtocolError);
    // What the operating system takes on its way is not what we read.
    assert!(sent.load(Ordering::SeqCst) < 16 * 1024 * 1024);
}

#[test]
fn a_body_without_end_does_not_change_what_the_status_says() {
    for (head, expected) in [
        ("", Outcome::AuthFailed),
        ("content-length: 4000000000000\r\n", Outcome::AuthFailed),
        ("transfer-encoding: chunked\r\n", Outcome::AuthFailed),
        // More than a length can be: no HTTP.
        (
            "content-length: 18446744073709551615\r\n",
            Outcome::ProtocolError,
        ),
    ] {
        let port = second(move |stream| {
            stream.write_all(format!("HTTP/1.1 403 Forbidden\r\n{head}\r\n").as_bytes())?;
            loop {
                // As a chunk it is one of 65,536 bytes; otherwise it is what it is.
                stream.write_all(b"10000\r\n")?;
                stream.write_all(MUCH)?;
                stream.write_all(b"\r\n")?;
            }
        });
        let (result, _) = ask(port);
        assert_eq!(outcome(&result), expected, "{head}: {result:?}");
    }
}

#[test]
fn a_chunk_of_an_absurd_size_takes_no_memory() {
    for size in [
        "ffffffffffffffff",
        "7fffffffffffffff",
        "10000000000000000",
        "-1",
        "zz",
    ] {
        let port = second(move |stream| {
            let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size}\r\n");
            stream.write_all(head.as_bytes())?;
            stream.write_all(&MUCH.repeat(3))
        });
        let (result, _) = ask(port);
        // The status is a success, and what is behind it is nobody's concern.
        assert_eq!(outcome(&result), Outcome::Ok, "{size}: {result:?}");
    }
}

#[test]
fn a_byte_a_second_ends_with_the_time_of_the_test() {
    let port = hostile(|stream, _| {
        for byte in b"HTTP/1.1 200 OK\r\nx: "
            .iter()
            .chain(std::iter::repeat(&b'a'))
        {
            stream.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    });
    assert_eq!(outcome(&ask(port).0), Outcome::Timeout);
}

#[test]
fn a_server_that_says_nothing_ends_with_the_time_of_the_test() {
    let port = hostile(|_, _| {
        loop {
            std::thread::park();
        }
    });
    assert_eq!(outcome(&ask(port).0), Outcome::Timeout);
}

#[test]
fn a_redirect_leads_nowhere() {
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        for to in [
            "http://127.0.0.1:1/",
            "http://169.254.169.254/latest",
            "//evil.example/",
            "/elsewhere",
            "gopher://x/",
        ] {
            let port = second(move |stream| {
                let answer = format!(
                    "HTTP/1.1 {status}\r\nlocation: {to}\r\nrefresh: 0;url={to}\r\ncontent-length: 0\r\n\r\n"
                );
                stream.write_all(answer.as_bytes())
            });
            let (result, wires) = ask(port);
            assert_eq!(outcome(&result), Outcome::ProtocolError, "{status} {to}");
            let there = ([127, 0, 0, 1], port).into();
            assert_eq!(wires.dialled(), [there, there], "{status} {to}");
        }
    }
}

#[test]
fn what_is_no_http_is_not_taken_for_it() {
    for banner in [
        &b""[..],
        b"\0\0\0\x0a",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"+OK\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
    ] {
        let port = hostile(move |stream, _| stream.write_all(banner));
        let (result, _) = ask(port);
        assert_eq!(
            outcome(&result),
            Outcome::ProtocolError,
            "{}",
            String::from_utf8_lossy(banner)
        );
        let failure = result.unwrap_err();
        assert!(
            failure.coarse().is_some(),
            "who may not see ports sees none in it"
        );
    }
}

#[test]
fn a_compressed_answer_is_not_unpacked() {
    // A token answer as gzip would be (its magic bytes first): nothing asked for it, so nothing reads it.
    let port = hostile(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0")
    });
    let settings =
        json!({"token_url": format!("http://127.0.0.1:{port}/token"), "client_id": "app"});
    let wires = Arc::new(Wires::default());
    let result = test_over(
        &wires,
        "oauth2-client-credentials",
        &settings,
        &json!({"client_secret": "s3cr3t"}),
    );
    assert_eq!(outcome(&result), Outcome::ProtocolError);
}

#[test]
fn a_token_answer_beyond_the_bounds_is_no_token() {
    let port = hostile(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"")?;
        loop {
            stream.write_all(MUCH)?;
        }
    });
    let settings =
        json!({"token_url": format!("http://127.0.0.1:{port}/token"), "client_id": "app"});
    let wires = Arc::new(Wires::default());
    let result = test_over(
        &wires,
        "oauth2-client-credentials",
        &settings,
        &json!({"client_secret": "s3cr3t"}),
    );
    assert_eq!(outcome(&result), Outcome::ProtocolError);
}

#[test]
fn deeply_nested_json_is_refused() {
    let port = hostile(|stream, _| {
        let body = "[".repeat(30_000);
        stream.write_all(
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        )
    });
    let settings =
        json!({"token_url": format!("http://127.0.0.1:{port}/token"), "client_id": "app"});
    let wires = Arc::new(Wires::default());
    let result = test_over(
        &wires,
        "oauth2-client-credentials",
        &settings,
        &json!({"client_secret": "s3cr3t"}),
    );
    assert_eq!(outcome(&result), Outcome::ProtocolError);
}

#[test]
fn forbidden_addresses_are_not_dialled_whatever_the_connector() {
    for host in [
        "169.254.169.254",
        "10.0.0.7",
        "192.168.1.1",
        "100.100.100.200",
    ] {
        let url = format!("https://{host}/");
        for (connector, settings, secrets) in [
            (
                "http-bearer",
                json!({"base_url": url}),
                json!({"token": "s3cr3t"}),
            ),
            (
                "http-basic",
                json!({"base_url": url, "username": "a"}),
                json!({"password": "s3cr3t"}),
            ),
            (
                "http-api-key",
                json!({"base_url": url}),
                json!({"api_key": "s3cr3t"}),
            ),
            (
                "oauth2",
                json!({"base_url": url}),
                json!({"access_token": "s3cr3t"}),
            ),
            (
                "github",
                json!({"base_url": url}),
                json!({"token": "s3cr3t"}),
            ),
            (
                "clickhouse",
                json!({"host": host, "username": "a"}),
                json!({"password": "s3cr3t"}),
            ),
            (
                "trino",
                json!({"host": host, "username": "a"}),
                json!({"token": "s3cr3t"}),
            ),
            (
                "databricks",
                json!({"host": host, "http_path": "/x"}),
                json!({"token": "s3cr3t"}),
            ),
            (
                "snowflake",
                json!({"account": "x", "host": host, "username": "a"}),
                json!({"password": "s3cr3t"}),
            ),
        ] {
            let wires = Arc::new(Wires::default());
            let result = test_over(&wires, connector, &settings, &secrets);
            assert_eq!(
                outcome(&result),
                Outcome::RefusedByPolicy,
                "{connector} {host}"
            );
            assert_eq!(wires.dialled(), [], "{connector} {host}");
        }
    }
}
