//! Revocation at the source: what a deletion has shredded must not work at the other system any more.
//!
//! [`prepare`] opens the tokens inside the deletion's transaction, before they are shredded; after the commit the
//! [`Revoker`](crate::jobs::revoker::Revoker) asks the source; [`settle`] writes down what came of it. What must stay true:
//!
//! * A deletion neither waits for it nor fails because of it. One that is not committed asks nobody.
//! * A token goes to the address in its own owner's settings. The secret of an integration's client goes along only if
//!   the integration itself names the same address (promise 13).
//! * What is kept of it, and said of it, is one word of a closed set.

mod told;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use serde_json::json;

use super::Services;
use super::caller::Caller;
use super::error::{Error, Result};
use super::impact::Root;
use super::secrets::{self, Owner};
use super::unit::Tx;
use super::views::connector_named;
use crate::connectors::revocation::Client;
use crate::connectors::{Connector, Revocable, Settings};
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, OrgId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{OwnerKind, Revocation, RevocationOutcome};
use crate::jobs::revoker::Place;
use crate::metrics::Fact;
use crate::secrets::value::SecretValue;
use crate::store::filters::ConnectionFilter;
use crate::store::rows::{ConnectionRow, IntegrationRow, RevocationRow, SecretRow};

pub(super) use told::{Revoked, of_entries};

/// What a client is called, in settings and in secrets.
const CLIENT_ID: &str = "client_id";
const CLIENT_SECRET: &str = "client_secret";
/// Connections of an integration that are in memory at once; of their secrets no more than there are places.
const PAGE: i64 = 500;
/// When a revocation that nobody has closed is its process's that died: it has a minute.
const SILENCE: chrono::Duration = chrono::Duration::minutes(2);

/// The tokens of one owner, opened, on their way to be revoked. They are nowhere else any more.
pub struct Ticket {
    /// Whose end is to be written down.
    pub(crate) subject: Subject,
    /// The kind of system.
    pub(crate) connector: &'static Connector,
    /// Where it is.
    pub(crate) settings: Settings,
    /// The client that the tokens were given to.
    pub(crate) client: Client,
    /// The tokens by field, in the order in which they are revoked.
    pub(crate) tokens: VecDeque<(String, SecretValue)>,
    /// The room that they take.
    pub(crate) _place: Place,
}

/// An owner whose credentials are revoked with an entry.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The organization.
    pub(crate) org: OrgId,
    /// The entry of the deletion.
    pub(crate) entry: EntryId,
    /// What kind of owner.
    pub(crate) kind: OwnerKind,
    /// The owner.
    pub(crate) owner: RootId,
}

// It shows nothing of what is in it.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.subject.owner)
    }
}

/// Opens what is to be revoked of all that a deletion takes along, and writes down for each owner that it is pending, or
/// why it is not. Before the secrets are shredded, after the entry is there.
pub(super) fn prepare(tx: &mut Tx<'_>, root: &Root, entry: EntryId) -> Result<()> {
    let connector = match root {
        Root::Integration(row) => connector_named(&row.connector)?,
        Root::Connection(row) => connector_named(&row.connector)?,
        Root::Dependent(..) => return Ok(()),
    };
    let Some(revocable) = &connector.revocation else {
        return Ok(());
    };
    let mut home = match root {
        Root::Integration(row) => Some(Home::new(tx, row)?),
        Root::Connection(row) => match row.integration_id {
            Some(id) => match tx.conn.find_integration(row.org_id, id)? {
                Some(row) => Some(Home::new(tx, &row)?),
                None => None,
            },
            None => None,
        },
        Root::Dependent(..) => None,
    };
    let mut plan = Plan {
        entry,
        at: tx.conn.now()?,
        connector,
        revocable,
        home: home.as_mut(),
        rows: Vec::new(),
    };
    match root {
        Root::Connection(row) => plan.connections(tx, std::slice::from_ref(row.as_ref()))?,
        Root::Integration(row) => {
            plan.integration(tx, row)?;
            let filter = ConnectionFilter {
                integration: Some(row.key.clone()),
                ..ConnectionFilter::default()
            };
            let mut after = None;
            loop {
                let mut page = tx.conn.list_connections(row.org_id, &filter, after, PAGE)?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                page.retain(|connection| connection.integration_id == Some(row.id));
                plan.connections(tx, &page)?;
            }
        }
        Root::Dependent(..) => {}
    }
    Ok(())
}

/// What an integration says for its connections.
struct Home {
    revoke: bool,
    settings: Settings,
    owner: Owner,
    secrets: Vec<SecretRow>,
    client_secret: ClientSecret,
}

/// The secret of an integration's OAuth client, opened when it is needed first.
enum ClientSecret {
    Closed,
    /// `None`: there is none, or it does not open.
    Opened(Option<Arc<SecretValue>>),
}

impl Home {
    fn new(tx: &mut Tx<'_>, row: &IntegrationRow) -> Result<Self> {
        let owner = Owner::from(row);
        Ok(Self {
            revoke: row.revoke_on_delete,
            settings: settings(&row.settings),
            owner,
            secrets: owner.facts(tx)?,
            client_secret: ClientSecret::Closed,
        })
    }

    fn client_secret(&mut self, tx: &mut Tx<'_>) -> Result<Option<Arc<SecretValue>>> {
        if let ClientSecret::Opened(known) = &self.client_secret {
            return Ok(known.clone());
        }
        let opened = open(tx, self.owner, &self.secrets, &[CLIENT_SECRET])?;
        // One that does not open leaves a client without a secret: the source will say no.
        let secret = opened
            .and_then(|mut values| values.pop_front())
            .map(|(_, value)| Arc::new(value));
        self.client_secret = ClientSecret::Opened(secret.clone());
        Ok(secret)
    }
}

/// What is done with the owners of one deletion.
struct Plan<'a> {
    entry: EntryId,
    at: Ts,
    connector: &'static Connector,
    revocable: &'static Revocable,
    home: Option<&'a mut Home>,
    rows: Vec<RevocationRow>,
}

impl Plan<'_> {
    fn integration(&mut self, tx: &mut Tx<'_>, row: &IntegrationRow) -> Result<()> {
        let owner = Owner::from(row);
        let secrets = owner.facts(tx)?;
        let (kind, id) = (OwnerKind::Integration, row.id.into());
        self.owner(tx, owner, (kind, id), &row.settings, &secrets)?;
        self.write(tx)
    }

    fn connections(&mut self, tx: &mut Tx<'_>, page: &[ConnectionRow]) -> Result<()> {
        let owners: Vec<RootId> = page.iter().map(|row| row.id.into()).collect();
        let org = tx.caller.org;
        let facts = tx
            .conn
            .secrets_of_many(org, OwnerKind::Connection, &owners)?;
        let mut secrets: HashMap<RootId, Vec<SecretRow>> = HashMap::new();
        for secret in facts {
            secrets.entry(secret.owner_id).or_default().push(secret);
        }
        for row in page {
            let id = RootId::from(row.id);
            let own = secrets.remove(&id).unwrap_or_default();
            let whose = (OwnerKind::Connection, id);
            self.owner(tx, Owner::from(row), whose, &row.settings, &own)?;
        }
        self.write(tx)
    }

    fn write(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            tx.conn.insert_revocations(&rows)?;
        }
        Ok(())
    }

    fn owner(
        &mut self,
        tx: &mut Tx<'_>,
        owner: Owner,
        (kind, id): (OwnerKind, RootId),
        settings_text: &JsonText,
        secrets: &[SecretRow],
    ) -> Result<()> {
        if secrets.is_empty() {
            return Ok(());
        }
        let subject = Subject {
            org: tx.caller.org,
            entry: self.entry,
            kind,
            owner: id,
        };
        let settings = settings(settings_text);
        let outcome = match self.ticket(tx, owner, subject, settings, secrets)? {
            Ok(ticket) => {
                tx.revoke_after_commit(ticket);
                RevocationOutcome::Pending
            }
            Err(outcome) => {
                tx.count(Fact::Revoked(outcome));
                outcome
            }
        };
        self.rows.push(RevocationRow {
            org_id: subject.org,
            entry_id: subject.entry,
            owner_kind: kind,
            owner_id: id,
            outcome,
            tries: 0,
            created_at: self.at,
            finished_at: (outcome != RevocationOutcome::Pending).then_some(self.at),
        });
        Ok(())
    }

    /// The tokens of an owner, or why they can't be revoked.
    fn ticket(
        &mut self,
        tx: &mut Tx<'_>,
        owner: Owner,
        subject: Subject,
        settings: Settings,
        secrets: &[SecretRow],
    ) -> Result<std::result::Result<Ticket, RevocationOutcome>> {
        let tokens: Vec<&str> = self.revocable.tokens.iter().map(String::as_str).collect();
        if !secrets
            .iter()
            .any(|row| tokens.contains(&row.field.as_str()))
        {
            return Ok(Err(RevocationOutcome::NoToken));
        }
        if self.home.as_ref().is_some_and(|home| !home.revoke) {
            return Ok(Err(RevocationOutcome::OptedOut));
        }
        let Some(address) = text(&settings, self.connector, &self.revocable.url) else {
            return Ok(Err(RevocationOutcome::NoAddress));
        };
        let Some(place) = tx.revoker.reserve(subject.org) else {
            return Ok(Err(RevocationOutcome::TooMany));
        };
        let (Some(tokens), Some(mut own)) = (
            open(tx, owner, secrets, &tokens)?,
            open(tx, owner, secrets, &[CLIENT_SECRET])?,
        ) else {
            return Ok(Err(RevocationOutcome::Unreadable));
        };
        let mut client = Client {
            id: text(&settings, self.connector, CLIENT_ID),
            secret: own.pop_front().map(|(_, value)| Arc::new(value)),
        };
        if let Some(home) = &mut self.home
            && text(&home.settings, self.connector, &self.revocable.url) == Some(address)
        {
            if client.id.is_none() {
                client.id = text(&home.settings, self.connector, CLIENT_ID);
            }
            if client.secret.is_none() {
                client.secret = home.client_secret(tx)?;
            }
        }
        Ok(Ok(Ticket {
            subject,
            connector: self.connector,
            settings,
            client,
            tokens,
            _place: place,
        }))
    }
}

/// Damaged settings name no address; the deletion goes on.
fn settings(text: &JsonText) -> Settings {
    serde_json::from_str(text.as_str()).unwrap_or_default()
}

fn text(settings: &Settings, connector: &Connector, setting: &str) -> Option<String> {
    let value = settings.effective(connector, setting)?.as_text()?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// Those of these fields that are stored, opened, in the order of `fields`; `None` if one does not open.
fn open(
    tx: &mut Tx<'_>,
    owner: Owner,
    secrets: &[SecretRow],
    fields: &[&str],
) -> Result<Option<VecDeque<(String, SecretValue)>>> {
    let rows: Vec<SecretRow> = secrets
        .iter()
        .filter(|row| fields.contains(&row.field.as_str()))
        .cloned()
        .collect();
    let mut values = match secrets::open_values(tx, owner, &rows) {
        Ok(values) => values,
        // No key, or not the right one: the deletion goes on.
        Err(Error::Problem(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let taken = fields
        .iter()
        .filter_map(|field| values.remove_entry(*field));
    Ok(Some(taken.collect()))
}

/// Writes down how a revocation ended, unless it has been closed meanwhile.
pub fn settle(
    services: &Services,
    subject: Subject,
    outcome: RevocationOutcome,
    tries: i32,
) -> Result<()> {
    services.write_once(&Caller::service(subject.org), |tx| {
        let now = tx.conn.now()?;
        let row = RevocationRow {
            org_id: subject.org,
            entry_id: subject.entry,
            owner_kind: subject.kind,
            owner_id: subject.owner,
            outcome,
            tries,
            created_at: now,
            finished_at: Some(now),
        };
        if tx.conn.finish_revocation(&row)? == 0 {
            return Ok(());
        }
        tx.count(Fact::Revoked(outcome));
        let end = match outcome.state() {
            Revocation::Done => "revoked",
            _ => "revocation_failed",
        };
        tx.record(
            &format!("{}.{end}", subject.kind),
            subject.kind.as_str(),
            subject.owner,
            Some(subject.entry),
            &json!({ "outcome": outcome, "tries": tries }),
        )
    })
}

/// Closes revocations whose process died before they ended: nobody has their tokens any more.
pub fn settle_stale(services: &Services) -> Result<()> {
    let stale = services.store.read(|conn| {
        let before = conn.now()?.plus(-SILENCE);
        conn.stale_revocations(before)
    })?;
    for row in stale {
        tracing::warn!(entry = %row.entry_id, owner = %row.owner_id, "a revocation was interrupted");
        let subject = Subject {
            org: row.org_id,
            entry: row.entry_id,
            kind: row.owner_kind,
            owner: row.owner_id,
        };
        settle(services, subject, RevocationOutcome::Interrupted, row.tries)?;
    }
    Ok(())
}
