//! Path, query and body as the original reads them: everything that is wrong is collected, in the words of zod.
//!
//! What must stay true: no message repeats what was sent, but for the names of unknown members that look like names; the
//! JSON rules of every other body hold here, too (`http::body`).

mod faults;
mod object;
mod query;
mod texts;
mod values;

pub(super) use faults::Faults;
pub(super) use object::Object;
pub(super) use query::{Query, part};
pub(super) use texts::{CONNECTION_ID, PROVIDER, PROVIDER_CONFIG_KEY, filled, within};
pub(super) use values::{kind, secret, secret_json, text};
