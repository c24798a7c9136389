//! Testing a connection: what is tested, who may, and what becomes of the outcome.
//!
//! A test is three steps: [`prepare`] reads the connection and opens its secrets, the [`Prober`] signs in with no
//! transaction open, [`finish`] writes down what came of it. What must stay true: an outcome is written only to the
//! settings and secrets that were tested (they may have changed meanwhile); a secret that is tested leaves only to the
//! destination it was entered for (promise 13); testing never changes a secret.

mod turns;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::caller::Caller;
use super::connections::{absent, lock};
use super::error::{Error, Problem, Result};
use super::secrets::{self, SecretInput};
use super::unit::{Once, StoredAnswer, Tx, to_json};
use super::views::{ConnectionView, connector_of, missing_secrets};
use crate::connectors::probes::{self, Failure, Found, Target};
use crate::connectors::{self, Connector, Settings};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, OrgId, RecordId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{Outcome, OwnerKind, Status};
use crate::domain::scopes::Scope;
use crate::metrics::Fact;
use crate::outbound::{Dialer, Own, SystemNetwork};
use crate::secrets::value::SecretValue;
use crate::store::rows::SecretRow;

pub use turns::{Allowance, Turn};

/// Makes tests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prober {
    dialer: Dialer,
    turns: Arc<turns::Turns>,
}

impl Default for Prober {
    /// What reaches public addresses and nothing else.
    fn default() -> Self {
        let dialer = Dialer::new(Arc::new(SystemNetwork), &[], Own::default());
        Self::new(dialer, Allowance::default())
    }
}

impl Prober {
    /// A prober that reaches what the dialer does.
    pub fn new(dialer: Dialer, allowance: Allowance) -> Self {
        Self {
            dialer,
            turns: turns::Turns::new(allowance),
        }
    }

    /// The way out.
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// The right to make one test.
    pub fn turn(&self, organization: OrgId) -> Result<Turn> {
        self.turns.take(organization, Instant::now()).map_err(|wait| {
            let seconds = wait.as_secs().max(1);
            Problem::new(
                Code::TooManyTests,
                "The organization has made many tests; a few at a time and a few in a minute are allowed.",
            )
            .with("retry_after", seconds)
            .into()
        })
    }

    /// Signs in as the connection would. Who may not change connections doesn't learn by the answer, nor by its time,
    /// which ports of a network are open.
    pub async fn run(&self, _turn: Turn, subject: &Subject, caller: &Caller) -> Report {
        let began = Instant::now();
        let target = Target {
            connector: subject.connector,
            settings: &subject.settings,
            secrets: &subject.values,
        };
        let mut result = probes::run(&self.dialer, &target).await;
        if !caller.may(Scope::ConnectionsWrite)
            && let Some(coarse) = result.as_ref().err().and_then(Failure::coarse)
        {
            tokio::time::sleep(probes::TOTAL.saturating_sub(began.elapsed())).await;
            result = Err(coarse);
        }
        let duration_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        Report::of(result, duration_ms)
    }
}

/// What is tested: a connection, or something that is not one yet.
pub struct Subject {
    connector: &'static Connector,
    settings: Settings,
    values: BTreeMap<String, SecretValue>,
}

/// A connection with its secrets opened, on its way to a test.
pub struct Ticket {
    /// What is tested.
    pub subject: Subject,
    id: ConnectionId,
    settings: JsonText,
    records: BTreeMap<String, RecordId>,
}

// Neither shows what is in it.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.id)
    }
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In one word.
    pub outcome: Outcome,
    /// In a sentence that says what to do.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// The version of the other system, where its protocol gives it.
    pub server_version: Option<String>,
}

impl Report {
    fn of(result: std::result::Result<Found, Failure>, duration_ms: u32) -> Self {
        match result {
            Ok(found) => Self {
                outcome: Outcome::Ok,
                detail: found.remark.map_or_else(
                    || "Signed in.".to_owned(),
                    |remark| format!("Signed in. {remark}"),
                ),
                duration_ms,
                server_version: found.version,
            },
            Err(failure) => Self {
                outcome: failure.outcome,
                detail: failure.detail,
                duration_ms,
                server_version: None,
            },
        }
    }

    /// The status of a connection after this; `None` leaves it as it is, since nothing was found out.
    fn status(&self) -> Option<Status> {
        match self.outcome {
            Outcome::Ok => Some(Status::Active),
            Outcome::RefusedByPolicy | Outcome::Unsupported => None,
            Outcome::AuthFailed
            | Outcome::Unreachable
            | Outcome::TlsFailed
            | Outcome::Timeout
            | Outcome::ProtocolError => Some(Status::Failing),
        }
    }
}

/// The last test of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestView {
    /// What it came to.
    pub outcome: Outcome,
    /// What to do, in a sentence.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// The version of the other system, where its protocol gives it.
    pub server_version: Option<String>,
    /// When it ended.
    pub at: Ts,
    /// Who asked for it.
    pub by: String,
}

impl TestView {
    /// A report, as it is told and kept.
    pub fn new(report: Report, at: Ts, caller: &Caller) -> Self {
        Self {
            outcome: report.outcome,
            detail: report.detail,
            duration_ms: report.duration_ms,
            server_version: report.server_version,
            at,
            by: caller.actor.id.clone(),
        }
    }
}

/// A test of a connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectionTestView {
    /// What it came to.
    #[serde(flatten)]
    pub test: TestView,
    /// The status of the connection now.
    pub status: Status,
    /// Whether it was written down. Not if settings or secrets changed while it ran: it says nothing about those.
    pub recorded: bool,
    /// The version of the connection now.
    pub version: i64,
    /// The connection now.
    #[serde(skip)]
    pub connection: ConnectionView,
}

/// A connection whose secrets were entered, and what came of the test, if one was asked for and could be made.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnteredView {
    /// The connection.
    #[serde(flatten)]
    pub connection: ConnectionView,
    /// The test. The secrets are saved whatever it says.
    pub test: Option<TestView>,
}

impl EnteredView {
    /// After a test.
    pub fn tested(tested: ConnectionTestView) -> Self {
        let mut test = tested.test;
        if test.outcome != Outcome::Ok {
            test.detail.push_str(" The secrets are saved.");
        }
        Self {
            connection: tested.connection,
            test: Some(test),
        }
    }

    /// Without one.
    pub fn untested(connection: ConnectionView) -> Self {
        Self {
            connection,
            test: None,
        }
    }
}

/// A test of settings and secrets that are stored nowhere.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestConnector {
    /// What the connector declares.
    #[schema(value_type = Object)]
    pub settings: JsonText,
    /// The secrets that the connector declares.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub secrets: SecretInput,
}

/// How a request to test goes on.
#[derive(Debug)]
pub enum Begun {
    /// With a test.
    Ticket(Box<Ticket>),
    /// It was answered before.
    Answered(StoredAnswer),
}

/// Begins a test that a request asks for.
pub fn begin(tx: &mut Tx<'_>, once: Option<&Once>, id: ConnectionId) -> Result<Begun> {
    match tx.answered(once)? {
        Some(answer) => Ok(Begun::Answered(answer)),
        None => Ok(Begun::Ticket(Box::new(prepare(tx, id)?))),
    }
}

/// Reads a live connection and opens its secrets.
pub fn prepare(tx: &mut Tx<'_>, id: ConnectionId) -> Result<Ticket> {
    tx.caller.require(Scope::SecretsWrite)?;
    // The connection, its secrets and their slots are three looks: meanwhile nobody may enter or shred one.
    let Some(row) = tx.conn.share_connection(tx.caller.org, id)? else {
        return Err(absent(tx.conn, tx.caller, id)?);
    };
    let connector = connector_of(&row)?;
    let rows = tx
        .conn
        .secrets_of(row.org_id, OwnerKind::Connection, id.into())?;
    let missing = missing_secrets(connector, &rows);
    if !missing.is_empty() {
        return Err(secrets::needs_credentials(&missing));
    }
    let values = secrets::open_values(tx, &row, &rows)?;
    let settings = serde_json::from_str(row.settings.as_str())
        .map_err(|_| Error::Internal(format!("connection {id} has damaged settings")))?;
    Ok(Ticket {
        subject: Subject {
            connector,
            settings,
            values,
        },
        id,
        settings: row.settings,
        records: records(&rows),
    })
}

fn records(rows: &[SecretRow]) -> BTreeMap<String, RecordId> {
    rows.iter()
        .map(|row| (row.field.clone(), row.record_id))
        .collect()
}

/// Writes down what came of a test, if what was tested is still there.
pub fn finish(tx: &mut Tx<'_>, ticket: &Ticket, report: &Report) -> Result<ConnectionTestView> {
    let mut row = lock(tx, ticket.id)?;
    let rows = tx
        .conn
        .secrets_of(row.org_id, OwnerKind::Connection, row.id.into())?;
    let test = TestView::new(report.clone(), tx.at, tx.caller);
    let recorded = row.settings == ticket.settings && records(&rows) == ticket.records;
    if recorded {
        if let Some(status) = report.status() {
            row.status = status;
        }
        row.last_test = Some(to_json(&test)?);
        row.version += 1;
        row.updated_at = tx.at;
        tx.conn.update_connection(&row)?;
    }
    tx.count(Fact::Tested(report.outcome));
    tx.record(
        "connection.tested",
        "connection",
        row.id.into(),
        None,
        &json!({ "outcome": report.outcome, "status": row.status, "recorded": recorded }),
    )?;
    Ok(ConnectionTestView {
        test,
        status: row.status,
        recorded,
        version: row.version,
        connection: ConnectionView::new(row, &rows)?,
    })
}

/// Checks settings and secrets that are stored nowhere.
pub fn subject(key: &str, input: TestConnector) -> Result<Subject> {
    let connector = connectors::find(key)
        .ok_or_else(|| Problem::new(Code::NotFound, "There is no connector with this key."))?;
    let mut errors = secrets::check(
        connector,
        OwnerKind::Connection,
        &input.secrets,
        &BTreeMap::new(),
    );
    let settings = Settings::parse(connector, input.settings.as_str())
        .map_err(|faults| errors.extend(faults))
        .unwrap_or_default();
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let values: BTreeMap<_, _> = input
        .secrets
        .into_iter()
        .filter_map(|(field, value)| Some((field, value?)))
        .collect();
    let present = values.keys().cloned().collect();
    let missing = connector.missing_secrets(&present);
    if !missing.is_empty() {
        let keys: Vec<String> = missing.iter().map(|field| field.key.clone()).collect();
        return Err(secrets::needs_credentials(&keys));
    }
    Ok(Subject {
        connector,
        settings,
        values,
    })
}

/// Writes down that settings and secrets were tried which are stored nowhere: it dialled out.
pub fn note(tx: &mut Tx<'_>, subject: &Subject, report: &Report) -> Result<TestView> {
    let detail =
        to_json(&json!({ "connector": subject.connector.key, "outcome": report.outcome }))?;
    tx.count(Fact::Tested(report.outcome));
    tx.audit("connector.tested", "connector", None, None, detail)?;
    Ok(TestView::new(report.clone(), tx.at, tx.caller))
}
