//! The members that each type of credentials has, and how one of them is read.

use chrono::SecondsFormat;
use serde_json::value::{RawValue, to_raw_value};

use super::super::input::{Faults, kind, secret, secret_json, text};
use super::super::providers::AuthMode;
use crate::domain::clock::Ts;
use crate::secrets::value::SecretValue;

/// A member of a type of credentials.
#[derive(Debug, Clone, Copy)]
pub(in crate::http::dialects::nango) struct Member {
    /// Its name.
    pub(in crate::http::dialects::nango) name: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
    /// Whether it must be there.
    pub(in crate::http::dialects::nango) required: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text with something in it.
    Text,
    /// A text that may be empty.
    AnyText,
    /// An object.
    Json,
    /// A text or an object.
    TextOrJson,
    /// A moment.
    Moment,
    /// All members that no other one is, as one object.
    Rest,
}

/// The members of a type of credentials.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(in crate::http::dialects::nango) fn members(mode: AuthMode) -> &'static [Member] {
    use Kind::{AnyText, Json, Moment, Rest, Text, TextOrJson};
    const fn need(name: &'static str, kind: Kind) -> Member {
        Member {
            name,
            kind,
            required: true,
        }
    }
    const fn may(name: &'static str, kind: Kind) -> Member {
        Member {
            name,
            kind,
            required: false,
        }
    }
    const EXPIRES: Member = may("expires_at", Moment);
    const RAW: Member = may("raw", Json);
    match mode {
        AuthMode::ApiKey => const { &[need("apiKey", Text)] },
        AuthMode::Basic => const { &[need("username", AnyText), need("password", AnyText)] },
        AuthMode::OAuth1 => {
            const {
                &[
                    need("oauth_token", Text),
                    need("oauth_token_secret", Text),
                    RAW,
                ]
            }
        }
        AuthMode::OAuth2 => {
            const {
                &[
                    need("access_token", Text),
                    may("refresh_token", Text),
                    EXPIRES,
                    may("config_override", Json),
                    RAW,
                ]
            }
        }
        AuthMode::OAuth2Cc => {
            const {
                &[
                    // The browser client has none: the original asks the provider for one.
                    may("token", Text),
                    need("client_id", Text),
                    need("client_secret", Text),
                    may("client_certificate", Text),
                    may("client_private_key", Text),
                    EXPIRES,
                    RAW,
                ]
            }
        }
        AuthMode::Tba => {
            const {
                &[
                    need("token_id", Text),
                    need("token_secret", Text),
                    may("config_override", Json),
                ]
            }
        }
        AuthMode::App => {
            const {
                &[
                    need("access_token", Text),
                    may("jwtToken", Text),
                    EXPIRES,
                    RAW,
                ]
            }
        }
        AuthMode::Custom => const { &[may("app", Json), may("user", Json), RAW] },
        AuthMode::Jwt => {
            const {
                &[
                    may("privateKey", TextOrJson),
                    may("privateKeyId", Text),
                    may("issuerId", Text),
                    may("token", Text),
                    EXPIRES,
                    may("fields", Rest),
                ]
            }
        }
        AuthMode::TwoStep => const { &[may("token", Text), EXPIRES, RAW, may("fields", Rest)] },
        AuthMode::Bill => {
            const {
                &[
                    need("username", Text),
                    need("password", Text),
                    need("organization_id", Text),
                    need("dev_key", Text),
                    may("session_id", Text),
                    may("user_id", Text),
                    EXPIRES,
                    RAW,
                ]
            }
        }
        AuthMode::Signature => {
            const {
                &[
                    need("username", Text),
                    need("password", Text),
                    may("token", Text),
                    EXPIRES,
                ]
            }
        }
        AuthMode::AwsSigV4 => {
            const {
                &[
                    need("access_key_id", Text),
                    need("secret_access_key", Text),
                    may("session_token", Text),
                    may("role_arn", Text),
                    may("external_id", Text),
                    may("region", Text),
                    may("service", Text),
                    EXPIRES,
                    RAW,
                ]
            }
        }
        AuthMode::None => const { &[] },
    }
}

impl Member {
    /// Reads it as a secret.
    pub(super) fn secret(
        &self,
        raw: &RawValue,
        path: &[String],
        faults: &mut Faults,
    ) -> Option<SecretValue> {
        let is_object = kind(raw) == "object";
        match self.kind {
            Kind::Json if !is_object => {
                faults.wrong_type("record", kind(raw), path);
                None
            }
            Kind::Json | Kind::TextOrJson if is_object => {
                secret_json(raw.get().to_owned(), path, faults)
            }
            _ => {
                if raw.get() == "\"\"" && self.kind != Kind::AnyText {
                    faults.add(
                        "too_small",
                        "Too small: expected string to have >=1 characters",
                        path,
                    );
                    return None;
                }
                secret(raw, path, faults)
            }
        }
    }

    /// Reads it as a setting.
    pub(super) fn setting(
        &self,
        raw: &RawValue,
        path: &[String],
        faults: &mut Faults,
    ) -> Option<Box<RawValue>> {
        let text = text(raw, path, faults)?;
        if self.kind != Kind::Moment {
            return to_raw_value(&text).ok();
        }
        let moment = Ts::parse(&text).or_else(|| Ts::parse(&format!("{text}T00:00:00Z")));
        if moment.is_none() {
            faults.wrong_type("date", "Date", path);
        }
        // As clients of the original write moments, who compare them as text.
        let text = moment?.utc().to_rfc3339_opts(SecondsFormat::Millis, true);
        to_raw_value(&text).ok()
    }
}
