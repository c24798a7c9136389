//! A receiver: an HTTP server that takes messages, or does not.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::support::TestApp;

/// A message as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or_else(|| panic!("no {name}: {self:?}"), |(_, value)| value)
    }

    /// Its `webhook-id`.
    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// How many of its signatures are by this secret, by the rules of Standard Webhooks and by nothing of ours.
    pub(crate) fn signatures_by(&self, secret: &str) -> usize {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let head = format!("{}.{}.", self.id(), self.header("webhook-timestamp"));
        mac.update(head.as_bytes());
        mac.update(&self.body);
        let ours = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let signatures = self.header("webhook-signature").split(' ');
        signatures.filter(|signature| *signature == ours).count()
    }

    pub(crate) fn signatures(&self) -> usize {
        self.header("webhook-signature").split(' ').count()
    }
}

/// What it does with a message, once it has read all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Say {
    /// Answers with this status and these headers.
    Status(u16, String),
    /// Closes the connection.
    Cut,
    /// Never answers.
    Hang,
}

pub(crate) const TAKEN: Say = Say::Status(204, String::new());

pub(crate) fn status(code: u16) -> Say {
    Say::Status(code, String::new())
}

/// A server on a port of its own. Each message gets the next of its answers, the last for ever.
pub(crate) struct Receiver {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<Say>>>,
}

impl Receiver {
    pub(crate) fn start(answers: &[Say]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let answers = Arc::new(Mutex::new(VecDeque::from(answers.to_vec())));
        let (record, sayings) = (Arc::clone(&got), Arc::clone(&answers));
        // It ends with the tests' process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (record, sayings) = (Arc::clone(&record), Arc::clone(&sayings));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(message) = read(&stream) else { return };
                    let say = {
                        // Together, so that who sees the message knows that its answer is chosen.
                        let mut sayings = sayings.lock().unwrap();
                        record.lock().unwrap().push(message);
                        match sayings.len() {
                            1 => sayings[0].clone(),
                            _ => sayings.pop_front().unwrap(),
                        }
                    };
                    answer(&mut stream, say);
                });
            }
        });
        Self { port, got, answers }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/in?channel=1", self.port)
    }

    /// From now on it says this.
    pub(crate) fn says(&self, answers: &[Say]) {
        *self.answers.lock().unwrap() = VecDeque::from(answers.to_vec());
    }

    /// Everything that arrived, in this order.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until so many messages have arrived; all there are.
    #[track_caller]
    pub(crate) fn waits_for(&self, count: usize) -> Vec<Got> {
        TestApp::wait_for("messages", || self.got().len() >= count);
        self.got()
    }

    /// Waits for a message of this type; the last one.
    #[track_caller]
    pub(crate) fn waits_for_type(&self, type_: &str) -> Got {
        let find = || {
            self.got()
                .into_iter()
                .rfind(|got| got.json()["type"] == type_)
        };
        TestApp::wait_for(type_, || find().is_some());
        find().unwrap()
    }
}

fn read(stream: &TcpStream) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Some(Got {
        line: line.trim_end().to_owned(),
        headers,
        body,
    })
}

fn answer(stream: &mut TcpStream, say: Say) {
    match say {
        Say::Cut => {}
        Say::Hang => loop {
            thread::park();
        },
        Say::Status(status, headers) => {
            // Whoever has given up does not read it. What it says is never kept.
            let body = "zqmarkerqz of the receiver";
            let _ = write!(
                stream,
                "HTTP/1.1 {status} Said\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                if status == 204 { 0 } else { body.len() }
            );
        }
    }
}
