//! Work beside the requests: no input, idempotent, on a timer and on a nudge.

pub mod canary;
pub mod deliverer;
pub mod eraser;
pub mod housekeeping;
pub mod importer;
pub mod keykeeper;
pub mod purger;
pub mod revoker;
pub mod sealer;
pub mod shred_writer;
