//! Holds on an entry: put one, end one.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::entry::{self, HoldForm};
use super::{Holds, entry_of, gone, path_of};
use crate::domain::codes::Code;
use crate::domain::kinds::EntryState;
use crate::http::console::flash::Flash;
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::Visit;
use crate::service::error::{Error, Problem};
use crate::service::holds::{self, NewHold};
use crate::service::trash;

/// Puts the entry on hold.
pub(super) async fn put(visit: Visit<Holds>) -> Result<HttpResponse, Trouble> {
    let (person, form) = visit.sent().await?;
    let id = entry_of(&person)?;
    let (reason, ends) = (form.text("reason").to_owned(), form.text("ends").to_owned());
    let new = NewHold {
        reason: reason.clone(),
        // To the end of that day.
        ends_at: form.given("ends").map(|day| format!("{day}T23:59:59Z")),
    };
    let done = person.write(move |tx| holds::hold(tx, id, &new)).await;
    match done {
        Ok(_) => {
            let flash =
                Flash::good("The hold is on it: it is not purged until the hold has ended.");
            Ok(person.see(&path_of(id), &flash).await)
        }
        Err(Error::Problem(problem)) if problem.code == Code::EntryClosed => {
            Err(gone(&person, id).await?)
        }
        Err(Error::Problem(problem)) if problem.code == Code::InvalidInput => {
            let mut refused = HoldForm {
                reason,
                ends,
                ..HoldForm::default()
            };
            for error in &problem.errors {
                match error.pointer.as_str() {
                    "/ends_at" => refused.ends_error = Some(error.detail.clone()),
                    _ => refused.reason_error = Some(error.detail.clone()),
                }
            }
            entry::page(&person, id, refused, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(error) => Err(person.trouble(&error)),
    }
}

/// Ends a hold.
pub(super) async fn end(visit: Visit<Holds>) -> Result<HttpResponse, Trouble> {
    let (person, _) = visit.sent().await?;
    let id = entry_of(&person)?;
    let hold = person
        .input
        .hold()
        .map_err(|error| person.trouble(&error))?;
    let done = person
        .write(move |tx| {
            // This locks the entry: nobody else closes it before the look at its state.
            holds::release(tx, id, hold)?;
            let state = trash::get(tx.conn, tx.caller, id)?.state;
            if state == EntryState::InTrash {
                Ok(())
            } else {
                Err(Problem::new(Code::EntryClosed, "It is no longer in the trash.").into())
            }
        })
        .await;
    match done {
        Ok(()) => {
            let flash =
                Flash::good("The hold has ended. The entry is not purged within a day of that.");
            Ok(person.see(&path_of(id), &flash).await)
        }
        Err(Error::Problem(problem)) if problem.code == Code::EntryClosed => {
            Err(gone(&person, id).await?)
        }
        Err(error) => Err(person.trouble(&error)),
    }
}
