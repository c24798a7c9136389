//! What the service refused, in words, with what to type next.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::moments::shown;
use super::words::quoted;
use crate::cli::output::plain;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::service::error::Problem;

/// A problem document, from a server or from the services.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Refusal {
    /// The word to match on.
    pub(in crate::cli) code: String,
    detail: String,
    #[serde(default)]
    errors: Vec<FieldRefusal>,
    #[serde(flatten)]
    members: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct FieldRefusal {
    pointer: String,
    detail: String,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let errors = problem.errors.into_iter().map(|error| FieldRefusal {
            pointer: error.pointer,
            detail: error.detail,
        });
        Self {
            code: problem.code.as_str().to_owned(),
            detail: problem.detail,
            errors: errors.collect(),
            members: problem.members,
        }
    }
}

impl Refusal {
    /// Whether it is this one.
    pub(in crate::cli) fn is(&self, code: Code) -> bool {
        self.code == code.as_str()
    }

    /// What is wrong and what to do about it, on one line.
    pub(in crate::cli) fn words(&self) -> String {
        let what = if self.errors.is_empty() {
            self.detail.clone()
        } else {
            let fields: Vec<String> = self.errors.iter().map(FieldRefusal::words).collect();
            fields.join("; ")
        };
        let words = match Code::parse(&self.code) {
            // Its own words are about a header that nobody here has seen.
            Some(Code::Unauthenticated) => {
                "The server does not know the API key: it is wrong, expired or revoked. Check REPRIEVE_API_KEY or --api-key-file."
                    .to_owned()
            }
            Some(code) => match self.advice(code) {
                Some(advice) => format!("{what} {advice}"),
                None => what,
            },
            None => what,
        };
        plain(&words)
    }

    /// The same for programs, as one of several outcomes: what it is about, the code, and the words.
    pub(in crate::cli) fn json(&self, subject: &str, id: impl Serialize) -> anyhow::Result<String> {
        let problem = json!({ "code": self.code, "detail": self.detail });
        Ok(serde_json::to_string(
            &json!({ subject: id, "problem": problem }),
        )?)
    }

    fn advice(&self, code: Code) -> Option<String> {
        let entry = || self.text("entry_id");
        Some(match code {
            Code::NameTaken | Code::ExternalIdTaken if entry().is_some() => {
                let option = if code == Code::NameTaken { "--name" } else { "--external-id" };
                format!("Restore that first: reprieve trash restore {} {option} NEW.", entry()?)
            }
            Code::NameTaken => format!("Try --name {}.", quoted(self.text("suggested_name")?)),
            Code::ExternalIdTaken => "Give it another one with --external-id.".to_owned(),
            Code::ParentInTrash => match entry() {
                Some(entry) => format!(
                    "Restore both with --with-ancestors, or first the other: reprieve trash restore {entry}"
                ),
                None => "Restore both with --with-ancestors.".to_owned(),
            },
            Code::ParentPurged | Code::ParentMoved => {
                "Say where it goes now: --target-connection (and --target-model), for a connection --target-integration.".to_owned()
            }
            Code::InTrash => format!("Bring it back: reprieve trash restore {}", entry()?),
            Code::MissingScope => {
                let scope = self.text("scope")?;
                format!(
                    "The API key lacks it; ask for one made with: reprieve key create --name NAME --scope {scope}"
                )
            }
            Code::PurgeProtected => {
                let date = Ts::parse(self.text("purge_at")?)?;
                format!("That is {} UTC.", shown(date))
            }
            Code::MinRetention => {
                let date = Ts::parse(self.text("keep_until")?)?;
                format!("It may go from {} UTC on.", shown(date))
            }
            Code::Held => "Its holds must be released first: reprieve trash show lists them, reprieve trash release ends one."
                .to_owned(),
            Code::Braked | Code::DeletionBrake => format!(
                "Look who deleted what (reprieve trash list), and then release the brake: reprieve brakes release {}",
                self.text("brake_id")?
            ),
            Code::NotInTrash => "Nothing was done: reprieve trash list shows what there is.".to_owned(),
            Code::DeletionProtected => {
                "Its deletion protection must be lifted first, by whoever may.".to_owned()
            }
            Code::PlanStale | Code::VersionMismatch | Code::ConcurrentChange => {
                "Nothing was done: look again and repeat the command.".to_owned()
            }
            Code::ConfirmMismatch => "Nothing was purged.".to_owned(),
            Code::NotFound => "It may belong to another organization.".to_owned(),
            Code::Busy | Code::RequestInProgress => "Try again in a moment.".to_owned(),
            Code::InternalError => format!(
                "The server's log has the cause under request_id {}.",
                self.text("request_id")?
            ),
            Code::Locked => code.next().to_owned(),
            _ => return None,
        })
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.members.get(member)?.as_str()
    }
}

impl FieldRefusal {
    fn words(&self) -> String {
        match self.pointer.trim_start_matches('/') {
            "" => self.detail.clone(),
            field => format!("{field}: {}", self.detail),
        }
    }
}
