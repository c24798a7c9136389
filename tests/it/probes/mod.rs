//! Tests of connections: the real protocol against real servers, and what no test may be made into.

mod hostile_mysql;
mod hostile_postgres;
mod http;
mod limits;
mod mysql;
mod policy;
mod postgres;
mod recording;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::support::servers::{OPEN, Probed, READER};
use crate::support::*;

/// The settings of a connection to a real server, its certificate verified.
fn settings(server: &Probed) -> Value {
    json!({"host": server.host, "port": server.port, "database": OPEN, "username": READER, "ca_certificate": server.ca})
}

/// The same with some of them changed; `null` leaves one out.
fn but(settings: &Value, changes: &Value) -> Value {
    let mut settings = settings.clone();
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(settings.as_object_mut().unwrap().remove(key)),
            value => settings[key] = value.clone(),
        }
    }
    settings
}

/// A connection with these settings, and its path.
fn connection(app: &TestApp, connector: &str, settings: &Value, password: &str) -> String {
    let new = json!({
        "name": format!("tested {}", uuid::Uuid::new_v4()), "connector": connector, "settings": settings,
        "secrets": {"password": password},
    });
    let id = app.admin.post("/v1/connections", &new).ok(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    format!("/v1/connections/{id}")
}

/// What a test of settings and a password comes to, without a connection.
fn trial(client: &Client, connector: &str, settings: &Value, password: &str) -> Value {
    let body = json!({"settings": settings, "secrets": {"password": password}});
    client
        .post(&format!("/v1/connectors/{connector}/test"), &body)
        .ok(200)
}

#[track_caller]
fn assert_outcome(test: &Value, outcome: &str, says: &str) {
    assert_eq!(test["outcome"], outcome, "{test}");
    assert!(test["detail"].as_str().unwrap().contains(says), "{test}");
}

/// A server on a port of its own that treats each connection as it likes.
fn server(treat: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            treat(stream.unwrap());
        }
    });
    port
}

/// A server that says this, whatever it is told, and waits.
fn saying(words: Vec<u8>) -> u16 {
    server(move |mut stream| {
        let _ = stream.write_all(&words);
        thread::spawn(move || {
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
    })
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
