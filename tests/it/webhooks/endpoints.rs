//! Making, changing, testing and replaying.

use super::*;

on_both! {
    fn an_endpoint_is_made_read_changed_and_listed(app: &TestApp) {
        let body = json!({"url": "https://hooks.example.com/services/T0/B0", "description": "the channel", "format": "text", "types": ["trash.*", "alarm.raised"]});
        let reply = app.admin.post("/v1/webhooks", &body);
        let made = reply.ok(201);
        let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
        assert_eq!(reply.header("location"), Some(path.as_str()));
        let read = app.admin.get(&path);
        assert_eq!(read.header("etag"), Some("\"1\""));
        let view = read.ok(200);
        for field in ["url", "description", "format", "types"] {
            assert_eq!(view[field], body[field], "{field}");
        }
        assert_eq!((&view["state"], &view["version"]), (&json!("enabled"), &json!(1)));
        let changes = json!({"description": "", "types": [], "format": "standard", "state": "disabled"});
        app.admin.with("if-match", "\"7\"").patch(&path, &changes).problem(412, "version_mismatch");
        let patched = app.admin.with("if-match", "\"1\"").patch(&path, &changes).ok(200);
        assert_eq!((&patched["types"], &patched["format"], &patched["version"]), (&json!([]), &json!("standard"), &json!(2)));
        assert_eq!((&patched["state"], &patched["disabled_reason"]), (&json!("disabled"), &json!("by_hand")));
        assert_eq!(app.admin.patch(&path, &json!({})).ok(200)["version"], 2, "nothing changed");
        app.admin.post("/v1/webhooks", &json!({"url": "https://b.example.com/"})).ok(201);
        let first = app.admin.get("/v1/webhooks?page_size=1").ok(200);
        assert_eq!(first["data"][0]["id"], made["id"]);
        let next = format!("/v1/webhooks?page_size=1&page_token={}", first["next_page_token"].as_str().unwrap());
        assert_eq!(app.admin.get(&next).ok(200)["data"][0]["url"], "https://b.example.com/");
        // Addresses of chat tools are secrets: events name the host alone.
        wait_until_sealed(app);
        let told = app.admin.get("/v1/events?type=webhook.*").ok(200).to_string();
        assert!(told.contains("hooks.example.com") && !told.contains("T0/B0"), "{told}");
    }

    fn what_is_not_valid_is_refused_by_field(app: &TestApp) {
        for (body, pointer, code) in [
            (json!({"url": "hooks.example.com"}), "/url", "invalid_format"),
            (json!({"url": "ftp://hooks.example.com/"}), "/url", "invalid_format"),
            (json!({"url": "https://me:secret@hooks.example.com/"}), "/url", "user_in_url"),
            (json!({"url": "https://a.example.com/", "types": ["trash"]}), "/types/0", "unknown_type"),
            (json!({"url": "https://a.example.com/", "types": ["trash.held", "trash.burnt"]}), "/types/1", "unknown_type"),
            (json!({"url": "https://a.example.com/", "description": "a\u{7}"}), "/description", "control_character"),
        ] {
            let reply = app.admin.post("/v1/webhooks", &body);
            reply.problem(422, "invalid_input");
            assert_eq!(reply.field_errors(), [(pointer.to_owned(), code.to_owned())]);
            assert!(!reply.text.contains("me:secret"));
        }
        app.admin.post("/v1/webhooks", &json!({"url": "https://a.example.com/", "format": "xml"})).problem(422, "invalid_input");
        for number in 0..20 {
            app.admin.post("/v1/webhooks", &json!({"url": format!("https://a.example.com/{number}")})).ok(201);
        }
        let reply = app.admin.post("/v1/webhooks", &json!({"url": "https://a.example.com/more"}));
        assert_eq!(reply.field_errors(), [("/url".to_owned(), "too_many".to_owned())]);
    }

    fn a_test_sends_one_message_now_and_says_what_came_back(app: &TestApp) {
        let receiver = Receiver::start(&[TAKEN, status(418), status(410), Say::Cut, TAKEN]);
        let tried = endpoint(&app.admin, &receiver, &["trash.held"]);
        let test = || app.admin.post(&format!("{}/test", tried.path()), &json!({})).ok(200);
        let view = test();
        assert_eq!((&view["outcome"], &view["status"]), (&json!("delivered"), &json!(204)));
        let got = receiver.got().remove(0);
        assert_eq!((&got.json()["type"], got.signatures_by(&tried.secret)), (&json!("webhook.test"), 1));
        assert!(got.id().starts_with("evt_"));
        for (outcome, status) in [("refused", json!(418)), ("gone", json!(410)), ("protocol_error", Value::Null)] {
            let view = test();
            assert_eq!((&view["outcome"], &view["status"]), (&json!(outcome), &status));
            assert!(!view.to_string().contains("zqmarkerqz"), "what the receiver says is not repeated: {view}");
        }
        // It says nothing about what is on its way: also a 410 changes nothing.
        assert_eq!(tried.view(app)["state"], "enabled");
        assert!(tried.deliveries(&app.admin).is_empty());
        app.admin.patch(&tried.path(), &json!({"state": "disabled", "format": "text"})).ok(200);
        assert_eq!(test()["outcome"], "delivered");
        assert!(receiver.got().remove(4).json()["text"].is_string());
    }

    fn a_delivery_is_replayed_under_its_id_with_the_same_bytes(app: &TestApp) {
        let receiver = Receiver::start(&[TAKEN]);
        let replayed = endpoint(&app.admin, &receiver, &["connection.*"]);
        connect(&app.admin, "one");
        let delivery = replayed.waits_until_all_are(app, "delivered").remove(0);
        let path = format!("{}/deliveries/{}/replay", replayed.path(), delivery["event_id"].as_str().unwrap());
        let again = app.admin.post(&path, &json!({})).ok(200);
        assert_eq!((&again["state"], &again["attempts"]), (&json!("pending"), &json!(0)));
        let got = receiver.waits_for(2);
        assert_eq!((got[0].id(), &got[0].body), (got[1].id(), &got[1].body));
        replayed.waits_until_all_are(app, "delivered");
        let unknown = format!("{}/deliveries/{}/replay", replayed.path(), uuid::Uuid::now_v7());
        app.admin.post(&unknown, &json!({})).problem(404, "not_found");
    }

    fn what_failed_since_a_moment_is_replayed_and_nothing_else(app: &TestApp) {
        let receiver = Receiver::start(&[status(500)]);
        let failing = endpoint(&app.admin, &receiver, &["connection.created"]);
        for name in ["one", "two", "three"] {
            connect(&app.admin, name);
        }
        receiver.waits_for(1);
        TestApp::wait_for("all three", || failing.deliveries(&app.admin).len() == 3);
        app.admin.patch(&failing.path(), &json!({"state": "disabled"})).ok(200);
        TestApp::wait_for("what is on its way", || app.sql().count("webhook_deliveries WHERE leased_until IS NOT NULL") == 0);
        let past = "2020-01-01T00:00:00.000000Z";
        app.sql().run("UPDATE webhook_deliveries SET state = 'failed', finished_at = created_at, attempts = 10");
        let oldest = failing.deliveries(&app.admin)[2]["event_id"].as_str().unwrap().to_owned();
        app.sql().run(&format!("UPDATE webhook_deliveries SET created_at = '{past}' WHERE event_id = '{oldest}'"));
        let replay = |body: &Value| app.admin.post(&format!("{}/replay", failing.path()), body).ok(200)["deliveries"].clone();
        assert_eq!(replay(&json!({"since": "2021-01-01T00:00:00Z"})), 2);
        assert_eq!(replay(&json!({"since": "2021-01-01T00:00:00Z"})), 0);
        let states = |state: &str| {
            let path = format!("{}/deliveries?state={state}", failing.path());
            app.admin.get(&path).ok(200)["data"].as_array().unwrap().len()
        };
        assert_eq!((states("pending"), states("failed"), states("delivered")), (2, 1, 0));
        receiver.says(&[TAKEN]);
        app.admin.patch(&failing.path(), &json!({"state": "enabled"})).ok(200);
        TestApp::wait_for("the two", || states("delivered") == 2);
        assert_eq!(replay(&json!({})), 1);
        failing.waits_until_all_are(app, "delivered");
        wait_until_sealed(app);
        assert_eq!(app.admin.get("/v1/events?type=webhook.replayed").ok(200)["data"].as_array().unwrap().len(), 2);
    }

    fn a_disabled_endpoint_is_told_afterwards_what_it_missed(app: &TestApp) {
        let (receiver, control) = (Receiver::start(&[TAKEN]), Receiver::start(&[TAKEN]));
        let resting = endpoint(&app.admin, &receiver, &["connection.*"]);
        endpoint(&app.admin, &control, &["connection.*"]);
        app.admin.patch(&resting.path(), &json!({"state": "disabled"})).ok(200);
        connect(&app.admin, "one");
        control.waits_for(1);
        assert!(receiver.got().is_empty() && resting.deliveries(&app.admin).is_empty());
        app.admin.patch(&resting.path(), &json!({"state": "enabled"})).ok(200);
        assert_eq!(receiver.waits_for(1)[0].id(), control.got()[0].id());
    }

    fn an_endpoint_begins_at_the_end_of_the_feed(app: &TestApp) {
        connect(&app.admin, "before");
        let known = |name: &str| app.admin.get("/v1/events?type=connection.created").ok(200).to_string().contains(name);
        TestApp::wait_for("the event", || known("\"before\""));
        let receiver = Receiver::start(&[TAKEN]);
        let new = endpoint(&app.admin, &receiver, &["connection.created"]);
        connect(&app.admin, "after");
        new.waits_until_all_are(app, "delivered");
        let got = receiver.got();
        assert_eq!((got.len(), &got[0].json()["data"]["detail"]["name"]), (1, &json!("after")));
    }

    fn deliveries_that_ended_a_month_ago_are_forgotten_and_no_others(app: &TestApp) {
        let receiver = Receiver::start(&[TAKEN]);
        let old = endpoint(&app.admin, &receiver, &["connection.created"]);
        for name in ["one", "two"] {
            connect(&app.admin, name);
        }
        TestApp::wait_for("both", || old.deliveries(&app.admin).len() == 2);
        let deliveries = old.waits_until_all_are(app, "delivered");
        let oldest = deliveries[1]["event_id"].as_str().unwrap();
        let long_ago = "2020-01-01T00:00:00.000000Z";
        app.sql().run(&format!("UPDATE webhook_deliveries SET finished_at = '{long_ago}' WHERE event_id = '{oldest}'"));
        reprieve::jobs::deliverer::forget_old(&app.services).unwrap();
        let left = old.deliveries(&app.admin);
        assert_eq!((left.len(), &left[0]["event_id"]), (1, &deliveries[0]["event_id"]));
    }
}
