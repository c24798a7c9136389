//! Connections: the list, a new one, and what is done with one: settings, content, archive.

mod list;

use actix_web::web;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/connections", web::get().to(list::show));
}
