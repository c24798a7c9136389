//! Files that arrive and leave: bodies that are too large for memory.
//!
//! What must stay true: the caller is known before the first byte is taken; a file is complete on the disk before
//! anything is done with it; who sends or reads slowly keeps a turn of his own and no connection to the database.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::SizedStream;
use actix_web::dev::Payload;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpResponse, web};
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Auth, Needs};
use crate::domain::codes::Code;
use crate::http::answer::{Answer, respond, stored};
use crate::http::busy;
use crate::http::input::Input;
use crate::http::problem::ApiError;
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::{Error, Problem, Result};
use crate::service::unit::{Tx, Written};

/// How much is written, or sent, at once.
const PIECE: usize = 256 * 1024;
/// Who sends less than this in a second, on average, keeps others from sending.
const SLOWEST: u64 = 16 * 1024;

/// A body that has arrived whole.
pub struct Spooled {
    /// The file, which has no name.
    pub file: File,
    /// Its size.
    pub bytes: u64,
    /// Its content type, as one of those that were asked for.
    pub media_type: &'static str,
    _turn: OwnedSemaphorePermit,
}

/// A file to answer with.
pub struct Download {
    /// The file, written to its end.
    pub file: File,
    /// What it is called for whoever keeps it.
    pub name: String,
    /// Its content type.
    pub media_type: &'static str,
}

impl<N: Needs> Auth<N> {
    /// Takes a body of one of these types into a private file, once the caller is known.
    pub async fn spool(
        &mut self,
        types: &[&'static str],
    ) -> std::result::Result<Spooled, ApiError> {
        let result = self.take_in(types).await;
        result.map_err(|error| self.error(error))
    }

    async fn take_in(&mut self, types: &[&'static str]) -> Result<Spooled> {
        self.authenticate().await?;
        let media_type = self.media_type(types)?;
        let limit = self.state.max_import_bytes;
        let announced = self.header(CONTENT_LENGTH.as_str()).parse::<u64>().ok();
        if announced.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let turn = turn(&self.state.uploads)?;
        let spool = self.state.services.spool.clone();
        let mut file = on_disk(move || spool.file()).await?;
        let mut payload = std::mem::replace(&mut self.payload, Payload::None);
        let (mut digest, mut bytes, began) = (Sha256::new(), 0_u64, Instant::now());
        let mut piece = BytesMut::new();
        loop {
            let next = tokio::time::timeout(self.state.body_timeout, payload.next()).await;
            let slow = began.elapsed() > self.state.body_timeout
                && bytes / began.elapsed().as_secs().max(1) < SLOWEST;
            let Ok(next) = next else {
                return Err(too_slow());
            };
            let ended = next.is_none();
            if let Some(chunk) = next {
                let chunk = chunk.map_err(|_| {
                    Problem::new(Code::InvalidRequest, "The body did not arrive whole.")
                })?;
                bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                piece.extend_from_slice(&chunk);
            }
            if bytes > limit {
                return Err(too_large(limit));
            }
            if slow && !ended {
                return Err(too_slow());
            }
            if piece.len() >= PIECE || ended {
                let full = piece.split().freeze();
                digest.update(&full);
                file = on_disk(move || file.write_all(&full).map(|()| file)).await?;
            }
            if ended {
                break;
            }
        }
        self.body_digest = Some(digest.finalize().into());
        Ok(Spooled {
            file,
            bytes,
            media_type,
            _turn: turn,
        })
    }

    fn header(&self, name: &str) -> &str {
        let value = self.request.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    fn media_type(&self, types: &[&'static str]) -> Result<&'static str> {
        let refuse = |detail: String| Err(Problem::new(Code::UnsupportedMediaType, detail).into());
        let encoding = self.header(CONTENT_ENCODING.as_str());
        if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
            return refuse("Bodies are not taken compressed.".to_owned());
        }
        let full = self.header(CONTENT_TYPE.as_str());
        let essence = full.split(';').next().unwrap_or_default().trim();
        match types
            .iter()
            .find(|known| known.eq_ignore_ascii_case(essence))
        {
            Some(known) => Ok(known),
            None => refuse(format!("The body must be {}.", types.join(" or "))),
        }
    }

    /// Answers a change after which something goes on: `after` gets what was made, if it was made now, once that is
    /// committed.
    pub async fn accept<T, F, A>(
        self,
        query: &'static [&'static str],
        work: F,
        after: A,
    ) -> std::result::Result<HttpResponse, ApiError>
    where
        T: Answer + Send + 'static,
        F: Fn(&Services, &mut Tx<'_>, &Input) -> Result<T> + Send + 'static,
        A: FnOnce(&Services, &Caller, Option<T>) + Send + 'static,
    {
        let once = self.once();
        self.answer(
            true,
            query,
            move |services, caller, input| {
                let written = once.and_then(|once| {
                    services.write(caller, once.as_ref(), stored, |tx| {
                        work(services, tx, input)
                    })
                });
                match written {
                    Ok(Written::Fresh(value, answer)) => {
                        after(services, caller, Some(value));
                        Ok((answer, false))
                    }
                    Ok(Written::Replayed(answer)) => {
                        after(services, caller, None);
                        Ok((answer, true))
                    }
                    Err(error) => {
                        after(services, caller, None);
                        Err(error)
                    }
                }
            },
            |(answer, replayed)| respond(answer, replayed),
        )
        .await
    }

    /// Answers with a file that `work` makes.
    pub async fn download<F>(
        self,
        query: &'static [&'static str],
        work: F,
    ) -> std::result::Result<HttpResponse, ApiError>
    where
        F: FnOnce(&Services, &Caller, &Input) -> Result<Download> + Send + 'static,
    {
        let turn = turn(&self.state.downloads);
        self.answer(
            false,
            query,
            move |services, caller, input| {
                let turn = turn?;
                let mut download = work(services, caller, input)?;
                let bytes = (|| {
                    download.file.rewind()?;
                    Ok(download.file.metadata()?.len())
                })();
                let bytes = bytes.map_err(broken_disk)?;
                Ok((download, bytes, turn))
            },
            |(download, bytes, turn)| send(download, bytes, turn),
        )
        .await
    }
}

/// Sends a file piece by piece: no more of it is in memory, however slowly it is read.
fn send(download: Download, bytes: u64, turn: OwnedSemaphorePermit) -> HttpResponse {
    let pieces = stream::unfold((download.file, turn), |(mut file, turn)| async move {
        let piece = on_disk(move || {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece)?;
            piece.truncate(read);
            Ok((file, Bytes::from(piece)))
        })
        .await;
        match piece {
            Ok((_, piece)) if piece.is_empty() => None,
            Ok((file, piece)) => Some((Ok(piece), (file, turn))),
            // The client sees that fewer bytes came than were announced.
            Err(error) => {
                tracing::error!(%error, "a file could not be sent to its end");
                None
            }
        }
    });
    let pieces = pieces.map(|piece: std::result::Result<Bytes, std::convert::Infallible>| piece);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, download.media_type))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", download.name),
        ))
        .body(SizedStream::new(bytes, Box::pin(pieces)))
}

fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    Arc::clone(turns).try_acquire_owned().map_err(|_| busy())
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    match web::block(work).await {
        Ok(result) => result.map_err(broken_disk),
        Err(_) => Err(busy()),
    }
}

fn broken_disk(error: std::io::Error) -> Error {
    Error::Internal(format!("a private file can't be written or read: {error}"))
}

fn too_large(limit: u64) -> Error {
    Problem::new(
        Code::BodyTooLarge,
        format!(
            "A file to import has up to {limit} bytes; the operator can raise --max-import-bytes."
        ),
    )
    .into()
}

fn too_slow() -> Error {
    Problem::new(Code::RequestTimeout, "The body took too long to arrive.").into()
}
