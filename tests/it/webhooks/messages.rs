//! What arrives, and what does not.

use super::*;

on_both! {
    fn an_event_arrives_as_the_feed_has_it_signed_and_under_its_id(app: &TestApp) {
        let receiver = Receiver::start(&[TAKEN]);
        let endpoint = endpoint(&app.admin, &receiver, &["connection.trashed"]);
        let id = connect(&app.admin, "warehouse");
        let entry = app.delete_connection(&id);
        let got = receiver.waits_for_type("connection.trashed");
        assert_eq!(got.line, "POST /in?channel=1 HTTP/1.1");
        assert_eq!(got.header("content-type"), "application/json");
        assert_eq!(got.header("user-agent"), concat!("Reprieve/", env!("CARGO_PKG_VERSION")));
        assert_eq!((got.signatures_by(&endpoint.secret), got.signatures()), (1, 1));
        let message = got.json();
        let events = app.admin.get("/v1/events?type=connection.trashed").ok(200);
        assert_eq!(message["data"], events["data"][0]);
        assert_eq!(message["timestamp"], message["data"]["at"]);
        assert_eq!(got.id(), format!("evt_{}", message["data"]["id"].as_str().unwrap()));
        assert_eq!((&message["data"]["entry_id"], &message["data"]["subject"]["id"]), (&json!(entry), &json!(id)));
        let [delivery] = &endpoint.waits_until_all_are(app, "delivered")[..] else { panic!() };
        assert_eq!((&delivery["attempts"], &delivery["outcome"], &delivery["status"]), (&json!(1), &json!("delivered"), &json!(204)));
        assert_eq!(delivery["event_id"], message["data"]["id"]);
        assert!(endpoint.view(app)["last_delivered_at"].is_string());
        assert_eq!(receiver.got().len(), 1, "a delivery is one message");
    }

    fn a_changed_byte_breaks_the_signature(app: &TestApp) {
        let receiver = Receiver::start(&[TAKEN]);
        let endpoint = endpoint(&app.admin, &receiver, &["connection.*"]);
        connect(&app.admin, "warehouse");
        let mut got = receiver.waits_for(1).remove(0);
        assert_eq!(got.signatures_by(&endpoint.secret), 1);
        got.body[0] ^= 1;
        assert_eq!(got.signatures_by(&endpoint.secret), 0);
    }

    fn every_committed_change_arrives_and_no_refused_one(app: &TestApp) {
        wait_until_sealed(app);
        let before = feed(&app.admin);
        let receiver = Receiver::start(&[TAKEN]);
        let endpoint = endpoint(&app.admin, &receiver, &[]);
        let mut protected = postgres_connection("protected");
        protected["deletion_protection"] = json!(true);
        let protected = app.admin.post("/v1/connections", &protected).ok(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/connections/{protected}");
        app.admin.delete(&path).problem(409, "deletion_protected");
        app.admin.with("if-match", "\"99\"").patch(&path, &json!({"name": "other"})).problem(412, "version_mismatch");
        app.admin.post("/v1/connections", &postgres_connection("protected")).problem(409, "external_id_taken");
        for name in ["a", "b", "c"] {
            let id = connect(&app.admin, name);
            let entry = app.delete_connection(&id);
            app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        }
        // The last of all: what comes before it in the feed was handed out before it or with it.
        let last = connect(&app.admin, "last");
        TestApp::wait_for("the last event", || {
            receiver.got().iter().any(|got| got.json()["data"]["subject"]["id"] == last.as_str())
        });
        wait_until_sealed(app);
        let since: BTreeSet<String> = feed(&app.admin).difference(&before).cloned().collect();
        TestApp::wait_for("every event", || ids_of(&receiver.got()) == since);
        endpoint.waits_until_all_are(app, "delivered");
        assert!(since.len() >= 11, "{since:?}");
        assert_eq!(receiver.got().len(), since.len(), "each once");
        assert!(receiver.got().iter().all(|got| !got.json().to_string().contains("\"other\"")));
    }

    fn an_endpoint_is_told_of_its_types_and_families_alone(app: &TestApp) {
        let (one, other) = (Receiver::start(&[TAKEN]), Receiver::start(&[TAKEN]));
        endpoint(&app.admin, &one, &["trash.held", "connection.restored"]);
        endpoint(&app.admin, &other, &["trash.*"]);
        let entry = app.delete_connection(&connect(&app.admin, "warehouse"));
        let hold = app.admin.post(&format!("/v1/trash/{entry}/holds"), &json!({"reason": "look"})).ok(201);
        app.admin.delete(&format!("/v1/trash/{entry}/holds/{}", hold["id"].as_str().unwrap())).ok(200);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        // Deliveries go side by side: the last event need not be the last to arrive.
        for (receiver, types) in [(&one, ["trash.held", "connection.restored"]), (&other, ["trash.held", "trash.hold_released"])] {
            for type_ in types {
                receiver.waits_for_type(type_);
            }
        }
        let types = |receiver: &Receiver| -> BTreeSet<String> {
            receiver.got().iter().map(|got| got.json()["type"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(types(&one), ["connection.restored", "trash.held"].map(str::to_owned).into());
        assert_eq!(types(&other), ["trash.held", "trash.hold_released"].map(str::to_owned).into());
    }

    fn a_chat_tool_gets_a_sentence_in_which_a_name_does_nothing(app: &TestApp) {
        let receiver = Receiver::start(&[TAKEN]);
        let body = json!({"url": receiver.url(), "format": "text", "types": ["connection.trashed"]});
        let endpoint = endpoint_with(&app.admin, &body);
        app.delete_connection(&connect(&app.admin, "<!channel> & @all"));
        let got = receiver.waits_for(1).remove(0);
        let message = got.json();
        assert_eq!(message.as_object().unwrap().keys().collect::<Vec<_>>(), ["text"]);
        let text = message["text"].as_str().unwrap();
        assert!(text.contains("deleted the connection &lt;!channel&gt; &amp; @\u{200b}all."), "{text}");
        assert!(text.contains("It is in the trash until 20"), "{text}");
        assert_eq!(got.signatures_by(&endpoint.secret), 1);
    }

    fn no_message_holds_a_secret(app: &TestApp) {
        let canary = format!("cAnArY{}", uuid::Uuid::new_v4().simple());
        let (standard, text) = (Receiver::start(&[TAKEN]), Receiver::start(&[TAKEN]));
        let first = endpoint(&app.admin, &standard, &[]);
        let second = endpoint_with(&app.admin, &json!({"url": text.url(), "format": "text"}));
        let mut body = postgres_connection("canary");
        body["secrets"]["password"] = json!(canary);
        let id = app.admin.post("/v1/connections", &body).ok(201)["id"].as_str().unwrap().to_owned();
        app.admin.put(&format!("/v1/connections/{id}/secrets"), &json!({"secrets": {"password": format!("{canary}2")}})).ok(200);
        let entry = app.delete_connection(&id);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        standard.waits_for_type("connection.restored");
        for endpoint in [&first, &second] {
            endpoint.waits_until_all_are(app, "delivered");
        }
        let all = [standard.got(), text.got()].concat();
        assert!(all.len() >= 8, "{}", all.len());
        let kept = app.sql().lines("SELECT body AS line FROM webhook_deliveries");
        assert!(kept.len() >= 8);
        for got in &all {
            let said = format!("{:?} {}", got.headers, String::from_utf8_lossy(&got.body));
            assert!(!said.contains(&canary) && !said.contains(&first.secret) && !said.contains(&second.secret), "{said}");
        }
        assert!(!kept.concat().contains(&canary));
    }

    fn another_organization_is_told_nothing_and_sees_nothing(app: &TestApp) {
        let (ours, theirs) = (Receiver::start(&[TAKEN]), Receiver::start(&[TAKEN]));
        let other = app.other_organization("other");
        let mine = endpoint(&app.admin, &ours, &["connection.*"]);
        endpoint(&other, &theirs, &["connection.*"]);
        connect(&app.admin, "mine");
        connect(&other, "theirs");
        let (got, their_got) = (ours.waits_for(1), theirs.waits_for(1));
        assert_eq!((&got[0].json()["data"]["detail"]["name"], got.len()), (&json!("mine"), 1));
        assert_eq!((&their_got[0].json()["data"]["detail"]["name"], their_got.len()), (&json!("theirs"), 1));
        assert_eq!(other.get("/v1/webhooks").ok(200)["data"].as_array().unwrap().len(), 1);
        for reply in [
            other.get(&mine.path()),
            other.get(&format!("{}/deliveries", mine.path())),
            other.delete(&mine.path()),
            other.patch(&mine.path(), &json!({"url": theirs.url()})),
            other.post(&format!("{}/rotate-secret", mine.path()), &json!({})),
            other.post(&format!("{}/test", mine.path()), &json!({})),
        ] {
            reply.problem(404, "not_found");
        }
        mine.waits_until_all_are(app, "delivered");
    }
}
