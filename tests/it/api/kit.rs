//! What the tests of the API share: requests down to the byte, what holds for every answer, looks into the database.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl as _};
use reprieve::domain::codes::Code;
use reprieve::store::{Conn, StoreError};
use serde_json::Value;
use uuid::Uuid;

use crate::support::*;

/// Stands in input that is wrong: no answer may repeat it.
pub(super) const MARKER: &str = "zqmarkerqz";

/// Checks what every answer keeps.
pub(super) trait Sound {
    /// No 5xx, a request id, and a whole problem document of the catalogue that never repeats the input.
    #[track_caller]
    fn sound(self) -> Self;

    /// The answer but for what differs between two requests: the request id, the date, and whether the connection
    /// goes on, which depends on how much of a body was there when a refusal left.
    #[track_caller]
    fn timeless(&self) -> (u16, BTreeMap<String, String>, String);

    /// The text of a member of the answer.
    #[track_caller]
    fn text_of(&self, member: &str) -> String;
}

impl Sound for Reply {
    #[track_caller]
    fn sound(self) -> Self {
        assert!(self.status < 500, "{self:#?}");
        let id = self
            .header("x-request-id")
            .unwrap_or_else(|| panic!("no request id: {self:#?}"));
        assert!(Uuid::try_parse(id).is_ok(), "{self:#?}");
        assert_eq!(
            self.header("x-content-type-options"),
            Some("nosniff"),
            "{self:#?}"
        );
        if self.status >= 400 {
            assert!(
                !self.text.contains(MARKER),
                "the input is repeated: {self:#?}"
            );
            assert_eq!(
                self.header("content-type"),
                Some("application/problem+json"),
                "{self:#?}"
            );
            let document = self.json();
            let code = document["code"]
                .as_str()
                .and_then(Code::parse)
                .unwrap_or_else(|| panic!("no code: {self:#?}"));
            assert_eq!(self.status, code.status(), "{self:#?}");
            assert_eq!(document["status"], self.status, "{self:#?}");
            assert_eq!(
                document["type"],
                format!("urn:reprieve:problem:{}", code.as_str()),
                "{self:#?}"
            );
            assert_eq!(document["title"], code.title(), "{self:#?}");
            assert_eq!(document["next"], code.next(), "{self:#?}");
            assert!(
                document["detail"]
                    .as_str()
                    .is_some_and(|detail| !detail.is_empty()),
                "{self:#?}"
            );
            assert_eq!(document["request_id"], id, "{self:#?}");
        }
        self
    }

    #[track_caller]
    fn timeless(&self) -> (u16, BTreeMap<String, String>, String) {
        let id = self
            .header("x-request-id")
            .unwrap_or_else(|| panic!("no request id: {self:#?}"));
        let headers = self
            .headers
            .iter()
            .filter(|(name, _)| !["x-request-id", "date", "connection"].contains(&name.as_str()))
            .cloned()
            .collect();
        (self.status, headers, self.text.replace(id, "[request id]"))
    }

    #[track_caller]
    fn text_of(&self, member: &str) -> String {
        self.json()[member]
            .as_str()
            .unwrap_or_else(|| panic!("no {member}: {self:#?}"))
            .to_owned()
    }
}

/// An id that nothing has.
pub(super) fn unknown_id() -> String {
    Uuid::now_v7().to_string()
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Keeps members that differ from run to run out of a comparison.
pub(super) fn redact(value: Value) -> Value {
    match value {
        Value::String(text) if Uuid::try_parse(&text).is_ok() => "[id]".into(),
        Value::String(text)
            if text
                .strip_prefix("key:")
                .is_some_and(|id| Uuid::try_parse(id).is_ok()) =>
        {
            "key:[id]".into()
        }
        Value::String(text) if chrono::DateTime::parse_from_rfc3339(&text).is_ok() => {
            "[time]".into()
        }
        Value::Array(items) => items.into_iter().map(redact).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| match name.as_str() {
                "plan_token" if value.is_string() => (name, "[token]".into()),
                "key" if value.as_str().is_some_and(|text| text.starts_with("rpv_")) => {
                    (name, "[key]".into())
                }
                _ => (name, redact(value)),
            })
            .collect(),
        other => other,
    }
}

/// Sends a request byte for byte, in pieces, and reads the answer.
pub(super) fn exchange(address: SocketAddr, pieces: &[&[u8]]) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    for piece in pieces {
        // A service that has answered already may have closed its end.
        let _ = stream.write_all(piece);
    }
    answer(stream, pieces)
}

fn answer(mut stream: TcpStream, pieces: &[&[u8]]) -> Reply {
    let (mut bytes, mut buffer) = (Vec::new(), [0_u8; 4_096]);
    while !is_whole(&bytes) {
        let Ok(read @ 1..) = stream.read(&mut buffer) else {
            break;
        };
        bytes.extend_from_slice(&buffer[..read]);
    }
    let text = String::from_utf8(bytes).unwrap();
    let request: String = String::from_utf8_lossy(&pieces.concat())
        .chars()
        .take(400)
        .collect();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer to {request}: {text:?}"));
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Reply {
        request,
        status,
        headers,
        text: body.to_owned(),
    }
}

/// Whether an answer has come to the end that its head announces.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}

/// The head of a request whose connection ends with the answer.
pub(super) fn head(method: &str, path: &str, key: &str, headers: &[(&str, &[u8])]) -> Vec<u8> {
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n").into_bytes();
    if !key.is_empty() {
        head.extend_from_slice(format!("Authorization: Bearer {key}\r\n").as_bytes());
    }
    for (name, value) in headers {
        head.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    [&head[..], b"\r\n"].concat()
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// The text column `line` of a query.
pub(super) fn lines(app: &TestApp, sql: &str) -> Vec<String> {
    let found: Result<Vec<Line>, StoreError> = app.services.store.read(|conn| {
        let query = diesel::sql_query(sql);
        Ok(match conn {
            Conn::Sqlite(conn) => query.load(conn),
            Conn::Pg(conn) => query.load(conn),
        }
        .unwrap_or_else(|error| panic!("{error}: {sql}")))
    });
    found.unwrap().into_iter().map(|line| line.line).collect()
}

/// Changes rows behind the service's back.
pub(super) fn run_sql(app: &TestApp, sql: &str) {
    app.services.store.write(|conn| conn.batch(sql)).unwrap();
}

/// Every row of the database, of one organization or of all, as text by table.
pub(super) fn dump(app: &TestApp, org: Option<&str>) -> BTreeMap<String, Vec<String>> {
    let sqlite = app.backend == Backend::Sqlite;
    let tables = if sqlite {
        "SELECT m.name AS line FROM sqlite_schema m JOIN pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND c.name = 'org_id' ORDER BY 1"
    } else {
        "SELECT table_name::text AS line FROM information_schema.columns \
         WHERE table_schema = 'public' AND column_name = 'org_id' ORDER BY 1"
    };
    lines(app, tables)
        .into_iter()
        // The sealer works beside the requests, uses are written down every ten seconds, and a refused call leaves a record of that.
        .filter(|table| table != "audit_seals" && table != "trash_uses")
        .map(|table| {
            let row = if sqlite {
                let columns = format!(
                    "SELECT group_concat('quote(' || name || ')', ' || char(9) || ') AS line FROM pragma_table_info('{table}')"
                );
                lines(app, &columns).concat()
            } else {
                format!("CAST({table} AS text)")
            };
            let mut which = org.map(|org| format!("WHERE org_id = '{org}'")).unwrap_or_default();
            if table == "audit_events" {
                which += if which.is_empty() { "WHERE" } else { " AND" };
                which += " outcome = 'done'";
            }
            let rows = lines(app, &format!("SELECT {row} AS line FROM {table} {which} ORDER BY 1"));
            (table, rows)
        })
        .collect()
}

/// Waits until nothing in the background changes rows any more.
pub(super) fn settle(app: &TestApp) {
    TestApp::wait_for("the erasure of what was shredded", || {
        lines(
            app,
            "SELECT CAST(id AS text) AS line FROM erasure_jobs WHERE finished_at IS NULL",
        )
        .is_empty()
    });
}
