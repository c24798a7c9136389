//! A source: an HTTP server that revokes what it is told, or does not.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use url::form_urlencoded;

use crate::support::TestApp;

/// What a source was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A field of the form it was sent.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.body.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// An answer: status, headers, body.
pub(crate) type Answer = (u16, &'static str, &'static str);

pub(crate) const REVOKED: Answer = (200, "", "");
pub(crate) const BUSY: Answer = (503, "Retry-After: 1\r\n", "");

/// A server on a port of its own. Each request gets the next of its answers, the last for ever.
pub(crate) struct Source {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    at_once: Arc<Mutex<(usize, usize)>>,
    came: Mutex<Receiver<()>>,
    go: Option<Sender<()>>,
}

impl Source {
    /// A server that answers at once.
    pub(crate) fn answering(answers: &[Answer]) -> Self {
        Self::start(answers, false)
    }

    /// A server that answers each request when it is told to.
    pub(crate) fn waiting(answers: &[Answer]) -> Self {
        Self::start(answers, true)
    }

    fn start(answers: &[Answer], waits: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (coming, came) = mpsc::channel();
        let (go, going) = mpsc::channel::<()>();
        let going = Arc::new(Mutex::new(going));
        let answers = Arc::new(Mutex::new(VecDeque::from(answers.to_vec())));
        let record = Arc::clone(&asked);
        let at_once: Arc<Mutex<(usize, usize)>> = Arc::default();
        let count = Arc::clone(&at_once);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, record) = (Arc::clone(&answers), Arc::clone(&record));
                let (coming, going) = (coming.clone(), Arc::clone(&going));
                let count = Arc::clone(&count);
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    record.lock().unwrap().push(read(&stream));
                    {
                        let mut count = count.lock().unwrap();
                        count.0 += 1;
                        count.1 = count.1.max(count.0);
                    }
                    let _ = coming.send(());
                    if waits {
                        let _ = going.lock().unwrap().recv();
                    }
                    let mut answers = answers.lock().unwrap();
                    let answer = match answers.len() {
                        1 => answers[0],
                        _ => answers.pop_front().unwrap(),
                    };
                    drop(answers);
                    count.lock().unwrap().0 -= 1;
                    write(&mut stream, answer);
                });
            }
        });
        Self {
            port,
            asked,
            at_once,
            came: Mutex::new(came),
            go: waits.then_some(go),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Everything it was asked, in this order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The most requests that it had at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.at_once.lock().unwrap().1
    }

    /// Waits until it has been asked once more.
    pub(crate) fn is_asked(&self) {
        let _ = self.came.lock().unwrap().recv();
    }

    /// Lets one request have its answer.
    pub(crate) fn answer(&self) {
        self.go.as_ref().unwrap().send(()).unwrap();
    }

    /// Nobody has asked it, also not a little later.
    #[track_caller]
    pub(crate) fn was_never_asked(&self, app: &TestApp) {
        // What is on its way has to be through: a revocation that did come would be pending until then.
        TestApp::wait_for("no revocation to be under way", || {
            app.sql().count("revocations WHERE finished_at IS NULL") == 0
        });
        assert!(self.asked().is_empty(), "{:#?}", self.asked());
        assert!(app.network.dialled().is_empty());
    }
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
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
    Asked {
        line: line.trim_end().to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    }
}

fn write(stream: &mut TcpStream, (status, headers, body): Answer) {
    // Whoever has given up does not read it.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Said\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
}
