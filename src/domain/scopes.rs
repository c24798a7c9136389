//! Scopes: what an API key may do. One closed list; the docs and the OpenAPI document are made from it.
//!
//! What must stay true: a wildcard never reaches `trash:purge` but `*`, and a key can't hand out what it does
//! not hold itself.

use std::collections::BTreeSet;
use std::fmt;

macro_rules! scopes {
    ($($variant:ident = $word:literal: $doc:literal,)+) => {
        /// One right.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Scope {$(
            #[doc = $doc]
            $variant,
        )+}

        impl Scope {
            /// Every scope there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word, as keys and docs have it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What the scope allows, in one line.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc,)+ }
            }
        }
    };
}

scopes! {
    IntegrationsRead = "integrations:read": "Read integrations",
    IntegrationsWrite = "integrations:write": "Create and change integrations",
    IntegrationsDelete = "integrations:delete": "Delete integrations with all their connections",
    ConnectionsRead = "connections:read": "Read connections, models, content and links",
    ConnectionsWrite = "connections:write": "Create and change connections, models, content and links",
    ConnectionsDelete = "connections:delete": "Delete connections, models and content",
    ConnectionsProtect = "connections:protect": "Lift deletion protection",
    ConnectSessionsWrite = "connect_sessions:write": "Open sessions in which end users connect or enter secrets",
    SecretsRead = "secrets:read": "Read the secrets of a connection or an integration",
    SecretsWrite = "secrets:write": "Enter the secrets of a connection or an integration",
    TrashRead = "trash:read": "Read the trash",
    TrashRestore = "trash:restore": "Restore from the trash",
    TrashPurge = "trash:purge": "Purge a trash entry for good",
    TrashHold = "trash:hold": "Hold trash entries and put off their purge",
    RetentionRead = "retention:read": "Read the retention, what the purge does and the brakes",
    RetentionWrite = "retention:write": "Change the retention, pause the purge, release brakes",
    AlarmsRead = "alarms:read": "Read alarms",
    AlarmsWrite = "alarms:write": "Acknowledge alarms of the organization",
    AuditRead = "audit:read": "Read the audit records",
    EventsRead = "events:read": "Read the events",
    WebhooksRead = "webhooks:read": "Read webhook endpoints and their deliveries",
    WebhooksWrite = "webhooks:write": "Create, change, test and delete webhook endpoints, and send deliveries again",
    KeysAdmin = "keys:admin": "Create, list and revoke API keys of the organization",
    DataExport = "data:export": "Export the organization's rows, live and in the trash, without secrets",
    DataImport = "data:import": "Import an export or what another tool exported",
    ActorAssert = "actor:assert": "Name the person behind a call (header Reprieve-Actor)",
    PlatformAdmin = "platform:admin": "Create, read and change organizations",
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The words that keys of Nango have for the same rights, so that a key can be made with either.
const NANGO: &[(&str, &[Scope])] = &[
    ("environment:connections:list", &[Scope::ConnectionsRead]),
    (
        "environment:connections:list_credentials",
        &[Scope::ConnectionsRead],
    ),
    ("environment:connections:read", &[Scope::ConnectionsRead]),
    (
        "environment:connections:read_credentials",
        &[Scope::ConnectionsRead, Scope::SecretsRead],
    ),
    (
        "environment:connections:create",
        &[Scope::ConnectionsWrite, Scope::SecretsWrite],
    ),
    ("environment:connections:update", &[Scope::ConnectionsWrite]),
    (
        "environment:connections:delete",
        &[Scope::ConnectionsDelete],
    ),
    (
        "environment:connect_sessions:write",
        &[Scope::ConnectSessionsWrite],
    ),
    ("environment:integrations:list", &[Scope::IntegrationsRead]),
    (
        "environment:integrations:list_credentials",
        &[Scope::IntegrationsRead, Scope::SecretsRead],
    ),
    ("environment:integrations:read", &[Scope::IntegrationsRead]),
    (
        "environment:integrations:read_credentials",
        &[Scope::IntegrationsRead, Scope::SecretsRead],
    ),
    (
        "environment:integrations:create",
        &[Scope::IntegrationsWrite, Scope::SecretsWrite],
    ),
    (
        "environment:integrations:update",
        &[Scope::IntegrationsWrite, Scope::SecretsWrite],
    ),
    (
        "environment:integrations:delete",
        &[Scope::IntegrationsDelete],
    ),
];

/// The rights that a word of Nango's names; of one that ends in `:*`, all that begin with the part before the star.
fn of_nango(word: &str) -> impl Iterator<Item = Scope> {
    NANGO
        .iter()
        .filter(move |(name, _)| match word.strip_suffix('*') {
            Some(start) => start.ends_with(':') && name.starts_with(start),
            None => *name == word,
        })
        .flat_map(|(_, scopes)| scopes.iter().copied())
}

/// What a key was given: scopes and wildcards, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grants(BTreeSet<String>);

impl Grants {
    /// Reads a list of scopes (`trash:read`), wildcards (`*`, `connections:*`) and Nango's words for them; the first unknown word is the error.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut grants = BTreeSet::new();
        for word in words {
            let known = word == "*"
                || Scope::ALL.iter().any(|scope| scope.as_str() == word)
                || word
                    .strip_suffix(":*")
                    .is_some_and(|family| !family.is_empty() && family_exists(family))
                || of_nango(word).next().is_some();
            if !known {
                return Err(word.to_owned());
            }
            grants.insert(word.to_owned());
        }
        Ok(Self(grants))
    }

    /// Everything but the platform's own administration: what the first key of a new organization holds.
    pub fn organization_admin() -> Self {
        Self(
            Scope::ALL
                .iter()
                .filter(|scope| **scope != Scope::PlatformAdmin)
                .map(|scope| scope.as_str().to_owned())
                .collect(),
        )
    }

    /// One scope and nothing else.
    pub fn of(scope: Scope) -> Self {
        Self(BTreeSet::from([scope.as_str().to_owned()]))
    }

    /// Two scopes and nothing else.
    pub fn both(one: Scope, other: Scope) -> Self {
        Self([one, other].map(|scope| scope.as_str().to_owned()).into())
    }

    /// Whether `scope` is among them, by name or by wildcard.
    pub fn allow(&self, scope: Scope) -> bool {
        let word = scope.as_str();
        let family = word.split(':').next().unwrap_or_default();
        self.0.contains("*")
            || self.0.contains(word)
            || (scope != Scope::TrashPurge && self.0.contains(&format!("{family}:*")))
            || self
                .words()
                .any(|word| of_nango(word).any(|named| named == scope))
    }

    /// Whether everything `other` allows is allowed here too.
    pub fn cover(&self, other: &Self) -> bool {
        // `*` also stands for scopes that a later version adds, so only `*` covers it.
        (!other.0.contains("*") || self.0.contains("*"))
            && Scope::ALL
                .iter()
                .all(|scope| !other.allow(*scope) || self.allow(*scope))
    }

    /// The words as they were given, sorted.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn family_exists(family: &str) -> bool {
    Scope::ALL
        .iter()
        .any(|scope| scope.as_str().split(':').next() == Some(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(words: &[&str]) -> Grants {
        Grants::parse(words.iter().copied()).unwrap()
    }

    #[test]
    fn a_wildcard_allows_its_family_and_never_the_purge() {
        let all_trash = grants(&["trash:*"]);
        assert!(all_trash.allow(Scope::TrashRestore));
        assert!(!all_trash.allow(Scope::TrashPurge));
        assert!(!all_trash.allow(Scope::ConnectionsRead));
        assert!(grants(&["*"]).allow(Scope::TrashPurge));
        assert!(grants(&["trash:purge"]).allow(Scope::TrashPurge));
    }

    #[test]
    fn an_unknown_scope_is_refused_by_name() {
        for word in ["trash:burn", "nothing:*", ":*", ""] {
            assert_eq!(Grants::parse([word]), Err(word.to_owned()));
        }
    }

    #[test]
    fn a_word_of_nangos_names_the_same_right_and_nothing_beside_it() {
        for (word, scopes) in NANGO {
            for scope in Scope::ALL {
                assert_eq!(
                    grants(&[word]).allow(*scope),
                    scopes.contains(scope),
                    "{word} {scope}"
                );
            }
        }
        let all = grants(&["environment:*"]);
        assert!(all.allow(Scope::ConnectionsDelete) && all.allow(Scope::IntegrationsDelete));
        assert!(!all.allow(Scope::TrashRead) && !all.allow(Scope::KeysAdmin));
        let connections = grants(&["environment:connections:*"]);
        assert!(
            connections.allow(Scope::SecretsRead) && !connections.allow(Scope::IntegrationsRead)
        );
        for word in [
            "environment:connections",
            "environment*",
            "environment:conn*",
            "environment:trash:*",
        ] {
            assert_eq!(Grants::parse([word]), Err(word.to_owned()));
        }
    }

    #[test]
    fn a_key_covers_only_what_it_holds() {
        assert!(grants(&["*"]).cover(&grants(&["trash:purge", "connections:*"])));
        assert!(grants(&["connections:*"]).cover(&grants(&["connections:read"])));
        assert!(!grants(&["connections:*"]).cover(&grants(&["trash:read"])));
        assert!(!Grants::organization_admin().cover(&grants(&["*"])));
        assert!(!Grants::organization_admin().allow(Scope::PlatformAdmin));
    }
}
