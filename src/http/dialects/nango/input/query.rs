//! The path and the query of a request.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;

use super::super::Refusal;
use super::Faults;
use super::texts::{LONGEST, Pattern, filled, within};

/// A part of the path that must fit a pattern.
pub(in crate::http::dialects::nango) fn part(
    request: &HttpRequest,
    name: &str,
    pattern: Pattern,
) -> Result<String, Refusal> {
    let mut faults = Faults::default();
    let raw = request.match_info().get(name).unwrap_or_default();
    // The middleware has refused what is no UTF-8.
    let text = percent_decode_str(raw).decode_utf8_lossy().into_owned();
    let text = pattern.check(text, &[name.to_owned()], &mut faults);
    faults.refuse("invalid_uri_params")?;
    Ok(text.unwrap_or_default())
}

/// The parameters of a query.
pub(in crate::http::dialects::nango) struct Query {
    pairs: BTreeMap<String, Vec<String>>,
    faults: Faults,
}

impl Query {
    /// The query of a request.
    pub(in crate::http::dialects::nango) fn of(request: &HttpRequest) -> Self {
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
    pub(in crate::http::dialects::nango) fn none(request: &HttpRequest) -> Result<(), Refusal> {
        Self::of(request).end()
    }

    /// A parameter that may be given once.
    pub(in crate::http::dialects::nango) fn text(&mut self, name: &str) -> Option<String> {
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
    pub(in crate::http::dialects::nango) fn filled(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        let path = [name.to_owned()];
        let text = filled(text, &path, &mut self.faults)?;
        within(text, LONGEST, &path, &mut self.faults)
    }

    /// A parameter that must be given and fit.
    pub(in crate::http::dialects::nango) fn needed(
        &mut self,
        name: &str,
        pattern: Pattern,
    ) -> Option<String> {
        let path = [name.to_owned()];
        if !self.pairs.contains_key(name) {
            self.faults.wrong_type("string", "undefined", &path);
            return None;
        }
        let text = self.text(name)?;
        pattern.check(text, &path, &mut self.faults)
    }

    /// A parameter that says yes or no.
    pub(in crate::http::dialects::nango) fn flag(&mut self, name: &str) -> bool {
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
    pub(in crate::http::dialects::nango) fn number(
        &mut self,
        name: &str,
        min: i64,
        max: i64,
    ) -> Option<i64> {
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
    pub(in crate::http::dialects::nango) fn several(&mut self, name: &str) -> Vec<String> {
        self.pairs.remove(name).unwrap_or_default()
    }

    /// The members of a parameter that is an object, `name[member]=value`.
    pub(in crate::http::dialects::nango) fn members(
        &mut self,
        name: &str,
    ) -> Vec<(String, String)> {
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
    pub(in crate::http::dialects::nango) fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// Refuses if anything was wrong, unknown parameters included.
    pub(in crate::http::dialects::nango) fn end(mut self) -> Result<(), Refusal> {
        self.faults.unknown(self.pairs.keys(), &[]);
        self.faults.refuse("invalid_query_params")
    }
}
