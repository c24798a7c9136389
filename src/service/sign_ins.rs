//! Signing in to the console by an API key: who is there, until when, and what their next page has to tell them.
//!
//! What must stay true: of a sign-in's text only a digest is stored and of the key only its id, so that what a browser keeps
//! is no key; a person may what the key may at this moment, and a revoked or expired key ends the sign-in.

use chrono::Duration;
use sha2::{Digest as _, Sha256};

use super::Services;
use super::caller::{Actor, Caller};
use super::error::{Error, Result};
use super::keys::{ParsedKey, by_id, unauthenticated};
use super::tokens::{Token, hex};
use crate::domain::clock::Ts;
use crate::domain::ids::{OrgId, SignInId};
use crate::domain::json::JsonText;
use crate::domain::scopes::Scope;
use crate::domain::text::Name;
use crate::store::rows::SignInRow;
use crate::store::{Conn, StoreResult};

/// A sign-in ends by itself after this.
pub const LIFETIME: Duration = Duration::hours(12);
/// It ends earlier when nobody was there for so long.
pub const IDLE: Duration = Duration::hours(1);
/// When somebody was there is written down no more often than this.
const SEEN_EVERY: Duration = Duration::minutes(1);
const PREFIX: &str = "rps_";

/// The text of a sign-in as a browser sent it, which nothing has proved yet.
pub struct SignIn(Token);

/// Somebody who is signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The sign-in.
    pub id: SignInId,
    /// Who calls; the address and the request are the caller's to add.
    pub caller: Caller,
    /// What the next page has to tell.
    pub flash: Option<JsonText>,
    /// Whether it is to be written down that somebody was there.
    pub stale: bool,
}

/// Signs a person in by an API key; the text for their browser, which is shown once. A name of their own is for those whose
/// key may name people (`actor:assert`). What the browser kept of the sign-in `before` ends. `call` adds where the call came
/// from.
pub fn open(
    services: &Services,
    key: &ParsedKey,
    name: Option<&str>,
    before: Option<&SignIn>,
    call: impl FnOnce(Caller) -> Caller,
) -> Result<String> {
    let caller = services
        .store
        .read(|conn| key.authenticate(conn, Ts::now()))?;
    let name = match name {
        None => None,
        Some(name) => {
            if !caller.may(Scope::ActorAssert) {
                let detail = "This key may not give a name: leave it empty.";
                return Err(Error::field("/name", "missing_scope", detail));
            }
            let name = Name::parse(name).map_err(|problem| problem.at("/name"))?;
            Some(name.into_string())
        }
    };
    let caller = named(call(caller), name.as_deref());
    let token = Token::mint(caller.org, SignInId::mint().0)?;
    services.write_once(&caller, |tx| {
        let id = SignInId(token.id);
        let at = tx.conn.now()?;
        if let Some(before) = before {
            before.forget(tx.conn)?;
        }
        tx.conn.insert_sign_in(&SignInRow {
            org_id: caller.org,
            id,
            digest: token.digest(),
            key_id: caller.key_id.ok_or_else(unauthenticated)?,
            actor_name: name.clone(),
            flash: None,
            created_at: at,
            seen_at: at,
            expires_at: at.plus(LIFETIME),
        })?;
        let subject = Some(id.into());
        tx.audit(
            "sign_in.opened",
            "sign_in",
            subject,
            None,
            JsonText::empty_object(),
        )
    })?;
    services.last_use.note(&caller, Ts::now());
    Ok(token.text(PREFIX))
}

fn named(mut caller: Caller, name: Option<&str>) -> Caller {
    if let Some(name) = name {
        caller.actor = Actor {
            id: id_of(name),
            name: Some(name.to_owned()),
        };
    }
    caller
}

/// The id of a person who gave a name, so that people who share a key are told apart. It is one that `Reprieve-Actor` and
/// the filters of the API would take.
fn id_of(name: &str) -> String {
    let visible = |c: char| c.is_alphanumeric() || c.is_ascii_graphic();
    let name: String = name
        .chars()
        .map(|c| if visible(c) { c } else { '_' })
        .take(240)
        .collect();
    format!("console:{name}")
}

impl SignIn {
    /// Takes the text apart; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Token::parse(PREFIX, text).map(Self)
    }

    /// What every form of this sign-in carries, so that no other page can send one: follows from the text and leads to
    /// nothing.
    pub fn form_token(&self) -> String {
        token_of(self.0.secret(), "the forms of a sign-in")
    }

    /// Ends it, whoever it was, for the one that takes its place.
    fn forget(&self, conn: &mut Conn) -> Result<()> {
        let (org, id) = (self.0.org, SignInId(self.0.id));
        let row = conn.find_sign_in(org, id)?;
        if self.0.matches(row.as_ref().map(|row| row.digest.as_str())) {
            conn.drop_sign_in(org, id)?;
        }
        Ok(())
    }

    /// Who it is, if they are still signed in and their key works.
    pub fn who(&self, conn: &mut Conn) -> Result<SignedIn> {
        let (org, id) = (self.0.org, SignInId(self.0.id));
        let row = conn.find_sign_in(org, id)?;
        let matches = self.0.matches(row.as_ref().map(|row| row.digest.as_str()));
        let now = conn.now()?;
        let row = row
            .filter(|row| matches && row.expires_at > now && row.seen_at > now.plus(-IDLE))
            .ok_or_else(unauthenticated)?;
        let caller = by_id(conn, org, row.key_id, now)?;
        Ok(SignedIn {
            id,
            caller: named(caller, row.actor_name.as_deref()),
            flash: row.flash,
            stale: row.seen_at <= now.plus(-SEEN_EVERY),
        })
    }
}

impl SignedIn {
    /// Whether there is something to write down of this visit, which tells what there was to tell or does not.
    pub fn is_news(&self, told: bool) -> bool {
        self.stale || (told && self.flash.is_some())
    }
}

/// Writes down that somebody was there, and that they have been told what there was to tell.
pub fn seen(services: &Services, org: OrgId, id: SignInId, told: bool) -> StoreResult<()> {
    services.store.write(|conn| {
        let now = conn.now()?;
        if told {
            conn.set_flash(org, id, None)?;
        }
        conn.touch_sign_in(org, id, now)?;
        Ok(())
    })
}

/// A text that follows from a secret one and leads to nothing; another for each purpose.
pub fn token_of(secret: &str, purpose: &str) -> String {
    // Blocks of one size, so that no two pairs of texts read the same.
    let mut digest = Sha256::new();
    digest.update(Sha256::digest(secret));
    digest.update(purpose);
    hex(&digest.finalize())
}

/// A random text: what a browser keeps while nobody is signed in yet.
pub fn random() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Internal(format!("the system has no random bytes: {error}")))?;
    Ok(hex(&bytes))
}

/// Sets what the next page of a sign-in has to tell.
pub fn tell(services: &Services, caller: &Caller, id: SignInId, flash: &JsonText) -> Result<()> {
    services
        .store
        .write(|conn| conn.set_flash(caller.org, id, Some(flash)))?;
    Ok(())
}

/// Signs somebody out.
pub fn end(services: &Services, caller: &Caller, id: SignInId) -> Result<()> {
    services.write_once(caller, |tx| {
        if tx.conn.drop_sign_in(caller.org, id)? > 0 {
            let subject = Some(id.into());
            tx.audit(
                "sign_in.ended",
                "sign_in",
                subject,
                None,
                JsonText::empty_object(),
            )?;
        }
        Ok(())
    })
}
