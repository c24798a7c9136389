//! A machine of a test's own, the commands run on it and the server it serves with.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use reprieve::store::DatabaseUrl;
use rustix::process::{Pid, Signal, kill_process};

use super::{Client, Sql};

/// A machine with nothing on it but the program.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }

    /// A refusal with these words in it, and no more than words.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {self:#?}");
        }
        assert!(
            !self.stderr.contains("panicked") && !self.stderr.contains("Error {"),
            "{self:#?}"
        );
        assert_eq!(self.stdout, "", "{self:#?}");
    }
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.run_with(args, "")
    }

    /// Runs a command that finds this on stdin.
    pub(crate) fn run_with(&self, args: &[&str], stdin: &str) -> Done {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let input = stdin.to_owned();
        // Beside the reading of what it writes; it may end before it has read all.
        let writer = thread::spawn(move || _ = pipe.write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Done {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs a command at a terminal of its own: waits for each question and types the answer to it. Answers exit
    /// code and screen.
    pub(crate) fn at_terminal(
        &self,
        args: &[&str],
        talk: &[(&str, &str)],
    ) -> (Option<i32>, String) {
        self.at_terminal_while(args, talk, || {})
    }

    /// The same with something that happens before each answer.
    pub(crate) fn at_terminal_while(
        &self,
        args: &[&str],
        talk: &[(&str, &str)],
        meanwhile: impl Fn(),
    ) -> (Option<i32>, String) {
        let words = [&[env!("CARGO_BIN_EXE_reprieve")], args].concat();
        let line: Vec<String> = words
            .iter()
            .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
            .collect();
        let mut terminal = Command::new("script");
        terminal
            .args(["-qec", &line.join(" "), "/dev/null"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = terminal
            .spawn()
            .expect("`script` of util-linux runs commands at a terminal");
        let screen = Arc::new(Mutex::new(String::new()));
        let reader = {
            let (screen, mut output) = (Arc::clone(&screen), child.stdout.take().unwrap());
            thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(length @ 1..) = output.read(&mut piece) {
                    *screen.lock().unwrap() += &String::from_utf8_lossy(&piece[..length]);
                }
            })
        };
        let mut keyboard = child.stdin.take().unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut seen = 0;
        for (question, answer) in talk {
            seen = loop {
                let text = screen.lock().unwrap().clone();
                if let Some(at) = text.get(seen..).unwrap_or_default().find(question) {
                    break seen + at + question.len();
                }
                assert!(
                    Instant::now() < deadline,
                    "{question:?} is not asked: {text}"
                );
                thread::sleep(Duration::from_millis(20));
            };
            meanwhile();
            // Nobody types faster than the program stops showing what is typed.
            thread::sleep(Duration::from_millis(500));
            keyboard
                .write_all(format!("{answer}\n").as_bytes())
                .unwrap();
        }
        let status = child.wait().unwrap();
        drop(keyboard);
        reader.join().unwrap();
        let text = screen.lock().unwrap().clone();
        (status.code(), text)
    }

    /// Starts a command and leaves it running.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub(crate) fn serve(&self, args: &[&str]) -> Served {
        Served::start(self.command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat()))
    }

    /// A server whose log nobody reads any more; what it is known by, and its address.
    pub(crate) fn serve_unread(&self) -> (Child, SocketAddr) {
        let args = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json"];
        let mut child = self.command(&args).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let address = log.lines().find_map(|line| {
            let line = line.unwrap();
            let after = line.split_once("\"url\":\"http://")?.1;
            after.split('"').next().unwrap().parse().ok()
        });
        (child, address.unwrap())
    }

    /// The demo, from its first words on.
    pub(crate) fn demo(&self) -> Served {
        Served::start(self.command(&["demo", "--listen", "127.0.0.1:0"]))
    }

    pub(crate) fn database(&self) -> Sql {
        Sql::open(&DatabaseUrl::Sqlite(self.path("reprieve-data/reprieve.db")))
    }
}

/// A running server, and all that it wrote.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    written: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Served {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let written = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        let readers = streams
            .into_iter()
            .map(|stream| {
                let written = Arc::clone(&written);
                thread::spawn(move || {
                    for line in BufReader::new(stream).lines() {
                        *written.lock().unwrap() += &(line.unwrap() + "\n");
                    }
                })
            })
            .collect();
        let deadline = Instant::now() + Duration::from_secs(30);
        let address = loop {
            let text = written.lock().unwrap().clone();
            let after = text
                .split_once("http://127.0.0.1:")
                .map(|(_, rest)| rest.to_owned());
            let port: String = after
                .unwrap_or_default()
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            if let (Ok(port), true) = (port.parse::<u16>(), text.ends_with('\n')) {
                break SocketAddr::from(([127, 0, 0, 1], port));
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended: {text}");
            assert!(Instant::now() < deadline, "it names no address: {text}");
            thread::sleep(Duration::from_millis(20));
        };
        let served = Self {
            child,
            address,
            written,
            readers,
        };
        while TcpStream::connect(address).is_err() {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(Client::new(address, "").get("/readyz").status, 200);
        served
    }

    pub(crate) fn client(&self, key: &str) -> Client {
        Client::new(self.address, key)
    }

    /// What it has written so far.
    pub(crate) fn written(&self) -> String {
        self.written.lock().unwrap().clone()
    }

    /// Waits until it has written this.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &str) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.written().contains(words) {
            assert!(Instant::now() < deadline, "{words:?}: {}", self.written());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// kill -9: the process gets no chance to finish anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for the end: exit code and everything written.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + Duration::from_secs(25);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "it does not stop: {}",
                self.written.lock().unwrap()
            );
            thread::sleep(Duration::from_millis(20));
        };
        for reader in std::mem::take(&mut self.readers) {
            reader.join().unwrap();
        }
        let text = self.written.lock().unwrap().clone();
        (status.code(), text)
    }

    pub(crate) fn stop(self) -> String {
        self.terminate();
        let (code, text) = self.wait();
        assert_eq!(code, Some(0), "{text}");
        text
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
