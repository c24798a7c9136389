//! What Reprieve does: one public function is one unit of work, whoever calls it.
//!
//! No HTTP here: the API, the command line and, later, the dialects call the same functions. Each takes a
//! [`Tx`](unit::Tx) (a change) or a connection (a read) and answers a view or a [`Problem`](error::Problem).

pub mod access_tokens;
pub mod activity;
pub mod alarms;
pub mod audit;
pub mod backup;
pub mod bootstrap;
pub mod brakes;
pub mod bulk;
pub mod caller;
pub mod canary;
pub mod connect;
pub mod connections;
pub mod delete;
pub mod dependents;
pub mod error;
pub mod events;
pub mod holds;
pub mod impact;
pub mod integrations;
pub mod keys;
pub mod links;
pub mod listing;
mod lost_secrets;
pub mod organizations;
pub mod pages;
pub mod probe;
pub mod purge;
pub mod receipts;
pub mod reentry;
pub mod restore;
pub mod restore_plan;
pub mod retention;
pub mod revoke;
pub mod rotation;
pub mod secrets;
pub mod shreds;
pub mod sign_ins;
pub mod superset;
mod tokens;
pub mod transfer;
pub mod trash;
pub mod unit;
pub mod uses;
pub mod verify;
pub mod views;
pub mod watch;
pub mod webhooks;

use std::sync::Arc;

use crate::jobs::deliverer::Deliverer;
use crate::jobs::eraser::Eraser;
use crate::jobs::importer::Importer;
use crate::jobs::keykeeper::Times;
use crate::jobs::revoker::Revoker;
use crate::jobs::sealer::Sealer;
use crate::jobs::shred_writer::ShredWriter;
use crate::metrics::Metrics;
use crate::secrets::Vault;
use crate::store::Store;

/// What every service function needs: the database, the keys, the eraser.
#[derive(Clone)]
pub struct Services {
    /// The database.
    pub store: Store,
    /// Seals and opens secrets.
    pub vault: Arc<Vault>,
    /// Erases from the files what was shredded.
    pub eraser: Eraser,
    /// Writes the shred log.
    pub shreds: Arc<ShredWriter>,
    /// When keys were last used; written down in batches.
    pub last_use: Arc<keys::LastUse>,
    /// Who uses what is in the trash; written down in batches.
    pub uses: Arc<uses::Uses>,
    /// Imports what arrives through the API.
    pub importer: Importer,
    /// Signs in to other systems to test connections.
    pub prober: probe::Prober,
    /// Revokes at the source what a deletion has shredded.
    pub revoker: Revoker,
    /// Numbers and chains audit records.
    pub sealer: Sealer,
    /// Delivers events to webhook endpoints.
    pub deliverer: Deliverer,
    /// What the purge may do, and whether the clock can be believed.
    pub purging: Arc<purge::Purging>,
    /// When encryption keys are made and destroyed; only `serve` knows.
    pub key_times: Option<Times>,
    /// Counts what is done.
    pub metrics: Metrics,
    /// Where private files are made.
    pub spool: transfer::Spool,
}
