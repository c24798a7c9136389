//! The API as its callers meet it: who may call, what comes in, what goes out.

mod access_tokens;
mod bad_body;
mod bad_input;
mod batches;
mod changes;
mod description;
mod idempotency;
mod isolation;
mod keys;
mod kit;
mod lists;
mod names;
mod problems;
mod routes;
mod scopes;
mod system;
mod wire;
