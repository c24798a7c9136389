//! Deleting many connections, with the plan first.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Services;
use super::super::caller::Caller;
use super::super::delete::{self, DeleteRequest, check_reason};
use super::super::error::{Error, Problem, Result};
use super::super::impact::{self, Target, digest};
use super::super::unit::{Once, to_json};
use super::super::views::Counts;
use super::{Outcome, RowProblem, check_ids, choose, each};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, EntryId};
use crate::domain::json::JsonText;
use crate::store::Conn;

/// Which connections to delete.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkDelete {
    /// Up to 1000 connections.
    pub ids: Vec<ConnectionId>,
    /// Why, in your words; each entry keeps it.
    pub reason: Option<String>,
    /// From the plan: nothing is deleted if any of it has changed since.
    pub plan_token: Option<String>,
    /// Only answers the plan.
    #[serde(default)]
    pub validate_only: bool,
}

/// What became of each connection, or would.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkDeleteView {
    /// One outcome a connection, in the order they were named.
    #[schema(value_type = Vec<DeleteOutcome>)]
    pub data: Vec<JsonText>,
    /// How many were deleted, or would be.
    pub deleted: usize,
    /// How many failed.
    pub failed: usize,
    /// All that went, or would go.
    pub impact: Counts,
    /// Of a plan: send it with the deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_token: Option<String>,
}

/// What became of one connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeleteOutcome {
    /// The connection.
    pub connection_id: ConnectionId,
    /// What became of it.
    pub outcome: Outcome,
    /// Its name.
    pub name: Option<String>,
    /// Its trash entry.
    pub entry_id: Option<EntryId>,
    /// When that will be purged.
    pub purge_at: Option<Ts>,
    /// What went along, or would.
    pub impact: Option<Counts>,
    /// Links from content that stays, which are broken then.
    pub references: i64,
    /// Why it failed.
    pub problem: Option<RowProblem>,
}

impl DeleteOutcome {
    fn failed(connection_id: ConnectionId, error: &Error) -> Self {
        Self {
            connection_id,
            outcome: Outcome::Failed,
            name: None,
            entry_id: None,
            purge_at: None,
            impact: None,
            references: 0,
            problem: Some(RowProblem::of(error)),
        }
    }
}

/// Each connection with the plan it is deleted by, if there is one.
type Choice = Vec<(ConnectionId, Option<String>)>;

/// Deletes many connections, each in a unit of work of its own. Answers also whether the call was made before.
pub fn delete(
    services: &Services,
    caller: &Caller,
    once: Option<&Once>,
    request: &BulkDelete,
) -> Result<(BulkDeleteView, bool)> {
    check(request)?;
    let (choice, replayed): (Choice, bool) = choose(services, caller, once, |tx| {
        let Some(token) = &request.plan_token else {
            return Ok(request.ids.iter().map(|id| (*id, None)).collect());
        };
        let (plan, tokens) = planned(tx.conn, tx.caller, request)?;
        if plan.plan_token.as_ref() != Some(token) {
            return Err(Problem::new(
                Code::PlanStale,
                "What would be deleted has changed since the plan.",
            )
            .with("plan", plan)
            .into());
        }
        Ok(request.ids.iter().copied().zip(tokens).collect())
    })?;
    let mut answer = Answer::default();
    for (id, rows_token) in choice {
        let single = DeleteRequest {
            reason: request.reason.clone(),
            rows_token,
            ..DeleteRequest::default()
        };
        let mut counts = None;
        let done = each(services, caller, once, &id.to_string(), |tx| {
            let entry = delete::delete(tx, &Target::Connection(id), &single)?;
            counts = Some(entry.impact.rows);
            Ok(DeleteOutcome {
                connection_id: id,
                outcome: Outcome::Deleted,
                name: Some(entry.root.name),
                entry_id: Some(entry.id),
                purge_at: Some(entry.purge_at),
                impact: Some(entry.impact.rows),
                references: entry.impact.references,
                problem: None,
            })
        });
        match done {
            Ok(outcome) => {
                let counts = match counts {
                    Some(counts) => counts,
                    None => counts_of(&outcome)?,
                };
                answer.keep(outcome, Some(counts));
            }
            Err(error) => answer.keep(to_json(&DeleteOutcome::failed(id, &error))?, None),
        }
    }
    Ok((answer.view(None), replayed))
}

/// What [`delete`] would do; nothing is changed.
pub fn plan_delete(
    conn: &mut Conn,
    caller: &Caller,
    request: &BulkDelete,
) -> Result<BulkDeleteView> {
    check(request)?;
    planned(conn, caller, request).map(|(view, _)| view)
}

fn check(request: &BulkDelete) -> Result<()> {
    check_reason(request.reason.as_deref(), "/reason")?;
    check_ids(&request.ids)
}

/// The plan, and the token of each connection's own.
fn planned(
    conn: &mut Conn,
    caller: &Caller,
    request: &BulkDelete,
) -> Result<(BulkDeleteView, Vec<Option<String>>)> {
    let mut answer = Answer::default();
    let mut tokens = Vec::with_capacity(request.ids.len());
    let mut seen = String::from("delete");
    for &id in &request.ids {
        let single = DeleteRequest::default();
        match delete::preview(conn, caller, &Target::Connection(id), &single) {
            Ok(view) => {
                let outcome = DeleteOutcome {
                    connection_id: id,
                    outcome: Outcome::WouldDelete,
                    name: Some(view.root.name),
                    entry_id: None,
                    purge_at: None,
                    impact: Some(view.impact),
                    references: view.references,
                    problem: None,
                };
                answer.keep(to_json(&outcome)?, Some(view.impact));
                seen = format!("{seen} {id} {}", view.plan_token);
                tokens.push(Some(view.rows_token));
            }
            Err(error) => {
                let outcome = DeleteOutcome::failed(id, &error);
                seen = format!("{seen} {id} {:?}", outcome.problem.as_ref().map(|p| p.code));
                answer.keep(to_json(&outcome)?, None);
                tokens.push(None);
            }
        }
    }
    Ok((answer.view(Some(digest(&seen))), tokens))
}

fn counts_of(outcome: &JsonText) -> Result<Counts> {
    #[derive(Deserialize)]
    struct Kept {
        impact: Counts,
    }
    serde_json::from_str::<Kept>(outcome.as_str())
        .map(|kept| kept.impact)
        .map_err(|error| Error::Internal(format!("a stored outcome is damaged: {error}")))
}

#[derive(Default)]
struct Answer {
    data: Vec<JsonText>,
    deleted: usize,
    failed: usize,
    impact: Counts,
}

impl Answer {
    fn keep(&mut self, outcome: JsonText, gone: Option<Counts>) {
        self.data.push(outcome);
        match gone {
            Some(counts) => {
                self.deleted += 1;
                self.impact = impact::sum(self.impact, counts);
            }
            None => self.failed += 1,
        }
    }

    fn view(self, plan_token: Option<String>) -> BulkDeleteView {
        BulkDeleteView {
            data: self.data,
            deleted: self.deleted,
            failed: self.failed,
            impact: self.impact,
            plan_token,
        }
    }
}
