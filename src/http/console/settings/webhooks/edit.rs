//! The form of a webhook endpoint: a new one, and a changed one.

use actix_web::HttpResponse;
use askama::Template;

use super::{ChangeWebhooks, Faults, LIST, Tab, WebhookView, id_of, path, secret_page};
use crate::domain::actions::ACTIONS;
use crate::domain::codes::Code;
use crate::domain::kinds::WebhookFormat;
use crate::http::console::flash::Flash;
use crate::http::console::frame::{Frame, Section};
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::{Person, Visit};
use crate::http::form::Form;
use crate::service::error::Error;
use crate::service::webhooks::{self, NewWebhook, WebhookPatch};

#[derive(Template)]
#[template(path = "console/templates/settings/webhook_form.html")]
struct FormPage<'a> {
    frame: &'a Frame,
    section: Option<Section>,
    tab: Tab,
    /// Where it is sent to, and where Cancel leads, below the console.
    action: String,
    back: String,
    /// Whether there is an endpoint already.
    changes: bool,
    typed: &'a Typed,
    faults: &'a Faults,
    choices: Vec<Choice>,
    /// Somebody else changed it since the form was opened.
    stale: bool,
}

/// What an endpoint can be told of.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// What the form holds.
struct Typed {
    version: String,
    url: String,
    description: String,
    text: bool,
    types: Vec<String>,
}

impl Typed {
    fn empty() -> Self {
        Self {
            version: String::new(),
            url: String::new(),
            description: String::new(),
            text: false,
            types: Vec::new(),
        }
    }

    fn of(view: WebhookView) -> Self {
        Self {
            version: view.version.to_string(),
            url: view.url,
            description: view.description,
            text: view.format == WebhookFormat::Text,
            types: view.types,
        }
    }

    fn sent(form: &Form) -> Self {
        Self {
            version: form.text("version").to_owned(),
            url: form.text("url").trim().to_owned(),
            description: form.text("description").to_owned(),
            text: form.text("format") == WebhookFormat::Text.as_str(),
            types: form.all("type").to_vec(),
        }
    }

    fn format(&self) -> WebhookFormat {
        if self.text {
            WebhookFormat::Text
        } else {
            WebhookFormat::Standard
        }
    }

    /// Each family of events, and before them the single types that were chosen elsewhere, which stay.
    fn choices(&self) -> Vec<Choice> {
        let announced = ACTIONS.iter().filter(|action| action.announced);
        let mut families: Vec<String> = announced
            .filter_map(|action| action.word.split('.').next())
            .map(|family| format!("{family}.*"))
            .collect();
        families.dedup();
        let single = self.types.iter().filter(|type_| !families.contains(type_));
        let mut all: Vec<String> = single.cloned().collect();
        all.extend(families.iter().cloned());
        all.into_iter()
            .map(|value| Choice {
                label: label_of(&value),
                chosen: self.types.contains(&value),
                value,
            })
            .collect()
    }
}

/// What people call a family; a single type as it is.
fn label_of(type_: &str) -> String {
    let words = match type_ {
        "alarm.*" => "Alarms",
        "api_key.*" => "API keys made and revoked",
        "brake.*" => "The brake on mass deletion",
        "connect_session.*" => "Sessions in which end users connect",
        "connection.*" => "Connections: made, changed, deleted, restored, secrets entered",
        "content.*" => "Content",
        "import.*" => "Imports",
        "integration.*" => "Integrations",
        "model.*" => "Models",
        "organization.*" => "The organization",
        "purge.*" => "The purge paused and resumed",
        "receipt_key.*" => "Keys that receipts are signed with",
        "retention.*" => "The retention changed",
        "trash.*" => "The trash: purges, holds, warnings before a purge",
        "webhook.*" => "Webhooks",
        other => other,
    };
    words.to_owned()
}

fn form<'a>(
    person: &'a Person,
    action: String,
    typed: &'a Typed,
    faults: &'a Faults,
) -> FormPage<'a> {
    FormPage {
        frame: &person.frame,
        section: Some(Section::Settings),
        tab: Tab::Webhooks,
        back: action.trim_end_matches("/edit").to_owned(),
        changes: action != LIST,
        action,
        choices: typed.choices(),
        typed,
        faults,
        stale: false,
    }
}

pub(super) async fn new(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let (typed, faults) = (Typed::empty(), Faults::default());
    Ok(person.page(&form(&person, LIST.to_owned(), &typed, &faults)))
}

pub(super) async fn create(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let (person, sent) = visit.sent().await?;
    let typed = Typed::sent(&sent);
    let new = NewWebhook {
        url: typed.url.clone(),
        description: typed.description.clone(),
        format: typed.format(),
        types: typed.types.clone(),
    };
    match person.write(move |tx| webhooks::create(tx, &new)).await {
        Ok(made) => {
            let secret = made.signing_secret.unwrap_or_default();
            let title = "Webhook endpoint made";
            let shown = secret_page(&person, made.webhook.id, title, &secret, None);
            Ok(person.page(&shown))
        }
        Err(error) => {
            let faults = Faults::of(error).map_err(|error| person.trouble(&error))?;
            Ok(person.refused(&form(&person, LIST.to_owned(), &typed, &faults)))
        }
    }
}

pub(super) async fn edit(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let person = visit.person().await?;
    let id = id_of(&person)?;
    let view = person
        .read(move |conn, caller| webhooks::get(conn, caller, id))
        .await?;
    let (typed, faults) = (Typed::of(view), Faults::default());
    let action = format!("{}/edit", path(id));
    Ok(person.page(&form(&person, action, &typed, &faults)))
}

pub(super) async fn change(visit: Visit<ChangeWebhooks>) -> Result<HttpResponse, Trouble> {
    let (person, sent) = visit.sent().await?;
    let (id, typed) = (id_of(&person)?, Typed::sent(&sent));
    let Ok(version) = typed.version.parse::<i64>() else {
        return Err(person.trouble_of(Trouble::out_of_date()));
    };
    let patch = WebhookPatch {
        url: Some(typed.url.clone()),
        description: Some(typed.description.clone()),
        format: Some(typed.format()),
        types: Some(typed.types.clone()),
        state: None,
    };
    let done = person
        .write(move |tx| webhooks::patch(tx, id, Some(version), &patch))
        .await;
    let (stale, faults) = match done {
        Ok(changed) => {
            let Some(secret) = changed.signing_secret else {
                return Ok(person.see(&path(id), &Flash::good("Saved.")).await);
            };
            let before =
                "Another address has another secret: the one before signs nothing any more.";
            let shown = secret_page(&person, id, "Another address", &secret, Some(before));
            return Ok(person.page(&shown));
        }
        Err(Error::Problem(problem)) if problem.code == Code::VersionMismatch => {
            (true, Faults::default())
        }
        Err(error) => (
            false,
            Faults::of(error).map_err(|error| person.trouble(&error))?,
        ),
    };
    let action = format!("{}/edit", path(id));
    Ok(person.refused(&FormPage {
        stale,
        ..form(&person, action, &typed, &faults)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_words_and_a_single_type_stays() {
        let typed = Typed {
            types: vec!["connection.trashed".to_owned(), "trash.*".to_owned()],
            ..Typed::empty()
        };
        let choices = typed.choices();
        let chosen: Vec<&str> = choices
            .iter()
            .filter(|choice| choice.chosen)
            .map(|choice| choice.value.as_str())
            .collect();
        assert_eq!(chosen, ["connection.trashed", "trash.*"]);
        for choice in &choices[1..] {
            assert_ne!(choice.label, choice.value);
        }
    }
}
