//! What comes with a request for a page, of re-entry or of the console: cookie, origin, form.
//!
//! A form is taken apart here and not by a library: each secret goes from the body into a [`SecretValue`] by one copy
//! that is overwritten when it is dropped.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::header::{COOKIE, HOST, ORIGIN};
use percent_encoding::percent_decode;
use subtle::ConstantTimeEq as _;
use url::Url;
use zeroize::{Zeroize as _, Zeroizing};

use crate::domain::FieldError;
use crate::domain::json::child_pointer;
use crate::secrets::value::{MAX_SECRET_BYTES, SecretValue, SecretValueError};
use crate::service::secrets::SecretInput;

/// What the name of a secret begins with in the form.
pub(super) const FIELD: &str = "secret.";
/// The name of the token without which a form changes nothing.
const TOKEN: &str = "csrf";

/// The value of a cookie.
pub(super) fn cookie(request: &HttpRequest, name: &str) -> Option<String> {
    request
        .headers()
        .get_all(COOKIE)
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
        .map(str::to_owned)
}

/// Whether no other site's page sent a request. Browsers say so in `Sec-Fetch-Site`; over plain HTTP they leave it out,
/// and under our own `Referrer-Policy` they say `Origin: null` then: that is nobody's word, and the form's token decides.
pub(super) fn is_from_here(request: &HttpRequest, public_url: &Url) -> bool {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(value.to_str().unwrap_or_default())
    };
    if let Some(site) = header("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match header(ORIGIN.as_str()) {
        None | Some("null") => true,
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            Url::parse(origin).is_ok_and(|origin| origin.origin() == public_url.origin())
                || (host.is_some() && host == header(HOST.as_str()))
        }
    }
}

/// A form that was sent.
pub(super) struct Form {
    token: Zeroizing<Vec<u8>>,
    /// What is no secret, by name, in the order it came.
    fields: BTreeMap<String, Vec<String>>,
    /// What was entered; what was left empty is not among it.
    pub(super) secrets: SecretInput,
    /// What can't be taken, at its place.
    pub(super) errors: Vec<FieldError>,
}

impl Form {
    /// Takes a body apart; `None` for what is no form. A secret may be there once.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut sent = Self {
            token: Zeroizing::default(),
            fields: BTreeMap::new(),
            secrets: SecretInput::new(),
            errors: Vec::new(),
        };
        let mut names = Vec::new();
        for pair in body.split(|byte| *byte == b'&') {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let (name, value) = (parts.next()?, decode(parts.next()?));
            let name = String::from_utf8(decode(name).to_vec()).ok()?;
            let once = name == TOKEN || name.starts_with(FIELD);
            if once && names.contains(&name) {
                return None;
            }
            match name.strip_prefix(FIELD) {
                Some(key) => sent.enter(key, value),
                None if name == TOKEN => sent.token = value,
                None => {
                    let text = String::from_utf8(value.to_vec()).ok()?;
                    sent.fields.entry(name.clone()).or_default().push(text);
                }
            }
            names.push(name);
        }
        Some(sent)
    }

    /// A field that is no secret; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.all(name).first().map_or("", String::as_str)
    }

    /// The same, `None` where nothing but blanks was entered.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// Every value of a field of which there may be several.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.fields.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a box is ticked.
    pub(super) fn ticked(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The fields that are no secrets, by name.
    pub(super) fn fields(&self) -> &BTreeMap<String, Vec<String>> {
        &self.fields
    }

    /// Whether it carries this token.
    pub(super) fn is_of(&self, token: &str) -> bool {
        self.token.ct_eq(token.as_bytes()).into()
    }

    fn enter(&mut self, key: &str, mut value: Zeroizing<Vec<u8>>) {
        let detail = match String::from_utf8(std::mem::take(&mut *value)) {
            Err(error) => {
                error.into_bytes().zeroize();
                "This is not text in UTF-8.".to_owned()
            }
            Ok(text) => match SecretValue::parse(text) {
                Err(SecretValueError::Empty) => return,
                Err(SecretValueError::TooLong) => {
                    format!("This is too long: at most {MAX_SECRET_BYTES} bytes can be stored.")
                }
                Err(SecretValueError::HoldsNul) => {
                    "This holds a NUL character, which no system takes.".to_owned()
                }
                Ok(secret) => {
                    self.secrets.insert(key.to_owned(), Some(secret));
                    return;
                }
            },
        };
        self.errors.push(FieldError::new(
            child_pointer("/secrets", key),
            "invalid_value",
            detail,
        ));
    }
}

/// Decodes into memory that is never moved, since it is as large as the input. Browsers send each line break of a text
/// area as CR LF, whatever was pasted: it is one LF again.
fn decode(encoded: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(encoded.len()));
    for (index, piece) in encoded.split(|byte| *byte == b'+').enumerate() {
        if index > 0 {
            decoded.push(b' ');
        }
        for byte in percent_decode(piece) {
            if byte == b'\n' && decoded.last() == Some(&b'\r') {
                decoded.pop();
            }
            decoded.push(byte);
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(body: &str) -> Vec<(String, String)> {
        let sent = Form::parse(body.as_bytes()).unwrap();
        assert!(sent.errors.is_empty(), "{:?}", sent.errors);
        sent.secrets
            .into_iter()
            .map(|(key, value)| (key, value.unwrap().expose().to_owned()))
            .collect()
    }

    #[test]
    fn a_form_is_decoded_to_the_byte() {
        for (encoded, expected) in [
            ("plain", "plain"),
            ("a+b%2Bc%20d", "a b+c d"),
            ("p%C3%A4ss%F0%9F%94%91", "p\u{e4}ss\u{1f511}"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("a=b", "a=b"),
            ("%26%3D", "&="),
            ("-----BEGIN%0D%0AKEY%0D%0A", "-----BEGIN\nKEY\n"),
            ("a%0Ab%0Dc", "a\nb\rc"),
        ] {
            assert_eq!(
                values(&format!("csrf=x&secret.password={encoded}")),
                [("password".to_owned(), expected.to_owned())]
            );
        }
        assert_eq!(values("csrf=x&secret.password="), []);
    }

    #[test]
    fn what_can_not_be_taken_is_told_at_its_place_and_never_repeated() {
        for (value, reason) in [
            ("a%00b".to_owned(), "NUL"),
            ("%FF%FE4711".to_owned(), "UTF-8"),
            ("4711".repeat(4_001), "16000 bytes"),
        ] {
            let sent = Form::parse(format!("csrf=x&secret.password={value}").as_bytes()).unwrap();
            let [error] = &sent.errors[..] else {
                panic!("{:?}", sent.errors)
            };
            assert_eq!(error.pointer, "/secrets/password");
            assert!(
                error.detail.contains(reason) && !error.detail.contains("4711"),
                "{error:?}"
            );
            assert!(sent.secrets.is_empty());
        }
    }

    #[test]
    fn what_is_no_secret_is_told_apart_and_may_come_several_times() {
        let form = Form::parse(b"csrf=x&id=1&id=2&name=+&secret.a=b&on=").unwrap();
        assert_eq!(form.all("id"), ["1", "2"]);
        assert_eq!(
            (form.text("id"), form.given("name"), form.text("none")),
            ("1", None, "")
        );
        assert!(form.ticked("on") && !form.ticked("off") && !form.ticked("secret.a"));
        assert_eq!(form.secrets.len(), 1);
    }

    #[test]
    fn what_is_no_form_is_none() {
        for body in [
            "",
            "csrf",
            "csrf=a&csrf=b",
            "secret.a=1&secret.%61=2",
            "csrf=x&%FF=1",
            "csrf=x&name=%FF",
        ] {
            assert!(Form::parse(body.as_bytes()).is_none(), "{body}");
        }
    }
}
