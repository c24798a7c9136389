//! Settings: retention, webhooks, API keys, alarms; a tab for each that the key may see.

mod alarms;
mod fields;
mod keys;
mod retention;
mod webhooks;

use actix_web::{HttpResponse, web};

use super::trouble::Trouble;
use super::visit::{Visit, needs_too};
use crate::domain::scopes::Scope;
use crate::http::auth::needs;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/settings", web::get().to(first_tab))
        .configure(retention::routes)
        .configure(webhooks::routes)
        .configure(keys::routes)
        .configure(alarms::routes);
}

/// A part of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    Retention,
    Webhooks,
    Keys,
    Alarms,
}

impl Tab {
    const ALL: [Self; 4] = [Self::Retention, Self::Webhooks, Self::Keys, Self::Alarms];

    fn label(self) -> &'static str {
        match self {
            Self::Retention => "Retention and protection",
            Self::Webhooks => "Webhooks",
            Self::Keys => "API keys",
            Self::Alarms => "Alarms",
        }
    }

    /// Where it is, below the console.
    fn path(self) -> &'static str {
        match self {
            Self::Retention => "/settings/retention",
            Self::Webhooks => "/settings/webhooks",
            Self::Keys => "/settings/keys",
            Self::Alarms => "/settings/alarms",
        }
    }

    fn scope(self) -> Scope {
        match self {
            Self::Retention => Scope::RetentionRead,
            Self::Webhooks => Scope::WebhooksRead,
            Self::Keys => Scope::KeysAdmin,
            Self::Alarms => Scope::AlarmsRead,
        }
    }
}

needs_too! {
    ChangeRetention = RetentionWrite, RetentionRead;
    ChangeWebhooks = WebhooksWrite, WebhooksRead;
    ChangeAlarms = AlarmsWrite, AlarmsRead;
}

/// To the first tab that the key may see.
async fn first_tab(visit: Visit<needs::AnyKey>) -> Result<HttpResponse, Trouble> {
    let person = visit.passer_by().await?;
    let tab = Tab::ALL.into_iter().find(|tab| person.may(tab.scope()));
    // A key that may see none of them is refused by the first.
    Ok(person.to(tab.unwrap_or(Tab::Retention).path()))
}
