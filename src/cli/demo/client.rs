//! The calls of the story: sent for real, and written as the `curl` line that does the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};
use ureq::Agent;
use ureq::http::{Method, Request};

/// Longer bodies go to a file that the line names, so that it stays readable.
const LONGEST_SHOWN: usize = 230;
const ANSWER: Duration = Duration::from_mins(1);
/// Stands in a shown body where the call has a secret.
const HIDDEN: &str = "@hidden@";

/// A client with the demo's key.
pub(super) struct Client {
    agent: Agent,
    url: String,
    key: String,
    bodies: PathBuf,
    files: usize,
}

/// A call to make.
pub(super) struct Call<'a> {
    method: Method,
    path: String,
    body: Option<Value>,
    actor: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: None,
            actor: None,
        }
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(path)
        }
    }

    pub(super) fn put(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::PUT,
            ..Self::post(path, body)
        }
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self {
            method: Method::DELETE,
            ..Self::get(path)
        }
    }

    /// In the name of somebody else.
    pub(super) fn by(self, actor: &'a str) -> Self {
        Self {
            actor: Some(actor),
            ..self
        }
    }
}

/// What the server said.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// A part of the document, named by a JSON pointer.
    pub(super) fn at(&self, pointer: &str) -> anyhow::Result<&Value> {
        self.body
            .pointer(pointer)
            .with_context(|| format!("the answer has no {pointer}: {}", self.body))
    }

    pub(super) fn text(&self, pointer: &str) -> anyhow::Result<String> {
        let value = self.at(pointer)?;
        let text = value
            .as_str()
            .with_context(|| format!("{pointer} is {value}, not a text"))?;
        Ok(text.to_owned())
    }

    pub(super) fn number(&self, pointer: &str) -> anyhow::Result<i64> {
        let value = self.at(pointer)?;
        value
            .as_i64()
            .with_context(|| format!("{pointer} is {value}, not a number"))
    }

    pub(super) fn rows(&self, pointer: &str) -> anyhow::Result<&[Value]> {
        let value = self.at(pointer)?;
        let rows = value
            .as_array()
            .with_context(|| format!("{pointer} is {value}, not a list"))?;
        Ok(rows)
    }

    /// The status with these parts of the document.
    pub(super) fn line(&self, pointers: &[&str]) -> anyhow::Result<String> {
        let mut words = vec![format!("-> {}", self.status)];
        for pointer in pointers {
            let name = pointer.rsplit('/').next().unwrap_or(pointer);
            words.push(format!("{name}: {}", self.at(pointer)?));
        }
        Ok(words.join("  "))
    }
}

impl Client {
    pub(super) fn new(url: String, key: String, folder: &Path) -> anyhow::Result<Self> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("reprieve/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(ANSWER))
            .build();
        let bodies = folder.join("bodies");
        fs::create_dir(&bodies)?;
        Ok(Self {
            agent: config.into(),
            url,
            key,
            bodies,
            files: 0,
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Sends it and waits for the answer.
    pub(super) fn send(&self, call: &Call<'_>) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.url, call.path))
            .header("authorization", format!("Bearer {}", self.key))
            // An open connection would hold up the end of the server.
            .header("connection", "close");
        if let Some(actor) = call.actor {
            request = request.header("reprieve-actor", format!("id={actor}"));
        }
        let mut response = match &call.body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.to_string())?)
            }
            None => self.agent.run(request.body(())?),
        }
        .with_context(|| format!("the call {} {} is not answered", call.method, call.path))?;
        let text = response.body_mut().read_to_string()?;
        let status = response.status().as_u16();
        match serde_json::from_str(&text) {
            Ok(body) => Ok(Answer { status, body }),
            Err(_) => bail!(
                "{} {} answers {status} without JSON",
                call.method,
                call.path
            ),
        }
    }

    /// The line that makes the same call from a shell with `$URL`, `$KEY`, `$PASSWORD` and `$DEMO`.
    pub(super) fn curl(&mut self, call: &Call<'_>) -> anyhow::Result<String> {
        let mut words = vec![r#"curl -sS -H "Authorization: Bearer $KEY""#.to_owned()];
        if let Some(actor) = call.actor {
            words.push(format!("-H 'Reprieve-Actor: id={actor}'"));
        }
        if call.method != Method::GET && call.method != Method::POST {
            words.push(format!("-X {}", call.method));
        }
        words.push(format!("\"$URL{}\"", call.path));
        if let Some(body) = &call.body {
            words.push(format!("--json {}", self.shown_body(body)?));
        }
        Ok(words.join(" "))
    }

    fn shown_body(&mut self, body: &Value) -> anyhow::Result<String> {
        let (shown, secret) = without_secrets(body);
        let text = shown.to_string();
        if !secret && text.len() > LONGEST_SHOWN {
            self.files += 1;
            let name = format!("{}.json", self.files);
            fs::write(self.bodies.join(&name), text)?;
            return Ok(format!("@$DEMO/bodies/{name}"));
        }
        let quoted = text.replace('\'', r"'\''");
        Ok(format!("'{}'", quoted.replace(HIDDEN, r#"'"$PASSWORD"'"#)))
    }
}

/// The body without the values of its secrets, and whether it has some.
fn without_secrets(body: &Value) -> (Value, bool) {
    let mut shown = body.clone();
    let Some(secrets) = shown.pointer_mut("/secrets").and_then(Value::as_object_mut) else {
        return (shown, false);
    };
    let hidden: Map<String, Value> = secrets
        .keys()
        .map(|field| (field.clone(), json!(HIDDEN)))
        .collect();
    *secrets = hidden;
    (shown, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_body_has_no_secret_and_stays_a_shell_word() {
        let (shown, secret) =
            without_secrets(&json!({"name": "it's", "secrets": {"password": "hunter2"}}));
        assert!(secret);
        assert_eq!(
            shown,
            json!({"name": "it's", "secrets": {"password": HIDDEN}})
        );
        let folder = tempfile::tempdir().unwrap();
        let mut client = Client::new("http://here".into(), "k".into(), folder.path()).unwrap();
        let line = client
            .curl(&Call::put(
                "/x",
                json!({"name": "it's", "secrets": {"password": "hunter2"}}),
            ))
            .unwrap();
        assert_eq!(
            line,
            r#"curl -sS -H "Authorization: Bearer $KEY" -X PUT "$URL/x" --json '{"name":"it'\''s","secrets":{"password":"'"$PASSWORD"'"}}'"#
        );
    }

    #[test]
    fn a_long_body_is_in_a_file_that_the_line_names() {
        let folder = tempfile::tempdir().unwrap();
        let mut client = Client::new("http://here".into(), "k".into(), folder.path()).unwrap();
        let body = json!({"text": "x".repeat(LONGEST_SHOWN)});
        let line = client.curl(&Call::post("/x", body.clone())).unwrap();
        assert!(line.ends_with("--json @$DEMO/bodies/1.json"), "{line}");
        let written = fs::read_to_string(folder.path().join("bodies/1.json")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), body);
    }
}
