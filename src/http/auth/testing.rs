//! Requests that sign in to another system before they are answered.

use std::sync::Arc;

use actix_web::HttpResponse;

use super::{Auth, Needs, close_if};
use crate::domain::ids::{ConnectionId, WebhookId};
use crate::http::answer::{render, respond, stored};
use crate::http::body;
use crate::http::probing::{test_connection, test_subject, test_webhook};
use crate::http::problem::ApiError;
use crate::service::caller::Caller;
use crate::service::error::{Error, Result};
use crate::service::probe::{self, EnteredView, TestConnector};
use crate::service::secrets::{self, PutSecrets};
use crate::service::unit::{Once, Written};

impl<N: Needs> Auth<N> {
    /// Tests the connection that the path names.
    pub async fn test_connection(mut self) -> std::result::Result<HttpResponse, ApiError> {
        let result = self.tested().await;
        let result = self.noted(result).await;
        result.map_err(|error| self.error(error))
    }

    async fn tested(&mut self) -> Result<HttpResponse> {
        let (caller, once) = self.ready().await?;
        let id = self.input.connection()?;
        let written = test_connection(&self.state, &caller, id, once, None).await?;
        Ok(match written {
            Written::Fresh(_, answer) => respond(answer, false),
            Written::Replayed(answer) => respond(answer, true),
        })
    }

    /// Enters secrets of the connection that the path names, then tests it: what was entered is kept whatever the test
    /// says. A replay answers what entering came to, without another test.
    pub async fn enter_and_test(
        mut self,
        entered: PutSecrets,
    ) -> std::result::Result<HttpResponse, ApiError> {
        let result = self.entered_and_tested(entered).await;
        match self.noted(result).await {
            Ok(response) => Ok(close_if(self.closing, response)),
            Err(error) => Err(self.error(error)),
        }
    }

    async fn entered_and_tested(&mut self, entered: PutSecrets) -> Result<HttpResponse> {
        let (caller, once) = self.ready().await?;
        let (id, if_match) = (self.input.connection()?, self.input.if_match()?);
        // First, so that nothing has been changed when the answer is 429.
        let turn = self.state.services.prober.turn(caller.org)?;
        let (who, key) = (caller.clone(), once.clone());
        let written = Arc::clone(&self.state)
            .run_write(move |services| {
                services.write(&who, key.as_deref(), stored, |tx| {
                    secrets::put(tx, id, if_match, &entered)
                })
            })
            .await?;
        let view = match written {
            Written::Fresh(view, _) => view,
            Written::Replayed(answer) => return Ok(respond(answer, true)),
        };
        // What stands in the way of the test (a secret is still missing, somebody deleted the connection) does not undo
        // what was entered, which is what was asked first.
        let view = match self.tested_after(&caller, id, turn).await {
            Some(tested) => tested,
            None => EnteredView::untested(view),
        };
        let version = view.connection.version;
        Ok(render(&view, Some(version)))
    }

    async fn tested_after(
        &self,
        caller: &Caller,
        id: ConnectionId,
        turn: probe::Turn,
    ) -> Option<EnteredView> {
        match test_connection(&self.state, caller, id, None, Some(turn)).await {
            Ok(Written::Fresh(tested, _)) => Some(EnteredView::tested(tested)),
            Ok(Written::Replayed(_)) => None,
            Err(error) => {
                tracing::info!(%error, connection = %id, "secrets were entered and could not be tested");
                None
            }
        }
    }

    /// Sends a test message to a webhook endpoint.
    pub async fn test_webhook(
        mut self,
        id: Result<WebhookId>,
    ) -> std::result::Result<HttpResponse, ApiError> {
        let result = async {
            let (caller, _) = self.ready().await?;
            let view = test_webhook(&self.state, &caller, id?).await?;
            Ok(render(&view, None))
        };
        let result = result.await;
        let result = self.noted(result).await;
        result.map_err(|error| self.error(error))
    }

    /// Tests settings and secrets from the body.
    pub async fn test_connector(self) -> std::result::Result<HttpResponse, ApiError> {
        let mut auth = self.closing();
        let input: TestConnector = auth.json(body::JSON).await?;
        let result = auth.tried(input).await;
        match auth.noted(result).await {
            Ok(response) => Ok(close_if(true, response)),
            Err(error) => Err(auth.error(error)),
        }
    }

    async fn tried(&mut self, input: TestConnector) -> Result<HttpResponse> {
        let (caller, _) = self.ready().await?;
        let subject = probe::subject(&self.input.part("connector")?, input)?;
        let view = test_subject(&self.state, &caller, subject).await?;
        Ok(render(&view, None))
    }

    /// Who calls, and under which idempotency key.
    async fn ready(&mut self) -> Result<(Caller, Option<Arc<Once>>)> {
        if self.caller.is_none() {
            self.authenticate().await?;
        }
        self.input.parse_query(&[])?;
        let once = self.once()?.map(Arc::new);
        let caller = self
            .caller
            .clone()
            .ok_or_else(|| Error::Internal("nobody has been authenticated".to_owned()))?;
        Ok((caller, once))
    }
}
