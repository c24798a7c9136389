//! Tests: read, sign in, write down; only the first and the last hold a database connection.

use std::sync::Arc;

use super::State;
use super::answer::stored;
use crate::domain::ids::{ConnectionId, WebhookId};
use crate::service::caller::Caller;
use crate::service::error::Result;
use crate::service::probe::{self, Begun, ConnectionTestView, Subject, TestView, Turn};
use crate::service::unit::{Once, Written};
use crate::service::webhooks::testing::{self, WebhookTestView};

/// Tests a live connection whose required secrets are all there. `turn` is taken before, by who has something else to
/// do before that must not be done in vain.
pub(super) async fn test_connection(
    state: &Arc<State>,
    caller: &Caller,
    id: ConnectionId,
    once: Option<Arc<Once>>,
    turn: Option<Turn>,
) -> Result<Written<ConnectionTestView>> {
    let (who, asked) = (caller.clone(), once.clone());
    let begun = Arc::clone(state)
        .run_write(move |services| {
            services.write_once(&who, |tx| probe::begin(tx, asked.as_deref(), id))
        })
        .await?;
    let ticket = match begun {
        Begun::Answered(answer) => return Ok(Written::Replayed(answer)),
        Begun::Ticket(ticket) => ticket,
    };
    let prober = &state.services.prober;
    let turn = match turn {
        Some(turn) => turn,
        None => prober.turn(caller.org)?,
    };
    let report = prober.run(turn, &ticket.subject, caller).await;
    let who = caller.clone();
    Arc::clone(state)
        .run_write(move |services| {
            services.write(&who, once.as_deref(), stored, |tx| {
                probe::finish(tx, &ticket, &report)
            })
        })
        .await
}

/// Tests settings and secrets that are stored nowhere.
pub(super) async fn test_subject(
    state: &Arc<State>,
    caller: &Caller,
    subject: Subject,
) -> Result<TestView> {
    let prober = &state.services.prober;
    let turn = prober.turn(caller.org)?;
    let report = prober.run(turn, &subject, caller).await;
    let who = caller.clone();
    Arc::clone(state)
        .run_write(move |services| {
            services.write_once(&who, |tx| probe::note(tx, &subject, &report))
        })
        .await
}

/// Sends a test message to a webhook endpoint.
pub(super) async fn test_webhook(
    state: &Arc<State>,
    caller: &Caller,
    id: WebhookId,
) -> Result<WebhookTestView> {
    let who = caller.clone();
    let ticket = Arc::clone(state)
        .run_write(move |services| services.write_once(&who, |tx| testing::begin(tx, id)))
        .await?;
    let services = &state.services;
    let view = {
        let _turn = services.prober.turn(caller.org)?;
        let limit = services.deliverer.limits.answer;
        ticket.send(services.prober.dialer(), limit).await
    };
    let (who, told) = (caller.clone(), view.clone());
    Arc::clone(state)
        .run_write(move |services| {
            services.write_once(&who, |tx| testing::note(tx, &ticket, &told))
        })
        .await?;
    Ok(view)
}
