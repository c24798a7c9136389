//! The objects of a body, whose members are taken one by one.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::value::RawValue;

use super::faults::{Faults, Path};
use super::texts::{LONGEST, Pattern, filled, within};
use super::values::{kind, members, text};
use crate::domain::json::JsonText;
use crate::http::body;
use crate::service::error::Result as ServiceResult;

/// An object of a body. What is not taken from it is refused at the end.
pub(in crate::http::dialects::nango) struct Object<'a> {
    path: Path,
    members: BTreeMap<String, &'a RawValue>,
}

impl<'a> Object<'a> {
    /// The object that a body must be; nothing at all counts as an empty one.
    pub(in crate::http::dialects::nango) fn parse(
        bytes: &'a [u8],
        faults: &mut Faults,
    ) -> ServiceResult<Self> {
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
    pub(in crate::http::dialects::nango) fn path(&self) -> &[String] {
        &self.path
    }

    /// Where a member is.
    pub(in crate::http::dialects::nango) fn at(&self, name: impl Display) -> Path {
        let mut path = self.path.clone();
        path.push(name.to_string());
        path
    }

    /// Whether a member is there.
    pub(in crate::http::dialects::nango) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A member, whatever it is.
    pub(in crate::http::dialects::nango) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.members.remove(name)
    }

    /// Puts a member in.
    pub(in crate::http::dialects::nango) fn put(&mut self, name: &str, value: &'a RawValue) {
        self.members.insert(name.to_owned(), value);
    }

    /// All members that are left.
    pub(in crate::http::dialects::nango) fn rest(&mut self) -> BTreeMap<String, &'a RawValue> {
        std::mem::take(&mut self.members)
    }

    /// A member that is a text.
    pub(in crate::http::dialects::nango) fn text(
        &mut self,
        name: &str,
        faults: &mut Faults,
    ) -> Option<String> {
        let raw = self.take(name)?;
        text(raw, &self.at(name), faults)
    }

    /// The same with something in it that is not too long.
    pub(in crate::http::dialects::nango) fn filled(
        &mut self,
        name: &str,
        faults: &mut Faults,
    ) -> Option<String> {
        let text = self.text(name, faults)?;
        let path = self.at(name);
        let text = filled(text, &path, faults)?;
        within(text, LONGEST, &path, faults)
    }

    /// Says if a member is missing.
    pub(in crate::http::dialects::nango) fn need(
        &self,
        name: &str,
        expected: &str,
        faults: &mut Faults,
    ) {
        if !self.has(name) {
            faults.wrong_type(expected, "undefined", &self.at(name));
        }
    }

    /// A member that is a text which must be there and fit.
    pub(in crate::http::dialects::nango) fn needed(
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
    pub(in crate::http::dialects::nango) fn flag(
        &mut self,
        name: &str,
        faults: &mut Faults,
    ) -> Option<bool> {
        let raw = self.take(name)?;
        let value = serde_json::from_str(raw.get()).ok();
        if value.is_none() {
            faults.wrong_type("boolean", kind(raw), &self.at(name));
        }
        value
    }

    /// A member that is an object.
    pub(in crate::http::dialects::nango) fn object(
        &mut self,
        name: &str,
        faults: &mut Faults,
    ) -> Option<Self> {
        let raw = self.take(name)?;
        let path = self.at(name);
        let members = members(raw, &path, faults)?;
        Some(Self { path, members })
    }

    /// A member that is an object, as text.
    pub(in crate::http::dialects::nango) fn json(
        &mut self,
        name: &str,
        faults: &mut Faults,
    ) -> Option<JsonText> {
        let raw = self.take(name)?;
        if kind(raw) != "object" {
            faults.wrong_type("record", kind(raw), &self.at(name));
            return None;
        }
        Some(JsonText::from_trusted(raw.get().to_owned()))
    }

    /// A member that is one text or an array of them; whether it is an array.
    pub(in crate::http::dialects::nango) fn ids(
        &mut self,
        name: &str,
        faults: &mut Faults,
    ) -> Option<(Vec<String>, bool)> {
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
    pub(in crate::http::dialects::nango) fn texts(
        &mut self,
        name: &str,
        faults: &mut Faults,
    ) -> Option<Vec<String>> {
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
    pub(in crate::http::dialects::nango) fn end(self, faults: &mut Faults) {
        faults.unknown(self.members.keys(), &self.path);
    }
}
