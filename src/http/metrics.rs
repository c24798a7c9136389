//! The metrics' own listener: `GET /metrics`, nothing else, and no key. It is apart from the API's, so that what guards
//! the API need not let it through, and whoever may see figures sees nothing else.

use std::io;
use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::metrics;
use crate::service::Services;

/// What a scrape that runs gets when the service stops.
const SHUTDOWN_SECONDS: u64 = 1;
/// A few monitoring systems, and no more.
const MAX_CONNECTIONS: usize = 32;

/// Serves the metrics, until the server is stopped.
pub fn serve(listener: TcpListener, services: Services) -> io::Result<Server> {
    let services = web::Data::new(services);
    let server = HttpServer::new(move || {
        let metrics = web::resource("/metrics")
            .route(web::get().to(scrape))
            .default_service(web::to(nothing));
        App::new()
            .app_data(services.clone())
            .service(metrics)
            .default_service(web::to(nothing))
    });
    Ok(server
        .workers(1)
        .max_connections(MAX_CONNECTIONS)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals()
        .listen(listener)?
        .run())
}

async fn scrape(services: web::Data<Services>) -> HttpResponse {
    match metrics::scrape(&services).await {
        Ok(text) => HttpResponse::Ok()
            .content_type(metrics::CONTENT_TYPE)
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

async fn nothing() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/plain")
        .body("The metrics are at /metrics.\n")
}
