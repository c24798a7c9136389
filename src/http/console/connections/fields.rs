//! The fields of a connection's form, from the catalogue of connectors, and what came back in them; those of its secrets are
//! in [`super::secrets`].

use serde_json::{Map, Value};

use crate::connectors::{Connector, SettingField, SettingKind, SettingValue};
use crate::domain::FieldError;
use crate::domain::json::{JsonText, child_pointer};
use crate::http::form::Form;

/// What the name of a setting begins with in the form.
const SETTING: &str = "setting.";

/// One field as the form has it.
pub(super) struct Field {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) help: String,
    pub(super) mark: &'static str,
    pub(super) required: bool,
    pub(super) input: Input,
    pub(super) error: Option<String>,
    pub(super) focus: bool,
}

/// What a field is filled in with.
pub(super) enum Input {
    Text {
        value: String,
        number: bool,
    },
    Area {
        value: String,
    },
    Choice {
        values: Vec<(String, bool)>,
    },
    Check {
        on: bool,
    },
    /// Never filled in.
    Secret {
        multiline: bool,
    },
}

impl Field {
    /// A plain field.
    pub(super) fn text(name: &str, label: &str, help: &str, value: &str) -> Self {
        Self {
            id: name.to_owned(),
            name: name.to_owned(),
            label: label.to_owned(),
            help: help.to_owned(),
            mark: "",
            required: false,
            input: Input::Text {
                value: value.to_owned(),
                number: false,
            },
            error: None,
            focus: false,
        }
    }

    #[must_use]
    pub(super) fn required(mut self) -> Self {
        self.required = true;
        self.mark = "(required)";
        self
    }

    #[must_use]
    pub(super) fn optional(mut self) -> Self {
        self.mark = "(optional)";
        self
    }

    /// With what is wrong with it: what the service says of the place `pointer` of its input.
    #[must_use]
    pub(super) fn told(mut self, errors: &[FieldError], pointer: &str) -> Self {
        let own = errors.iter().find(|error| error.pointer == pointer);
        self.error = own.map(|error| sentence(&error.detail));
        self
    }

    /// Whether it takes the whole width.
    pub(super) fn is_long(&self) -> bool {
        matches!(self.input, Input::Area { .. })
    }

    /// What is stored, for whoever may not change it.
    pub(super) fn shown(&self) -> &str {
        match &self.input {
            Input::Text { value, .. } | Input::Area { value } => value,
            Input::Choice { values } => values
                .iter()
                .find_map(|(value, chosen)| chosen.then_some(value.as_str()))
                .unwrap_or_default(),
            Input::Check { on: true } => "Yes",
            Input::Check { on: false } => "No",
            Input::Secret { .. } => "",
        }
    }

    pub(super) fn described_by(&self) -> String {
        match self.error {
            Some(_) => format!("{0}-error {0}-help", self.id),
            None => format!("{}-help", self.id),
        }
    }
}

/// The settings that a connection of this kind is asked for. What was typed goes before what is stored.
pub(super) fn settings(
    connector: &'static Connector,
    stored: &JsonText,
    typed: Option<&Form>,
    errors: &[FieldError],
) -> Vec<Field> {
    let stored: Map<String, Value> = serde_json::from_str(stored.as_str()).unwrap_or_default();
    of_connections(connector)
        .map(|field| {
            let value = stored.get(&field.key);
            let name = format!("{SETTING}{}", field.key);
            let text = match typed {
                Some(form) => form.text(&name).to_owned(),
                None => match (value, &field.default) {
                    (Some(value), _) => plain(value),
                    (None, Some(default)) => of_default(default),
                    (None, None) => String::new(),
                },
            };
            let on = match typed {
                Some(form) => form.ticked(&name),
                None => text == "true",
            };
            let input = match field.kind {
                SettingKind::Choice => Input::Choice {
                    values: choices(field, &text),
                },
                SettingKind::Boolean => Input::Check { on },
                SettingKind::Certificate => Input::Area { value: text },
                SettingKind::Integer => Input::Text {
                    value: text,
                    number: true,
                },
                SettingKind::Text
                | SettingKind::Host
                | SettingKind::HostPart
                | SettingKind::Url
                | SettingKind::UrlPath => Input::Text {
                    value: text,
                    number: false,
                },
            };
            let shown = Field {
                input,
                ..Field::text(&name, &field.label, &field.help, "")
            };
            let shown = match (field.required, field.kind) {
                (true, _) => shown.required(),
                (false, SettingKind::Boolean | SettingKind::Choice) => shown,
                (false, _) => shown.optional(),
            };
            shown.told(errors, &child_pointer("/settings", &field.key))
        })
        .collect()
}

/// What was sent as the JSON that the services take. Of a change, what was left empty is removed.
pub(super) fn json(
    connector: &'static Connector,
    form: &Form,
    change: bool,
    errors: &mut Vec<FieldError>,
) -> JsonText {
    let mut settings = Map::new();
    for field in of_connections(connector) {
        let name = format!("{SETTING}{}", field.key);
        let value = match field.kind {
            SettingKind::Boolean => Some(Value::Bool(form.ticked(&name))),
            SettingKind::Integer => match form.given(&name).map(str::parse::<i64>) {
                None => None,
                Some(Ok(number)) => Some(Value::from(number)),
                Some(Err(_)) => {
                    errors.push(FieldError::new(
                        child_pointer("/settings", &field.key),
                        "wrong_type",
                        "Expected a whole number.",
                    ));
                    None
                }
            },
            _ => form.given(&name).map(Value::from),
        };
        if let Some(value) = value.or(change.then_some(Value::Null)) {
            settings.insert(field.key.clone(), value);
        }
    }
    JsonText::from_trusted(Value::Object(settings).to_string())
}

/// What is wrong, as a sentence of its own: some say it as the rest of one.
pub(super) fn sentence(detail: &str) -> String {
    let mut letters = detail.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    let mut text = first.unwrap_or_default() + letters.as_str();
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

fn of_connections(connector: &'static Connector) -> impl Iterator<Item = &'static SettingField> {
    let settings = connector.settings.iter();
    settings.filter(|field| !field.integration_only)
}

fn choices(field: &SettingField, chosen: &str) -> Vec<(String, bool)> {
    let none = (!field.required && field.default.is_none()).then(String::new);
    none.into_iter()
        .chain(field.values.iter().cloned())
        .map(|value| {
            let is = value == chosen;
            (value, is)
        })
        .collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn of_default(value: &SettingValue) -> String {
    match value {
        SettingValue::Text(text) => text.clone(),
        SettingValue::Integer(number) => number.to_string(),
        SettingValue::Boolean(on) => on.to_string(),
    }
}
