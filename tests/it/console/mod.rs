//! The console as a browser without scripts sees it: pages, forms, and what becomes of them.

mod activity;
mod archive;
mod connections;
mod everywhere;
mod person;
mod secrets;
mod settings;
mod sign_in;
mod templates;
mod trash;

use crate::support::*;
use person::Person;
