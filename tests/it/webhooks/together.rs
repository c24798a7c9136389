//! Several deliverers on one database.

use super::*;

#[test]
fn two_deliverers_at_once_lose_no_event_and_send_none_twice() {
    let app = TestApp::start(Backend::Postgres);
    let mut config = app.config.clone();
    config.metrics_listen = None;
    let (_, _, _, stop, server) = serve(config);
    let receivers: Vec<Receiver> = (0..3).map(|_| Receiver::start(&[TAKEN])).collect();
    let endpoints: Vec<Endpoint> = receivers
        .iter()
        .map(|receiver| endpoint(&app.admin, receiver, &["connection.created"]))
        .collect();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let client = app.admin.clone();
            scope.spawn(move || {
                for number in 0..10 {
                    connect(&client, &format!("{writer} {number}"));
                }
            });
        }
    });
    for (receiver, endpoint) in receivers.iter().zip(&endpoints) {
        TestApp::wait_for("every event", || ids_of(&receiver.got()).len() == 40);
        let deliveries = endpoint.waits_until_all_are(&app, "delivered");
        assert_eq!(deliveries.len(), 40);
        let events: BTreeSet<String> = deliveries
            .iter()
            .map(|delivery| format!("evt_{}", delivery["event_id"].as_str().unwrap()))
            .collect();
        assert_eq!(ids_of(&receiver.got()), events);
        assert_eq!(receiver.got().len(), 40, "none is sent twice");
    }
    stop.send(()).unwrap();
    server.join().unwrap();
}

on_each! {
    fn one_endpoint_that_never_answers_keeps_no_other_waiting(backend: Backend) {
        let app = TestApp::start_with(backend, |config| {
            config.webhooks.at_once = [1, 1];
            config.webhooks.answer = std::time::Duration::from_secs(5);
        });
        let (stuck, receiver) = (Receiver::start(&[Say::Hang]), Receiver::start(&[TAKEN]));
        endpoint(&app.admin, &stuck, &["connection.created"]);
        let fine = endpoint(&app.admin, &receiver, &["connection.created"]);
        // Were the one tried for each of these, the other would have to wait for longer than this test does.
        for number in 0..20 {
            connect(&app.admin, &format!("number {number}"));
        }
        TestApp::wait_for("all of them", || ids_of(&receiver.got()).len() == 20);
        fine.waits_until_all_are(&app, "delivered");
        assert!(!stuck.got().is_empty());
    }
}
