//! The calls on the database itself, by the same services that answer the API.

mod keeping;
mod record;
mod webhooks;

use anyhow::Context as _;
use serde::Serialize;

use super::backend::{Answer, Backend, ConnectionQuery, PageAsk};
use super::{Failure, Refusal};
use crate::domain::ids::{ConnectionId, EntryId};
use crate::domain::kinds::{EntryState, Revocation, RootKind, Status};
use crate::domain::tags::TagFilter;
use crate::domain::text::Name;
use crate::jobs::eraser;
use crate::service::audit::Call;
use crate::service::caller::Caller;
use crate::service::delete::{self, DeleteRequest};
use crate::service::error::{Error, Result as ServiceResult};
use crate::service::impact::{self, Target};
use crate::service::pages::PageQuery;
use crate::service::purge;
use crate::service::restore::{self, RestoreRequest};
use crate::service::secrets::{self, PutSecrets};
use crate::service::trash::{self, PurgeRequest};
use crate::service::unit::Tx;
use crate::service::{Services, connections};
use crate::store::Conn;
use crate::store::filters::{ConnectionFilter, EntryFilter};

/// The database.
pub(super) struct Local {
    services: Services,
    caller: Caller,
}

impl Local {
    pub(super) fn new(services: Services, caller: Caller) -> Self {
        Self { services, caller }
    }

    fn read<T: Serialize>(
        &self,
        work: impl FnOnce(&mut Conn, &Caller) -> ServiceResult<T>,
    ) -> Answer {
        let read = |conn: &mut Conn| work(conn, &self.caller);
        document(self.services.store.read_snapshot(read))
    }

    /// `route` is the API's name for it, under which a refusal is written down; `entry` the trash entry it is about.
    fn write<T: Serialize>(
        &self,
        route: &str,
        entry: Option<EntryId>,
        work: impl FnMut(&mut Tx<'_>) -> ServiceResult<T>,
    ) -> Answer {
        document(self.change(route, entry, work))
    }

    fn change<T>(
        &self,
        route: &str,
        entry: Option<EntryId>,
        work: impl FnMut(&mut Tx<'_>) -> ServiceResult<T>,
    ) -> ServiceResult<T> {
        let done = self.services.write_once(&self.caller, work);
        if let Err(error) = &done {
            let call = Call {
                name: route.to_owned(),
                kind: route.split('/').nth(2).unwrap_or_default().to_owned(),
                subject: None,
                entry,
                change: true,
            };
            self.services.note_refusal(&self.caller, &call, error);
        }
        done
    }

    /// A server would have been told to erase what was shredded. Here nobody else does it, if none runs.
    fn erase(&self) {
        let Services { store, shreds, .. } = &self.services;
        if store.sqlite_file().is_some() {
            if let Err(error) = eraser::round(store, shreds) {
                tracing::warn!(%error, "what was shredded could not be erased yet: `reprieve erase` does it");
            }
        } else if let Err(error) = shreds.catch_up(store) {
            // On PostgreSQL it is the cycle's to erase: it rewrites a table under an exclusive lock.
            tracing::warn!(%error, "what was shredded could not be logged yet: `reprieve serve` does it");
        }
    }
}

impl Backend for Local {
    fn entries(&self, filter: &EntryFilter, by_purge_date: bool, page: PageAsk) -> Answer {
        let page = page_query(page)?;
        self.read(|conn, caller| trash::list(conn, caller, filter, by_purge_date, &page))
    }

    fn entry(&self, id: EntryId) -> Answer {
        self.read(|conn, caller| trash::get(conn, caller, id))
    }

    fn items(&self, id: EntryId, kind: RootKind, page: PageAsk) -> Answer {
        let page = page_query(page)?;
        self.read(|conn, caller| trash::items(conn, caller, id, kind, &page))
    }

    fn restore(&self, id: EntryId, request: &RestoreRequest) -> Answer {
        if request.validate_only {
            return self.read(|conn, caller| restore::preview(conn, caller, id, request));
        }
        self.write("POST /v1/trash/{id}/restore", Some(id), |tx| {
            restore::restore(tx, id, request)
        })
    }

    fn purge(&self, id: EntryId, confirm: &str) -> Answer {
        let request = PurgeRequest {
            confirm: confirm.to_owned(),
        };
        let purged = self.change("POST /v1/trash/{id}/purge", Some(id), |tx| {
            trash::purge(tx, id, &request)
        });
        match purged {
            Ok(entry) if entry.state == EntryState::Purging => {
                // A server would go on with its rows after the answer.
                purge::go_on(&self.services).map_err(refused)?;
                self.entry(id)
            }
            purged => document(purged),
        }
    }

    fn connections(&self, query: &ConnectionQuery, page: PageAsk) -> Answer {
        let filter = connection_filter(query).map_err(refused)?;
        let page = page_query(page)?;
        self.read(|conn, caller| connections::list(conn, caller, &filter, &page))
    }

    fn connection(&self, id: ConnectionId) -> Answer {
        self.read(|conn, caller| connections::get(conn, caller, id))
    }

    fn impact(&self, id: ConnectionId) -> Answer {
        self.read(|conn, caller| impact::of(conn, caller, &Target::Connection(id)))
    }

    fn delete(&self, id: ConnectionId, request: &DeleteRequest) -> Answer {
        let deleted = self.change("DELETE /v1/connections/{id}", None, |tx| {
            delete::delete(tx, &Target::Connection(id), request)
        });
        self.erase();
        match deleted {
            Ok(entry) if entry.secrets.revocation == Revocation::Pending => {
                // A server would go on with it after the answer. Here the tokens end with the command.
                self.services.revoker.finish();
                self.entry(entry.id)
            }
            deleted => document(deleted),
        }
    }

    fn put_secrets(&self, id: ConnectionId, version: i64, input: &PutSecrets) -> Answer {
        let answer = self.write("PUT /v1/connections/{id}/secrets", None, |tx| {
            secrets::put(tx, id, Some(version), input)
        })?;
        self.erase();
        Ok(answer)
    }
}

fn page_query(page: PageAsk) -> Result<PageQuery, Failure> {
    PageQuery::new(Some(page.size), page.token).map_err(refused)
}

fn connection_filter(query: &ConnectionQuery) -> ServiceResult<ConnectionFilter> {
    let name = query.name.as_deref().map(Name::parse).transpose();
    let tag = query.tag.as_deref().map(TagFilter::parse).transpose();
    Ok(ConnectionFilter {
        name_key: name
            .map_err(|problem| problem.at("name"))?
            .map(|name| name.key()),
        connector: query.connector.clone(),
        integration: query.integration.clone(),
        external_id: query.external_id.clone(),
        status: query.status.as_deref().and_then(Status::parse),
        tag: tag
            .map_err(|problem| problem.at("tag"))?
            .map(|tag| tag.as_stored()),
        q: None,
    })
}

fn document<T: Serialize>(result: ServiceResult<T>) -> Answer {
    let value = result.map_err(refused)?;
    Ok(serde_json::to_string(&value).context("the answer has no JSON form")?)
}

fn refused(error: Error) -> Failure {
    match error {
        Error::Problem(problem) => Failure::Refused(Box::new(Refusal::from(*problem))),
        other => Failure::Broken(
            anyhow::Error::new(other).context("the database or its contents refused"),
        ),
    }
}
