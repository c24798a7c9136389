//! Where the metrics are, and where they are not.

use std::net::{TcpListener, TcpStream};

use reprieve::app::Application;

use super::*;

on_each! {
    fn metrics_and_api_have_listeners_of_their_own(backend: Backend) {
        let app = started(backend);
        assert_ne!(app.metrics_address(), app.address());
        scrape(&app);
        app.stranger().get("/metrics").problem(404, "not_found");
        app.admin.get("/metrics").problem(404, "not_found");

        let with_key = Client::new(app.metrics_address(), app.admin.key());
        for path in ["/", "/v1/whoami", "/v1/connections", "/healthz", "/readyz", "/openapi.json", "/enter", "/metrics/", "/metrics/x", "//metrics"] {
            for client in [&watcher(&app), &with_key] {
                let reply = client.get(path);
                assert_eq!((reply.status, reply.text.as_str()), (404, "The metrics are at /metrics.\n"), "{reply:#?}");
            }
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            assert_eq!(with_key.send(method, "/metrics", None).status, 404, "{method}");
        }
    }

    fn without_the_option_there_are_none(backend: Backend) {
        let mut app = TestApp::start(backend);
        app.stranger().get("/metrics").problem(404, "not_found");
        app.halt();
        assert_eq!(Application::build(app.config.clone()).unwrap().metrics_address(), None);
    }

    fn they_end_with_the_service(backend: Backend) {
        let mut app = started(backend);
        let address = app.metrics_address();
        drop(TcpStream::connect(address).unwrap());
        app.halt();
        TcpStream::connect(address).unwrap_err();
        app.restart();
        scrape(&app);
    }

    fn no_test_of_a_connection_reaches_them(backend: Backend) {
        let app = started(backend);
        let settings = json!({"host": "127.0.0.1", "port": app.metrics_address().port(), "database": "x", "username": "x", "tls": "disable"});
        let body = json!({"settings": settings, "secrets": {"password": "x"}});
        let test = app.admin.post("/v1/connectors/postgres/test", &body).ok(200);
        assert_eq!(test["outcome"], "refused_by_policy", "{test}");
        assert!(test["detail"].as_str().unwrap().contains("Reprieve itself"), "{test}");
        assert_eq!(app.network.dialled(), []);
    }
}

#[test]
fn an_address_that_is_taken_is_refused_by_its_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let app = TestApp::start(Backend::Sqlite);
    let mut config = app.config.clone();
    config.data_dir = app.data_dir().join("another");
    config.database = reprieve::store::DatabaseUrl::Sqlite(config.data_dir.join("reprieve.db"));
    config.metrics_listen = Some(taken.local_addr().unwrap());
    let Err(error) = Application::build(config) else {
        panic!("it started")
    };
    assert!(error.to_string().contains("--metrics-listen"), "{error:#}");
}
