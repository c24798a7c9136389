//! The end user of a connection, whom this dialect knows, is kept in tags: so `/v1` shows and finds it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::input::{Faults, Object, filled, kind, text, within};
use crate::domain::json::JsonText;
use crate::service::error::{Error, Result};

/// The tags that tell of the end user.
pub(super) const USER_ID: &str = "end_user_id";
pub(super) const EMAIL: &str = "end_user_email";
pub(super) const DISPLAY_NAME: &str = "end_user_display_name";
pub(super) const ORGANIZATION_ID: &str = "organization_id";
pub(super) const ORGANIZATION_NAME: &str = "organization_display_name";
const OF_USER: [&str; 5] = [
    USER_ID,
    EMAIL,
    DISPLAY_NAME,
    ORGANIZATION_ID,
    ORGANIZATION_NAME,
];

const MOST: usize = 10;
const LONGEST_KEY: usize = 64;

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

/// The end user of a connection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EndUser {
    /// The caller's own id of the user.
    id: String,
    /// The name to show.
    display_name: Option<String>,
    /// The e-mail address.
    email: Option<String>,
    /// The other tags of the connection.
    tags: Tags,
    /// The user's organization.
    organization: Option<Organization>,
}

/// The organization of an end user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Organization {
    /// The caller's own id of the organization.
    id: String,
    /// The name to show.
    display_name: Option<String>,
}

impl EndUser {
    /// The end user of whom these tags tell.
    pub(super) fn of(mut tags: Tags) -> Option<Self> {
        let id = tags.remove(USER_ID)?;
        let (email, display_name) = (tags.remove(EMAIL), tags.remove(DISPLAY_NAME));
        let organization_name = tags.remove(ORGANIZATION_NAME);
        let organization = tags.remove(ORGANIZATION_ID).map(|id| Organization {
            id,
            display_name: organization_name,
        });
        Some(Self {
            id,
            display_name,
            email,
            tags,
            organization,
        })
    }
}

/// What a body says of the end user and of tags; what it does not say is `None`.
#[derive(Debug, Default, Clone)]
pub(super) struct Said {
    user: Option<Tags>,
    of_user: Tags,
    own: Option<Tags>,
}

impl Said {
    /// All that is to be said: these tags, those of the end user among them.
    pub(super) fn whole(tags: Tags) -> Self {
        let (user, own) = tags
            .into_iter()
            .partition(|(key, _)| OF_USER.contains(&key.as_str()));
        Self {
            user: Some(user),
            of_user: Tags::new(),
            own: Some(own),
        }
    }

    /// Takes `end_user` and `tags` of a body.
    pub(super) fn take(body: &mut Object<'_>, faults: &mut Faults) -> Self {
        let mut said = Self::default();
        if let Some(user) = body.object("end_user", faults) {
            said.user = Some(said.take_user(user, faults));
        }
        if body.has("tags") {
            said.own = take_tags(body, 1, faults);
        }
        said
    }

    fn take_user(&mut self, mut user: Object<'_>, faults: &mut Faults) -> Tags {
        let mut tags = Tags::new();
        user.need("id", "string", faults);
        keep(&mut tags, USER_ID, user.filled("id", faults));
        let email = user.text("email", faults);
        let path = user.at("email");
        if email.as_ref().is_some_and(|email| !is_email(email)) {
            faults.add("invalid_format", "Invalid email address", &path);
        }
        keep(&mut tags, EMAIL, email);
        keep(
            &mut tags,
            DISPLAY_NAME,
            short(&mut user, "display_name", faults),
        );
        if let Some(mut organization) = user.object("organization", faults) {
            organization.need("id", "string", faults);
            keep(
                &mut tags,
                ORGANIZATION_ID,
                organization.filled("id", faults),
            );
            let name = short(&mut organization, "display_name", faults);
            keep(&mut tags, ORGANIZATION_NAME, name);
            organization.end(faults);
        }
        if user.has("tags") {
            self.of_user = take_tags(&mut user, 0, faults).unwrap_or_default();
        }
        user.end(faults);
        tags
    }

    /// The tags of a connection that has had `before`; `None` if nothing was said of them. What is said of the end user
    /// replaces what was known, and so do tags, but not those that tell of the end user.
    pub(super) fn onto(&self, before: &Tags) -> Option<JsonText> {
        if self.user.is_none() && self.own.is_none() {
            return None;
        }
        let is_users = |key: &String| OF_USER.contains(&key.as_str());
        let (users, mut own): (Tags, Tags) = before
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .partition(|(key, _)| is_users(key));
        if let Some(said) = &self.own {
            own.clone_from(said);
        }
        let mut tags = self.of_user.clone();
        tags.extend(own);
        tags.extend(self.user.clone().unwrap_or(users));
        Some(JsonText::from_trusted(
            serde_json::to_string(&tags).unwrap_or_default(),
        ))
    }
}

/// The tags that are stored.
pub(super) fn stored(tags: &JsonText) -> Result<Tags> {
    serde_json::from_str(tags.as_str())
        .map_err(|_| Error::Internal("stored tags can't be read".to_owned()))
}

/// The key of a tag, in lower case, if it can be one.
pub(super) fn key(key: &str, path: &[String], faults: &mut Faults) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if !key.starts_with(|c: char| c.is_ascii_alphabetic()) || !key.chars().all(allowed) {
        let message = "Tag keys must start with a letter and contain only alphanumerics, underscores, hyphens, periods, or slashes";
        faults.add("invalid_key", message, path);
        return None;
    }
    if key.len() > LONGEST_KEY {
        let message = "Tag keys must be at most 64 characters";
        faults.add("invalid_key", message, path);
        return None;
    }
    Some(key.to_ascii_lowercase())
}

fn take_tags(body: &mut Object<'_>, shortest: usize, faults: &mut Faults) -> Option<Tags> {
    let mut object = body.object("tags", faults)?;
    let mut tags = Tags::new();
    let at = |key: &str| {
        body.at("tags")
            .into_iter()
            .chain([key.to_owned()])
            .collect::<Vec<_>>()
    };
    let members = object.rest();
    if members.len() > MOST {
        let message = format!("Tags cannot contain more than {MOST} keys");
        faults.add("custom", message, &body.at("tags"));
        return None;
    }
    for (name, raw) in members {
        // What can't be a key is not repeated but for its beginning: it may be a secret in the wrong place.
        let path = at(&name.chars().take(LONGEST_KEY).collect::<String>());
        let Some(key) = key(&name, &path, faults) else {
            continue;
        };
        if kind(raw) != "string" {
            faults.wrong_type("string", kind(raw), &path);
            continue;
        }
        let value = text(raw, &path, faults);
        let value = value.and_then(|value| {
            if shortest > 0 {
                filled(value, &path, faults)
            } else {
                Some(value)
            }
        });
        let value = value.and_then(|value| within(value, 255, &path, faults));
        if let Some(value) = value
            && tags.insert(key, value).is_some()
        {
            let message = "Tag keys must differ in more than case";
            faults.add("custom", message, &path);
        }
    }
    Some(tags)
}

fn keep(tags: &mut Tags, key: &str, value: Option<String>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        tags.insert(key.to_owned(), value);
    }
}

fn short(object: &mut Object<'_>, name: &str, faults: &mut Faults) -> Option<String> {
    let text = object.text(name, faults)?;
    let path = object.at(name);
    within(text, 255, &path, faults)
}

/// As far as anybody can tell without asking the other side.
fn is_email(text: &str) -> bool {
    text.chars().count() <= 255
        && text.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && host.contains('.') && !host.contains('@') && !host.starts_with('.')
        })
        && !text.contains(char::is_whitespace)
}
