//! The settings of one connection: what is not secret, checked against its connector.
//!
//! What must stay true: settings that went through [`Settings::parse`] hold only declared fields
//! with allowed values and no secret. Defaults are not written into them, so that what a
//! connection says is what its owner said; [`Settings::effective`] adds them when reading.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::fields::Connector;
use super::rules::Fault;
use crate::domain::FieldError;

/// The settings of a connection by key.
// Deserializing takes what is stored without checking it; what a caller sends goes through `parse`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, SettingValue>);

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SettingValue {
    /// Text of any type: a line, a host, a URL, a choice.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
}

impl SettingValue {
    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self {
            Some(*number)
        } else {
            None
        }
    }
}

impl Settings {
    /// Reads and checks what a caller sent, a JSON object, and reports everything that is wrong
    /// with it.
    pub fn parse(connector: &Connector, json: &str) -> Result<Self, Vec<FieldError>> {
        Self::read(connector, json, true)
    }

    /// The same for what may be incomplete: an integration says only what its connections share.
    pub fn parse_partial(connector: &Connector, json: &str) -> Result<Self, Vec<FieldError>> {
        Self::read(connector, json, false)
    }

    fn read(connector: &Connector, json: &str, whole: bool) -> Result<Self, Vec<FieldError>> {
        let Ok(given) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json) else {
            let detail = "The settings must be a JSON object.";
            return Err(vec![FieldError::new("/settings", "wrong_type", detail)]);
        };
        let mut settings = BTreeMap::new();
        let mut errors = Vec::new();
        for (key, raw) in &given {
            match read_value(connector, key, raw, whole) {
                Ok(value) => {
                    settings.insert(key.clone(), value);
                }
                Err(fault) => errors.push(FieldError::new(pointer(key), fault.code, fault.detail)),
            }
        }
        let absent = |key: &String| !given.contains_key(key);
        for field in connector
            .settings
            .iter()
            .filter(|field| whole && field.required && absent(&field.key))
        {
            let fault = missing(&field.label);
            errors.push(FieldError::new(
                pointer(&field.key),
                fault.code,
                fault.detail,
            ));
        }
        if errors.is_empty() {
            Ok(Self(settings))
        } else {
            Err(errors)
        }
    }

    /// The settings as JSON, always with the keys in the same order.
    pub fn to_json(&self) -> String {
        let values = self.0.iter().map(|(key, value)| {
            let value = match value {
                SettingValue::Text(text) => serde_json::Value::from(text.as_str()),
                SettingValue::Integer(number) => serde_json::Value::from(*number),
                SettingValue::Boolean(flag) => serde_json::Value::from(*flag),
            };
            (key.clone(), value)
        });
        // Printing a `Value` can't fail; serializing can, as far as the types know.
        serde_json::Value::Object(values.collect()).to_string()
    }

    /// The value that holds for a setting: the one given, else the connector's default.
    pub fn effective<'a>(
        &'a self,
        connector: &'a Connector,
        key: &str,
    ) -> Option<&'a SettingValue> {
        let default = || {
            connector
                .setting(key)
                .and_then(|field| field.default.as_ref())
        };
        self.0.get(key).or_else(default)
    }

    /// Whether secrets would be sent somewhere else, or less safely, under the new settings.
    /// Writing a default out changes nothing; writing a host in other letters counts as a change,
    /// which costs the caller a re-entry and never a secret.
    pub fn destination_changed(&self, connector: &Connector, new: &Self) -> bool {
        connector
            .settings
            .iter()
            .filter(|field| field.destination)
            .any(|field| {
                self.effective(connector, &field.key) != new.effective(connector, &field.key)
            })
    }
}

fn read_value(
    connector: &Connector,
    key: &str,
    raw: &RawValue,
    of_connection: bool,
) -> Result<SettingValue, Fault> {
    let declared = connector
        .setting(key)
        .filter(|field| !(of_connection && field.integration_only));
    let Some(field) = declared else {
        return Err(match connector.secret_field(key) {
            Some(secret) => {
                let detail = format!("{} is a secret: send it in secrets.", secret.label);
                Fault::new("secret_in_settings", detail)
            }
            None => Fault::new(
                "unknown_setting",
                format!("{} has no such setting.", connector.label),
            ),
        });
    };
    let value: SettingValue = serde_json::from_str(raw.get()).map_err(|_| {
        let detail = format!(
            "{} must be text, a whole number, true or false.",
            field.label
        );
        Fault::new("wrong_type", detail)
    })?;
    if field.required && value.as_text().is_some_and(|text| text.trim().is_empty()) {
        return Err(missing(&field.label));
    }
    match field.fault(&value) {
        Some(fault) => Err(fault),
        None => Ok(value),
    }
}

fn missing(label: &str) -> Fault {
    Fault::new("missing_setting", format!("{label} is required."))
}

/// The JSON pointer to a setting. A key that can't be a setting's is not repeated: a secret may
/// have slipped into its place.
fn pointer(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if (1..=40).contains(&key.len()) && key.chars().all(plain) {
        format!("/settings/{key}")
    } else {
        "/settings".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::find;

    const SHOP: &str = r#"{"username":"app","host":"db.example.com","database":"shop"}"#;

    fn postgres() -> &'static Connector {
        find("postgres").unwrap()
    }

    fn parse(json: &str) -> Settings {
        Settings::parse(postgres(), json).unwrap()
    }

    /// What is wrong with the settings of a `postgres` connection: pointer and code.
    fn faults(json: &str) -> Vec<(String, &'static str)> {
        let errors = Settings::parse(postgres(), json).unwrap_err();
        errors
            .into_iter()
            .map(|error| (error.pointer, error.code))
            .collect()
    }

    /// The settings of `SHOP` with one more.
    fn with(key: &str, value: &str) -> String {
        SHOP.replace('}', &format!(r#","{key}":{value}}}"#))
    }

    #[test]
    fn settings_are_kept_as_given_in_a_fixed_order_and_without_defaults() {
        let expected = r#"{"database":"shop","host":"db.example.com","username":"app"}"#;
        assert_eq!(parse(SHOP).to_json(), expected);
        assert_eq!(serde_json::to_string(&parse(SHOP)).unwrap(), expected);
        assert_eq!(
            serde_json::from_str::<Settings>(expected).unwrap(),
            parse(SHOP)
        );
        assert_eq!(Settings::default().to_json(), "{}");
    }

    #[test]
    fn every_type_of_value_survives_storing() {
        let json = r#"{"host":"db.example.com","port":1433,"read_only":true,"username":"a\"b"}"#;
        let settings = Settings::parse(find("mssql").unwrap(), json).unwrap();
        assert_eq!(settings.to_json(), json);
    }

    #[test]
    fn a_wrong_setting_is_refused_at_its_place() {
        let cases = [
            ("port", "0", "out_of_range"),
            ("port", "65536", "out_of_range"),
            ("port", "\"5432\"", "wrong_type"),
            ("port", "5432.5", "wrong_type"),
            ("port", "99999999999999999999", "wrong_type"),
            ("port", "null", "wrong_type"),
            ("port", "[1]", "wrong_type"),
            ("schema", "1", "wrong_type"),
            ("schema", "true", "wrong_type"),
            ("schema", "{}", "wrong_type"),
            ("schema", r#""a\u0000""#, "invalid_text"),
            ("tls", "\"maybe\"", "not_allowed_value"),
            ("colour", "\"red\"", "unknown_setting"),
            ("password", "\"hunter2\"", "secret_in_settings"),
            ("extra", "\"x\"", "secret_in_settings"),
            ("schema", "\"x?password=hunter2\"", "secret_in_settings"),
        ];
        for (key, value, code) in cases {
            let expected = vec![(format!("/settings/{key}"), code)];
            assert_eq!(faults(&with(key, value)), expected, "{key}: {value}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_reported_together() {
        let found = faults(r#"{"host":"a/b","port":0,"database":" ","colour":1}"#);
        let expected = [
            ("/settings/colour", "unknown_setting"),
            ("/settings/database", "missing_setting"),
            ("/settings/host", "invalid_host"),
            ("/settings/port", "out_of_range"),
            ("/settings/username", "missing_setting"),
        ];
        assert_eq!(
            found,
            expected.map(|(pointer, code)| (pointer.to_owned(), code))
        );
    }

    #[test]
    fn what_is_not_an_object_is_refused_as_a_whole() {
        for json in ["", "null", "[]", "\"host\"", "{", "{} {}", r#"{"host":}"#] {
            assert_eq!(
                faults(json),
                [("/settings".to_owned(), "wrong_type")],
                "{json}"
            );
        }
    }

    #[test]
    fn no_error_repeats_what_was_sent() {
        let long = "s3cr3t".repeat(7);
        for sent in ["s3cr3t pass/word", "s3cr3t\\n", &long] {
            let text = format!("\"{sent}\"");
            for json in [with(sent, "1"), with("port", &text), with("tls", &text)] {
                let errors = Settings::parse(postgres(), &json).unwrap_err();
                assert!(!format!("{errors:?}").contains("s3cr3t"), "{errors:?}");
            }
        }
    }

    #[test]
    fn a_default_holds_until_another_value_is_given() {
        let port = |json: &str| {
            parse(json)
                .effective(postgres(), "port")
                .unwrap()
                .as_integer()
        };
        assert_eq!(port(SHOP), Some(5432));
        assert_eq!(port(&with("port", "6432")), Some(6432));
        let settings = parse(SHOP);
        assert_eq!(
            settings.effective(postgres(), "tls").unwrap().as_text(),
            Some("verify")
        );
        assert_eq!(settings.effective(postgres(), "schema"), None);
        assert_eq!(settings.effective(postgres(), "colour"), None);
    }

    #[test]
    fn the_destination_changes_with_where_secrets_go_and_with_nothing_else() {
        let cases = [
            (SHOP.to_owned(), false),
            (with("port", "5432"), false),
            (with("tls", "\"verify\""), false),
            (with("schema", "\"other\""), false),
            (SHOP.replace("app", "other"), false),
            (SHOP.replace("db.example.com", "evil.example"), true),
            (with("port", "5433"), true),
            (with("tls", "\"disable\""), true),
            (with("ca_certificate", "\"other\""), true),
        ];
        for (new, expected) in cases {
            let (old, new) = (parse(SHOP), parse(&new));
            assert_eq!(
                old.destination_changed(postgres(), &new),
                expected,
                "{new:?}"
            );
            assert_eq!(
                new.destination_changed(postgres(), &old),
                expected,
                "{new:?}"
            );
        }
    }
}
