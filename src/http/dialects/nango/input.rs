//! Path, query and body as the original reads them: everything that is wrong is collected, in the words of zod.
//!
//! What must stay true: no message repeats what was sent, but for the names of unknown members that look like names; the
//! JSON rules of every other body hold here, too (`http::body`).

use std::collections::BTreeMap;
use std::fmt::Display;

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

use super::Refusal;
use super::refusal::Issue;
use crate::domain::json::JsonText;
use crate::http::body;
use crate::secrets::value::SecretValue;
use crate::service::error::Result as ServiceResult;

/// Everything that is wrong with one part of a request.
#[derive(Default)]
pub(super) struct Faults(Vec<Issue>);

/// Where something is.
pub(super) type Path = Vec<String>;

impl Faults {
    /// One more.
    pub(super) fn add(&mut self, code: &'static str, message: impl Into<String>, path: &[String]) {
        self.0.push(Issue {
            code,
            message: message.into(),
            path: path.to_vec(),
        });
    }

    /// Something is of another type, or missing.
    pub(super) fn wrong_type(&mut self, expected: &str, received: &str, path: &[String]) {
        self.add(
            "invalid_type",
            format!("Invalid input: expected {expected}, received {received}"),
            path,
        );
    }

    /// Refuses if there is any.
    pub(super) fn refuse(self, code: &'static str) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(self.refusal(code))
    }

    /// The refusal for them.
    pub(super) fn refusal(self, code: &'static str) -> Refusal {
        Refusal::invalid(code, self.0)
    }

    /// Members or parameters that nobody asked for.
    fn unknown<'a>(&mut self, names: impl Iterator<Item = &'a String>, path: &[String]) {
        let plain = |name: &str| {
            (1..=40).contains(&name.len())
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        };
        let names: Vec<String> = names
            .map(|name| {
                let shown = if plain(name) { name.as_str() } else { "?" };
                format!("\"{shown}\"")
            })
            .collect();
        if let [_, ..] = names.as_slice() {
            let keys = if names.len() == 1 { "key" } else { "keys" };
            let message = format!("Unrecognized {keys}: {}", names.join(", "));
            self.add("unrecognized_keys", message, path);
        }
    }
}

/// Which texts are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern {
    /// As the original writes it.
    shown: &'static str,
    allows: fn(char) -> bool,
}

/// A connection id.
pub(super) const CONNECTION_ID: Pattern = Pattern {
    shown: r#"/^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$/"#,
    allows: |c| c.is_ascii_alphanumeric() || r#",.;:=+~[]|@${}"'\/_ -"#.contains(c),
};

/// The key of an integration.
pub(super) const PROVIDER_CONFIG_KEY: Pattern = Pattern {
    shown: "/^[a-zA-Z0-9~:.@ _-]+$/",
    allows: |c| c.is_ascii_alphanumeric() || "~:.@ _-".contains(c),
};

/// The name of a provider.
pub(super) const PROVIDER: Pattern = Pattern {
    shown: "/^[a-zA-Z0-9_-]+$/",
    allows: |c| c.is_ascii_alphanumeric() || "_-".contains(c),
};

/// The longest of most texts.
pub(super) const LONGEST: usize = 255;

impl Pattern {
    /// The text, if it fits.
    pub(super) fn check(
        self,
        text: String,
        path: &[String],
        faults: &mut Faults,
    ) -> Option<String> {
        if text.is_empty() || !text.chars().all(self.allows) {
            let message = format!("Invalid string: must match pattern {}", self.shown);
            faults.add("invalid_format", message, path);
            return None;
        }
        within(text, LONGEST, path, faults)
    }
}

/// The text, if it is not too long.
pub(super) fn within(
    text: String,
    max: usize,
    path: &[String],
    faults: &mut Faults,
) -> Option<String> {
    if text.chars().nth(max).is_none() {
        return Some(text);
    }
    faults.add(
        "too_big",
        format!("Too big: expected string to have <={max} characters"),
        path,
    );
    None
}

/// The text, if there is something in it.
pub(super) fn filled(text: String, path: &[String], faults: &mut Faults) -> Option<String> {
    if !text.is_empty() {
        return Some(text);
    }
    faults.add(
        "too_small",
        "Too small: expected string to have >=1 characters",
        path,
    );
    None
}

/// A part of the path that must fit a pattern.
pub(super) fn part(request: &HttpRequest, name: &str, pattern: Pattern) -> Result<String, Refusal> {
    let mut faults = Faults::default();
    let raw = request.match_info().get(name).unwrap_or_default();
    // The middleware has refused what is no UTF-8.
    let text = percent_decode_str(raw).decode_utf8_lossy().into_owned();
    let text = pattern.check(text, &[name.to_owned()], &mut faults);
    faults.refuse("invalid_uri_params")?;
    Ok(text.unwrap_or_default())
}

/// The parameters of a query.
pub(super) struct Query {
    pairs: BTreeMap<String, Vec<String>>,
    faults: Faults,
}

impl Query {
    /// The query of a request.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let mut pairs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            pairs
                .entry(name.into_owned())
                .or_default()
                .push(value.into_owned());
        }
        Self {
            pairs,
            faults: Faults::default(),
        }
    }

    /// The query of a request that takes none.
    pub(super) fn none(request: &HttpRequest) -> Result<(), Refusal> {
        Self::of(request).end()
    }

    /// A parameter that may be given once.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let mut values = self.pairs.remove(name)?.into_iter();
        let (first, second) = (values.next(), values.next());
        if second.is_some() {
            self.faults
                .wrong_type("string", "array", &[name.to_owned()]);
            return None;
        }
        first
    }

    /// The same with something in it that is not too long.
    pub(super) fn filled(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        let path = [name.to_owned()];
        let text = filled(text, &path, &mut self.faults)?;
        within(text, LONGEST, &path, &mut self.faults)
    }

    /// A parameter that must be given and fit.
    pub(super) fn needed(&mut self, name: &str, pattern: Pattern) -> Option<String> {
        let path = [name.to_owned()];
        if !self.pairs.contains_key(name) {
            self.faults.wrong_type("string", "undefined", &path);
            return None;
        }
        let text = self.text(name)?;
        pattern.check(text, &path, &mut self.faults)
    }

    /// A parameter that says yes or no.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let Some(text) = self.text(name) else {
            return false;
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "y" | "enabled" => true,
            "false" | "0" | "no" | "off" | "n" | "disabled" => false,
            _ => {
                self.faults.add(
                    "invalid_value",
                    "Invalid option: expected one of \"true\"|\"1\"|\"yes\"|\"on\"|\"y\"|\"enabled\"|\"false\"|\"0\"|\"no\"|\"off\"|\"n\"|\"disabled\"",
                    &[name.to_owned()],
                );
                false
            }
        }
    }

    /// A parameter that is a whole number within bounds.
    pub(super) fn number(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        let text = self.text(name)?;
        let path = [name.to_owned()];
        let Ok(number) = text.trim().parse::<i64>() else {
            self.faults.wrong_type("number", "NaN", &path);
            return None;
        };
        if number < min {
            let message = format!("Too small: expected number to be >={min}");
            self.faults.add("too_small", message, &path);
            return None;
        }
        if number > max {
            let message = format!("Too big: expected number to be <={max}");
            self.faults.add("too_big", message, &path);
            return None;
        }
        Some(number)
    }

    /// All values of a parameter that may be given more than once.
    pub(super) fn several(&mut self, name: &str) -> Vec<String> {
        self.pairs.remove(name).unwrap_or_default()
    }

    /// The members of a parameter that is an object, `name[member]=value`.
    pub(super) fn members(&mut self, name: &str) -> Vec<(String, String)> {
        let member = |key: &str| {
            let member = key.strip_prefix(name)?.strip_prefix('[')?;
            Some(member.strip_suffix(']')?.to_owned())
        };
        let keys: Vec<String> = self
            .pairs
            .keys()
            .filter(|key| member(key).is_some())
            .cloned()
            .collect();
        keys.into_iter()
            .filter_map(|key| Some((member(&key)?, self.text(&key)?)))
            .collect()
    }

    /// What is wrong so far.
    pub(super) fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// Refuses if anything was wrong, unknown parameters included.
    pub(super) fn end(mut self) -> Result<(), Refusal> {
        self.faults.unknown(self.pairs.keys(), &[]);
        self.faults.refuse("invalid_query_params")
    }
}

/// An object of a body. What is not taken from it is refused at the end.
#[derive(Clone)]
pub(super) struct Object<'a> {
    path: Path,
    members: BTreeMap<String, &'a RawValue>,
}

impl<'a> Object<'a> {
    /// The object that a body must be; nothing at all counts as an empty one.
    pub(super) fn parse(bytes: &'a [u8], faults: &mut Faults) -> ServiceResult<Self> {
        let mut whole = Self {
            path: Path::new(),
            members: BTreeMap::new(),
        };
        if bytes.is_empty() {
            return Ok(whole);
        }
        let raw: &RawValue = body::parse_any(bytes)?;
        if let Some(members) = members(raw, &[], faults) {
            whole.members = members;
        }
        Ok(whole)
    }

    /// Where it is itself.
    pub(super) fn path(&self) -> &[String] {
        &self.path
    }

    /// Where a member is.
    pub(super) fn at(&self, name: impl Display) -> Path {
        let mut path = self.path.clone();
        path.push(name.to_string());
        path
    }

    /// Whether a member is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A member, whatever it is.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.members.remove(name)
    }

    /// Puts a member in.
    pub(super) fn put(&mut self, name: &str, value: &'a RawValue) {
        self.members.insert(name.to_owned(), value);
    }

    /// All members that are left.
    pub(super) fn rest(&mut self) -> BTreeMap<String, &'a RawValue> {
        std::mem::take(&mut self.members)
    }

    /// A member that is a text.
    pub(super) fn text(&mut self, name: &str, faults: &mut Faults) -> Option<String> {
        let raw = self.take(name)?;
        text(raw, &self.at(name), faults)
    }

    /// The same with something in it that is not too long.
    pub(super) fn filled(&mut self, name: &str, faults: &mut Faults) -> Option<String> {
        let text = self.text(name, faults)?;
        let path = self.at(name);
        let text = filled(text, &path, faults)?;
        within(text, LONGEST, &path, faults)
    }

    /// Says if a member is missing.
    pub(super) fn need(&self, name: &str, expected: &str, faults: &mut Faults) {
        if !self.has(name) {
            faults.wrong_type(expected, "undefined", &self.at(name));
        }
    }

    /// A member that is a text which must be there and fit.
    pub(super) fn needed(
        &mut self,
        name: &str,
        pattern: Pattern,
        faults: &mut Faults,
    ) -> Option<String> {
        self.need(name, "string", faults);
        let text = self.text(name, faults)?;
        pattern.check(text, &self.at(name), faults)
    }

    /// A member that says yes or no.
    pub(super) fn flag(&mut self, name: &str, faults: &mut Faults) -> Option<bool> {
        let raw = self.take(name)?;
        let value = serde_json::from_str(raw.get()).ok();
        if value.is_none() {
            faults.wrong_type("boolean", kind(raw), &self.at(name));
        }
        value
    }

    /// A member that is an object.
    pub(super) fn object(&mut self, name: &str, faults: &mut Faults) -> Option<Self> {
        let raw = self.take(name)?;
        let path = self.at(name);
        let members = members(raw, &path, faults)?;
        Some(Self { path, members })
    }

    /// A member that is an object, as text.
    pub(super) fn json(&mut self, name: &str, faults: &mut Faults) -> Option<JsonText> {
        let raw = self.take(name)?;
        if kind(raw) != "object" {
            faults.wrong_type("record", kind(raw), &self.at(name));
            return None;
        }
        Some(JsonText::from_trusted(raw.get().to_owned()))
    }

    /// A member that is one text or an array of them; whether it is an array.
    pub(super) fn ids(&mut self, name: &str, faults: &mut Faults) -> Option<(Vec<String>, bool)> {
        let raw = self.take(name)?;
        let path = self.at(name);
        if kind(raw) != "array" {
            return text(raw, &path, faults).map(|text| (vec![text], false));
        }
        let items: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        let texts: Vec<String> = items
            .into_iter()
            .enumerate()
            .filter_map(|(index, raw)| {
                let mut path = path.clone();
                path.push(index.to_string());
                text(raw, &path, faults)
            })
            .collect();
        Some((texts, true))
    }

    /// A member that is an array of texts.
    pub(super) fn texts(&mut self, name: &str, faults: &mut Faults) -> Option<Vec<String>> {
        let raw = self.take(name)?;
        let path = self.at(name);
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            faults.wrong_type("array", kind(raw), &path);
            return None;
        };
        let items = items.into_iter().enumerate();
        Some(
            items
                .filter_map(|(index, raw)| {
                    let mut path = path.clone();
                    path.push(index.to_string());
                    text(raw, &path, faults)
                })
                .collect(),
        )
    }

    /// Says which members nobody asked for.
    pub(super) fn end(self, faults: &mut Faults) {
        faults.unknown(self.members.keys(), &self.path);
    }
}

/// A text that is a secret; `None` if it is empty.
pub(super) fn secret(raw: &RawValue, path: &[String], faults: &mut Faults) -> Option<SecretValue> {
    if kind(raw) != "string" {
        faults.wrong_type("string", kind(raw), path);
        return None;
    }
    if raw.get() == "\"\"" {
        return None;
    }
    let value = serde_json::from_str(raw.get()).ok();
    if value.is_none() {
        faults.add("too_big", TOO_LONG, path);
    }
    value
}

/// JSON that is kept as a secret.
pub(super) fn secret_json(
    json: String,
    path: &[String],
    faults: &mut Faults,
) -> Option<SecretValue> {
    let value = SecretValue::parse(json).ok();
    if value.is_none() {
        faults.add("too_big", TOO_LONG, path);
    }
    value
}

const TOO_LONG: &str = "Too big: expected string to have <=16000 bytes";

/// A value that is a text.
pub(super) fn text(raw: &RawValue, path: &[String], faults: &mut Faults) -> Option<String> {
    let text = serde_json::from_str(raw.get()).ok();
    if text.is_none() {
        faults.wrong_type("string", kind(raw), path);
    }
    text
}

/// The members of a value that is an object.
fn members<'a>(
    raw: &'a RawValue,
    path: &[String],
    faults: &mut Faults,
) -> Option<BTreeMap<String, &'a RawValue>> {
    let members = serde_json::from_str(raw.get()).ok();
    if members.is_none() {
        faults.wrong_type("object", kind(raw), path);
    }
    members
}

/// The word for the type of a value.
pub(super) fn kind(raw: &RawValue) -> &'static str {
    match raw.get().bytes().next() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}
