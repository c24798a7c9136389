//! Receivers that fail, hang, cut, send elsewhere, ask for patience or are gone.

use super::*;

/// What a receiver that does this at first is told afterwards: the same id and the same bytes.
#[track_caller]
fn is_sent_again(app: &TestApp, first: &[Say], outcome: &str, status: &Value) {
    let answers = [first, &[TAKEN]].concat();
    let receiver = Receiver::start(&answers);
    let endpoint = endpoint(&app.admin, &receiver, &["connection.*"]);
    connect(&app.admin, &format!("warehouse {}", uuid::Uuid::new_v4()));
    for tried in 1..=first.len() {
        let delivery = endpoint.waits_for_attempts(app, i64::try_from(tried).unwrap());
        assert_eq!(delivery["state"], "pending");
        assert_eq!(
            (&delivery["outcome"], &delivery["status"]),
            (&json!(outcome), status),
            "{delivery}"
        );
        assert_eq!(endpoint.view(app)["failures"], json!(tried));
        assert!(!delivery.to_string().contains("zqmarkerqz"));
        make_due(app);
    }
    endpoint.waits_until_all_are(app, "delivered");
    let got = receiver.got();
    assert_eq!(got.len(), first.len() + 1);
    for again in &got[1..] {
        assert_eq!((again.id(), &again.body), (got[0].id(), &got[0].body));
    }
    for each in &got {
        assert_eq!(each.signatures_by(&endpoint.secret), 1);
    }
    let view = endpoint.view(app);
    assert_eq!(
        (&view["failures"], &view["paused_until"], &view["state"]),
        (&json!(0), &Value::Null, &json!("enabled"))
    );
    app.admin.delete(&endpoint.path()).ok(200);
}

on_both! {
    fn what_failed_is_sent_again_under_its_id_with_the_same_bytes(app: &TestApp) {
        is_sent_again(app, &[status(500), status(500)], "refused", &json!(500));
        is_sent_again(app, &[status(404)], "refused", &json!(404));
    }

    fn what_was_cut_after_reading_is_sent_again_under_its_id_with_the_same_bytes(app: &TestApp) {
        is_sent_again(app, &[Say::Cut, Say::Cut], "protocol_error", &Value::Null);
    }

    fn what_got_no_answer_in_time_is_sent_again_under_its_id_with_the_same_bytes(app: &TestApp) {
        is_sent_again(app, &[Say::Hang], "timeout", &Value::Null);
    }

    fn a_redirect_is_a_failure_and_is_not_followed(app: &TestApp) {
        let elsewhere = Receiver::start(&[TAKEN]);
        for code in [301, 302, 307, 308] {
            let moved = Say::Status(code, format!("Location: {}\r\n", elsewhere.url()));
            is_sent_again(app, &[moved], "redirected", &json!(code));
        }
        assert!(elsewhere.got().is_empty());
    }

    fn an_endpoint_that_asks_for_patience_is_left_alone_for_so_long(app: &TestApp) {
        let asks = Say::Status(429, "Retry-After: 7200\r\n".to_owned());
        let (receiver, control) = (Receiver::start(&[asks, TAKEN]), Receiver::start(&[TAKEN]));
        let patient = endpoint(&app.admin, &receiver, &["connection.*"]);
        endpoint(&app.admin, &control, &["connection.*"]);
        connect(&app.admin, "one");
        let delivery = patient.waits_for_attempts(app, 1);
        assert_eq!((&delivery["outcome"], &delivery["status"]), (&json!("busy"), &json!(429)));
        // By far more than the first waiting time, 5 seconds.
        let at = |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
        let asked = at(&delivery["attempted_at"]) + chrono::Duration::seconds(7200);
        assert_eq!(at(&delivery["next_attempt_at"]), asked);
        assert_eq!(at(&patient.view(app)["paused_until"]), asked);
        // Nothing else is sent there either, while another endpoint is told of it.
        connect(&app.admin, "two");
        control.waits_for(2);
        TestApp::wait_for("the second delivery", || patient.deliveries(&app.admin).len() == 2);
        control.waits_for(2);
        assert_eq!(receiver.got().len(), 1);
        make_due(app);
        patient.waits_until_all_are(app, "delivered");
    }

    fn an_endpoint_that_is_gone_is_disabled_at_once_and_goes_on_when_enabled(app: &TestApp) {
        let receiver = Receiver::start(&[status(410), TAKEN]);
        let gone = endpoint(&app.admin, &receiver, &["connection.*"]);
        connect(&app.admin, "one");
        TestApp::wait_for("its end", || gone.view(app)["state"] == "disabled");
        assert_eq!(gone.view(app)["disabled_reason"], "gone");
        let [alarm] = &alarms(app)[..] else { panic!("{:?}", alarms(app)) };
        assert!(alarm.contains(&gone.id) && alarm.contains("410") && !alarm.contains("channel=1"), "{alarm}");
        // What happens meanwhile waits in the feed.
        make_due(app);
        let control = Receiver::start(&[TAKEN]);
        endpoint(&app.admin, &control, &["connection.*"]);
        connect(&app.admin, "two");
        control.waits_for(1);
        assert_eq!((receiver.got().len(), gone.deliveries(&app.admin).len()), (1, 1));
        app.admin.patch(&gone.path(), &json!({"state": "enabled"})).ok(200);
        let got = receiver.waits_for(3);
        assert!(ids_of(&got[1..]).contains(got[0].id()));
        assert_eq!(ids_of(&got).len(), 2);
        assert!(alarms(app).is_empty(), "{:?}", alarms(app));
        assert!(gone.view(app)["disabled_reason"].is_null());
        gone.waits_until_all_are(app, "delivered");
        wait_until_sealed(app);
        let disabled = app.admin.get("/v1/events?type=webhook.disabled").ok(200);
        assert_eq!(disabled["data"][0]["detail"], json!({"host": "127.0.0.1", "reason": "gone"}));
    }

    fn an_endpoint_that_took_nothing_through_all_tries_is_disabled_with_an_alarm(app: &TestApp) {
        let receiver = Receiver::start(&[status(500)]);
        let failing = endpoint(&app.admin, &receiver, &["connection.*"]);
        connect(&app.admin, "one");
        for tried in 1..=10 {
            make_due(app);
            failing.waits_for_attempts(app, tried);
        }
        assert_eq!(failing.deliveries(&app.admin)[0]["state"], "failed");
        let view = failing.view(app);
        assert_eq!((&view["state"], &view["disabled_reason"]), (&json!("disabled"), &json!("failing")));
        assert_eq!(alarms(app).len(), 1);
        assert_eq!(receiver.got().len(), 10);
        assert_eq!(ids_of(&receiver.got()).len(), 1);
        // It is there again, and what failed is sent again.
        receiver.says(&[TAKEN]);
        app.admin.patch(&failing.path(), &json!({"state": "enabled"})).ok(200);
        let replayed = app.admin.post(&format!("{}/replay", failing.path()), &json!({})).ok(200);
        assert_eq!(replayed, json!({"deliveries": 1}));
        failing.waits_until_all_are(app, "delivered");
        assert_eq!(ids_of(&receiver.got()).len(), 1);
        assert!(alarms(app).is_empty());
    }

    fn an_endpoint_that_takes_other_messages_is_not_disabled_for_one(app: &TestApp) {
        let receiver = Receiver::start(&[status(500)]);
        let picky = endpoint(&app.admin, &receiver, &["connection.*"]);
        connect(&app.admin, "one");
        for tried in 1..=9 {
            make_due(app);
            picky.waits_for_attempts(app, tried);
        }
        // Only the next message is taken.
        receiver.says(&[TAKEN, status(500)]);
        let aside = "UPDATE webhook_deliveries SET next_attempt_at = '2999-01-01T00:00:00.000000Z' WHERE attempts = 9";
        app.sql().run(aside);
        app.sql().run("UPDATE webhook_endpoints SET paused_until = NULL");
        connect(&app.admin, "two");
        TestApp::wait_for("the other", || {
            let all = picky.deliveries(&app.admin);
            all.len() == 2 && all[0]["state"] == "delivered"
        });
        make_due(app);
        TestApp::wait_for("the end", || picky.deliveries(&app.admin)[1]["state"] == "failed");
        assert_eq!(picky.view(app)["state"], "enabled");
        assert!(alarms(app).is_empty());
    }
}

on_each! {
    fn more_than_may_be_pending_waits_in_the_feed_and_nothing_is_lost(backend: Backend) {
        let app = TestApp::start_with(backend, |config| config.webhooks.pending = 2);
        let receiver = Receiver::start(&[status(500)]);
        let slow = endpoint(&app.admin, &receiver, &["connection.created"]);
        for name in ["a", "b", "c", "d", "e"] {
            connect(&app.admin, name);
        }
        receiver.waits_for(2);
        TestApp::wait_for("both tries", || {
            slow.deliveries(&app.admin).iter().all(|delivery| delivery["attempts"] != 0)
        });
        assert_eq!(slow.deliveries(&app.admin).len(), 2);
        receiver.says(&[TAKEN]);
        TestApp::wait_for("all of them", || {
            make_due(&app);
            ids_of(&receiver.got()).len() == 5
        });
        TestApp::wait_for("their end", || {
            slow.deliveries(&app.admin).iter().filter(|delivery| delivery["state"] == "delivered").count() == 5
        });
    }

    fn a_private_address_is_refused_unless_the_operator_has_listed_it(backend: Backend) {
        let app = TestApp::start_with(backend, |config| config.allow_cidrs.clear());
        let receiver = Receiver::start(&[TAKEN]);
        let private = endpoint(&app.admin, &receiver, &["connection.*"]);
        let tested = app.admin.post(&format!("{}/test", private.path()), &json!({})).ok(200);
        assert_eq!((&tested["outcome"], &tested["status"]), (&json!("refused_by_policy"), &Value::Null));
        connect(&app.admin, "one");
        let delivery = private.waits_for_attempts(&app, 1);
        assert_eq!(delivery["outcome"], "refused_by_policy");
        // A name that leads inside is no way around it, metadata is never one.
        app.network.name("inside.example.com", &["127.0.0.1"]);
        for url in ["https://inside.example.com/", "https://169.254.169.254/latest", "https://[::ffff:127.0.0.1]/"] {
            let inside = endpoint_with(&app.admin, &json!({"url": url, "types": ["trash.held"]}));
            let tested = app.admin.post(&format!("{}/test", inside.path()), &json!({})).ok(200);
            assert_eq!(tested["outcome"], "refused_by_policy", "{url}");
        }
        assert!(app.network.dialled().is_empty());
        assert!(receiver.got().is_empty());
    }

    fn nothing_is_sent_in_clear_text_but_to_where_the_operator_has_listed_it(backend: Backend) {
        for (listed, outcome, arrived) in [(None, "refused_by_policy", 0), (Some("8.8.8.8/32"), "delivered", 1)] {
            let app = TestApp::start_with(backend, |config| config.allow_cidrs = listed.iter().map(|range| range.parse().unwrap()).collect());
            let receiver = Receiver::start(&[TAKEN]);
            app.network.stands_in(receiver.port(), "8.8.8.8");
            let clear = endpoint_with(&app.admin, &json!({"url": "http://8.8.8.8/in", "types": ["trash.held"]}));
            let tested = app.admin.post(&format!("{}/test", clear.path()), &json!({})).ok(200);
            assert_eq!(tested["outcome"], outcome, "{tested}");
            assert_eq!((app.network.dialled().len(), receiver.got().len()), (1, arrived), "{listed:?}");
        }
    }
}
