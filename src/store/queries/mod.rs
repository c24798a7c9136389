//! What the diesel DSL can say on both databases; compiled once for each (see the parent module).
//!
//! Functions take a connection, never a pool, and the organization before anything else.

use super::Conn;

mod access_tokens;
mod alarms;
mod audit;
mod canary;
mod checks;
mod connect_tokens;
mod connections;
mod dependents;
mod epochs;
mod figures;
mod imports;
mod integrations;
mod listing;
mod moves;
mod organizations;
mod purge;
mod receipts;
mod records;
mod revocations;
mod secrets;
mod sessions;
mod shreds;
mod sign_ins;
mod transfer;
mod trash;
mod uses;
mod webhooks;

pub(in crate::store) use access_tokens::*;
pub(in crate::store) use alarms::*;
pub(in crate::store) use audit::*;
pub(in crate::store) use canary::*;
pub(in crate::store) use checks::*;
pub(in crate::store) use connect_tokens::*;
pub(in crate::store) use connections::*;
pub(in crate::store) use dependents::*;
pub(in crate::store) use epochs::*;
pub(in crate::store) use figures::*;
pub(in crate::store) use imports::*;
pub(in crate::store) use integrations::*;
pub(in crate::store) use listing::*;
pub(in crate::store) use moves::*;
pub(in crate::store) use organizations::*;
pub(in crate::store) use purge::*;
pub(in crate::store) use receipts::*;
pub(in crate::store) use records::*;
pub(in crate::store) use revocations::*;
pub(in crate::store) use secrets::*;
pub(in crate::store) use sessions::*;
pub(in crate::store) use shreds::*;
pub(in crate::store) use sign_ins::*;
pub(in crate::store) use transfer::*;
pub(in crate::store) use trash::*;
pub(in crate::store) use uses::*;
pub(in crate::store) use webhooks::*;
