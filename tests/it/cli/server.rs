//! Working by a server's API: whom the key is told to, and what happens when an answer gets lost.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::thread;

use super::people::server;
use crate::support::process::Machine;
use crate::support::*;

/// What stands between a command and the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The request arrives, the answer does not.
    LoseAnswer,
    /// Neither does.
    LoseRequest,
    /// Another answer is given.
    Answer(&'static str),
    /// All goes well.
    Pass,
}

/// Listens where a server might; each connection meets the next fate, the last one again and again. Answers the
/// address and all that was received.
fn between(to: Option<SocketAddr>, fates: Vec<Fate>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&received);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (mut stream, fate) = (stream.unwrap(), fates[number.min(fates.len() - 1)]);
            let request = read_request(&mut stream);
            kept.lock().unwrap().push(request.clone());
            let answer = match fate {
                Fate::LoseRequest => continue,
                Fate::Answer(text) => text.as_bytes().to_vec(),
                Fate::LoseAnswer | Fate::Pass => {
                    let mut server = TcpStream::connect(to.unwrap()).unwrap();
                    let request = request.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1);
                    server.write_all(request.as_bytes()).unwrap();
                    let mut answer = Vec::new();
                    server.read_to_end(&mut answer).unwrap();
                    answer
                }
            };
            if fate != Fate::LoseAnswer {
                let _ = stream.write_all(&answer);
            }
        }
    });
    (address, received)
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut piece).unwrap() {
            0 => return text,
            length => text += std::str::from_utf8(&piece[..length]).unwrap(),
        }
    }
}

fn by(address: SocketAddr, app: &TestApp) -> Machine {
    server(app, app.admin.key()).with("REPRIEVE_URL", &format!("http://{address}"))
}

fn keys(received: &Arc<Mutex<Vec<String>>>, method: &str) -> Vec<String> {
    let requests = received.lock().unwrap();
    let line = |request: &String| {
        let found = request
            .lines()
            .find(|line| line.starts_with("idempotency-key: "));
        found.map(str::to_owned).unwrap_or_default()
    };
    requests
        .iter()
        .filter(|request| request.starts_with(method))
        .map(line)
        .collect()
}

/// An answer of somebody's.
fn answer(head: &str, body: &str) -> Fate {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    Fate::Answer(Box::leak(text.into_boxed_str()))
}

/// A problem of the service's.
fn problem(status: u16, document: &serde_json::Value) -> Fate {
    answer(
        &format!("{status} Problem\r\ncontent-type: application/problem+json"),
        &document.to_string(),
    )
}

fn busy() -> Fate {
    problem(503, &json!({"code": "busy", "detail": "It is busy."}))
}

on_both! {
    fn what_is_sent_again_after_a_lost_answer_is_done_once(app: &TestApp) {
        let id = app.sample_connection("prod");
        let entry = app.delete_connection(&id);
        let fates = vec![Fate::LoseRequest, Fate::LoseAnswer, busy(), answer("502 Bad Gateway", "bad"), Fate::Pass];
        let (address, received) = between(Some(app.address()), fates);
        let done = by(address, app).run(&["trash", "restore", &entry]).ok();
        assert!(done.contains("Restored 1 connection, 3 models"), "{done}");
        let keys = keys(&received, "POST");
        assert_eq!(keys.len(), 5);
        assert!(keys[0].len() > 30 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        // Another command is another request.
        let entry = app.delete_connection(&id);
        by(address, app).run(&["trash", "restore", &entry]).ok();
        assert_ne!(self::keys(&received, "POST").last(), keys.first());
    }
}

#[test]
fn what_was_done_before_the_server_went_away_is_told() {
    let app = TestApp::start(Backend::Sqlite);
    let entries = ["one", "two"].map(|name| app.delete_connection(&app.sample_connection(name)));
    let gone = problem(
        500,
        &json!({"code": "internal_error", "detail": "It broke."}),
    );
    // The plan, one restore, and then nobody who could be understood.
    let fates = vec![
        Fate::Pass,
        Fate::Pass,
        answer("400 Bad Request", "who are you?"),
    ];
    let (address, _) = between(Some(app.address()), fates);
    let done = by(address, &app).run(&["trash", "restore", "--all", "--yes"]);
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert!(
        done.stdout.contains(&entries[1]) && !done.stdout.contains(&entries[0]),
        "{done:#?}"
    );
    assert!(
        done.stderr.contains("in another way than Reprieve does"),
        "{done:#?}"
    );

    let (address, _) = between(Some(app.address()), vec![Fate::Pass, gone]);
    let done = by(address, &app).run(&["trash", "restore", "--all", "--yes"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert!(done.stdout.contains("It broke."), "{done:#?}");
}

#[test]
fn patience_with_a_server_ends_and_says_that_it_may_have_been_done() {
    let app = TestApp::start(Backend::Sqlite);
    let entry = app.delete_connection(&app.sample_connection("prod"));
    let (address, _) = between(None, vec![Fate::LoseRequest]);
    by(address, &app)
        .run(&["trash", "restore", &entry])
        .refused(
            1,
            &["was lost", "may have been done", "look before you repeat"],
        );
    let (address, received) = between(None, vec![busy()]);
    by(address, &app)
        .run(&["trash", "list"])
        .refused(1, &["It is busy. Try again in a moment."]);
    assert!(received.lock().unwrap().len() > 2);
}

#[test]
fn what_no_repetition_mends_is_sent_once() {
    let app = TestApp::start(Backend::Sqlite);
    for (fate, words) in [
        (
            answer("200 OK", "hello"),
            "not one that this version of Reprieve understands",
        ),
        (
            answer("404 Not Found", "hello"),
            "in another way than Reprieve does",
        ),
        (
            answer("302 Found\r\nlocation: http://elsewhere.example", ""),
            "redirects to http://elsewhere.example",
        ),
        (
            problem(
                500,
                &json!({"code": "internal_error", "detail": "It broke.", "request_id": "r-17"}),
            ),
            "It broke. The server's log has the cause under request_id r-17.",
        ),
        (
            problem(503, &json!({"code": "locked", "detail": "It is locked."})),
            "It is locked. Put the key back",
        ),
    ] {
        let (address, received) = between(None, vec![fate]);
        by(address, &app)
            .run(&["trash", "list"])
            .refused(1, &[words]);
        assert_eq!(received.lock().unwrap().len(), 1, "{words}");
    }
}

#[test]
fn the_key_goes_to_the_server_that_was_named_and_nowhere_else() {
    let app = TestApp::start(Backend::Sqlite);
    let (elsewhere, stolen) = between(None, vec![answer("502 Bad Gateway", "bad")]);
    let redirect = answer(&format!("307 Moved\r\nlocation: http://{elsewhere}/"), "");
    let (address, received) = between(None, vec![redirect]);
    by(address, &app)
        .run(&["trash", "list"])
        .refused(1, &["redirects to", "--url"]);
    assert!(received.lock().unwrap()[0].contains(app.admin.key()));
    let proxy = format!("http://{elsewhere}");
    let machine = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"]
        .iter()
        .fold(server(&app, app.admin.key()), |machine, name| {
            machine.with(name, &proxy)
        });
    machine.run(&["trash", "list"]).ok();
    assert!(stolen.lock().unwrap().is_empty());
}

#[test]
fn a_server_that_is_not_there_is_told_apart_from_one_that_is_another() {
    let app = TestApp::start(Backend::Sqlite);
    let key = app.admin.key();
    let to = |url: &str| {
        Machine::new()
            .with("REPRIEVE_API_KEY", key)
            .run(&["trash", "list", "--url", url])
    };
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    to(&format!("http://{free}")).refused(
        1,
        &[
            "nobody listens at http://127.0.0.1",
            "is the server running?",
        ],
    );
    to(&format!("https://{}", app.address())).refused(
        1,
        &["TLS with the server of --url fails", "http://", "--ca-file"],
    );
    to("http://nowhere.invalid").refused(1, &["nowhere.invalid can't be found"]);
    for url in [
        "prod",
        "ftp://prod",
        "https://me:hunter2@prod",
        "https://prod?x=hunter2",
        "https://prod#hunter2",
        "/hunter2",
    ] {
        let done = to(url);
        done.refused(2, &["--url must be like https://"]);
        assert!(!done.stderr.contains("hunter2"), "{done:#?}");
    }
    let local = Machine::new();
    std::fs::write(local.path("ca.pem"), "no certificate").unwrap();
    for (file, words) in [
        ("ca.pem", "holds no certificate"),
        ("none.pem", "can't be read"),
    ] {
        Machine::new()
            .with("REPRIEVE_API_KEY", key)
            .run(&[
                "trash",
                "list",
                "--url",
                "https://127.0.0.1:1",
                "--ca-file",
                local.path(file).to_str().unwrap(),
            ])
            .refused(1, &["--ca-file", words]);
    }
}

#[test]
fn the_key_comes_from_a_file_that_nobody_else_reads_or_from_the_environment() {
    let app = TestApp::start(Backend::Sqlite);
    let url = format!("http://{}", app.address());
    let machine = Machine::new().with("REPRIEVE_URL", &url);
    machine
        .run(&["trash", "list"])
        .refused(2, &["REPRIEVE_API_KEY", "--api-key-file"]);
    let file = machine.path("my.key");
    std::fs::write(&file, format!("{}\n", app.admin.key())).unwrap();
    let name = file.to_str().unwrap();
    let args = ["trash", "list", "--api-key-file", name];
    for mode in [0o644, 0o640, 0o604] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        machine.run(&args).refused(
            1,
            &["others can read the API key", &format!("chmod 600 {name}")],
        );
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    machine.run(&args).ok();
    machine
        .run(&["trash", "list", "--api-key-file", "nothing"])
        .refused(1, &["can't be read from nothing"]);
    // The flag wins over the environment.
    let machine = machine.with("REPRIEVE_API_KEY", "rpv_wrong");
    machine.run(&args).ok();
    machine
        .run(&["trash", "list"])
        .refused(1, &["what was given as the API key is none"]);
    let (names, secret) = app.admin.key().rsplit_once('_').unwrap();
    let unknown = format!("{names}_{}", "0".repeat(secret.len()));
    server(&app, &unknown).run(&["trash", "list"]).refused(
        1,
        &["The server does not know the API key", "REPRIEVE_API_KEY"],
    );
}

#[test]
fn a_key_given_as_an_argument_is_refused_and_not_repeated() {
    let app = TestApp::start(Backend::Sqlite);
    let key = app.admin.key();
    let secret = key.rsplit('_').next().unwrap();
    let machine = server(&app, key);
    for args in [
        vec!["trash", "list", "--api-key", key],
        vec!["trash", "list", key],
        vec!["trash", "list", "--state", key],
        vec!["connection", key],
        vec![key],
    ] {
        let done = machine.run(&args);
        done.refused(2, &[]);
        assert!(!done.stderr.contains(secret), "{done:#?}");
    }
    let equals = format!("--api-key={key}");
    for args in [vec!["trash", "list", &equals], vec!["trash", "show", key]] {
        let done = machine.run(&args);
        assert_ne!(done.code, Some(0), "{done:#?}");
        assert!(!done.stderr.contains(secret), "{done:#?}");
    }
}

#[test]
fn a_key_without_the_scope_is_told_which_one() {
    let app = TestApp::start(Backend::Sqlite);
    let id = app.sample_connection("prod");
    let entry = app.delete_connection(&id);
    let machine = server(&app, app.client(&["connections:read"]).key());
    for (args, scope) in [
        (&["trash", "list"][..], "trash:read"),
        (&["trash", "restore", &entry], "trash:restore"),
        (
            &["trash", "purge", &entry, "--confirm", "prod"],
            "trash:purge",
        ),
        (&["connection", "list", "--as", "alice"], "actor:assert"),
    ] {
        machine.run(args).refused(
            1,
            &[
                &format!("This needs the scope {scope}."),
                &format!("reprieve key create --name NAME --scope {scope}"),
            ],
        );
    }
    app.sample_connection("other");
    machine
        .run(&["connection", "delete", "other", "--yes"])
        .refused(1, &["This needs the scope connections:delete."]);
}

#[test]
fn another_organization_than_the_named_one_is_left_alone() {
    let app = TestApp::start(Backend::Sqlite);
    let machine = server(&app, app.admin.key());
    machine
        .run(&["trash", "list", "--organization", "default"])
        .ok();
    machine
        .run(&["trash", "list", "--organization", "acme"])
        .refused(
            1,
            &["the API key is one of the organization default, not of acme"],
        );
}
