//! Alarms: one for each cause, seen by those it concerns, acknowledged by those who may.

use reprieve::domain::alarms::AlarmCode;
use reprieve::service::alarms as service;

use super::*;

fn raise(app: &TestApp, ours: bool, code: AlarmCode, detail: &str) -> bool {
    let org = ours.then_some(app.org);
    app.services
        .store
        .write(|conn| service::raise(conn, org, code, "", detail))
        .unwrap()
}

on_both! {
    fn one_cause_is_one_alarm_until_it_ends(app: &TestApp) {
        assert!(raise(app, true, AlarmCode::PurgeBlocked, "one entry"));
        assert!(!raise(app, true, AlarmCode::PurgeBlocked, "two entries"));
        let list = app.admin.get("/v1/alarms").ok(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
        let alarm = &list["data"][0];
        assert_eq!((&alarm["detail"], &alarm["of_service"]), (&json!("two entries"), &json!(false)));
        assert!(!alarm["next"].as_str().unwrap().is_empty());
        app.services.store.write(|conn| service::resolve(conn, Some(app.org), AlarmCode::PurgeBlocked, "")).unwrap();
        assert!(alarms(app).is_empty());
        assert!(app.admin.get("/v1/alarms?state=resolved").ok(200)["data"][0]["resolved_at"].is_string());
        assert!(raise(app, true, AlarmCode::PurgeBlocked, "again"));
        assert_eq!(app.admin.get("/v1/alarms?state=any").ok(200)["data"].as_array().unwrap().len(), 2);
        let first = app.admin.get("/v1/alarms?state=any&page_size=1").ok(200);
        let token = first["next_page_token"].as_str().unwrap();
        let second = app.admin.get(&format!("/v1/alarms?state=any&page_size=1&page_token={token}")).ok(200);
        assert_ne!(ids(&first), ids(&second));
    }

    fn alarms_of_others_are_not_seen_those_of_the_service_are(app: &TestApp) {
        raise(app, true, AlarmCode::PurgeBlocked, "ours");
        raise(app, false, AlarmCode::ErasureOverdue, "the service's");
        let other = app.other_organization("other");
        let theirs = other.get("/v1/alarms").ok(200);
        assert_eq!(theirs["data"].as_array().unwrap().len(), 1);
        assert_eq!(theirs["data"][0]["of_service"], true);
        let service_id = id(&theirs["data"][0]);
        let path = |id: &str| format!("/v1/alarms/{id}/acknowledge");
        other.post(&path(&service_id), &json!({})).problem(403, "missing_scope");
        let ours = app.admin.get("/v1/alarms").ok(200)["data"].as_array().unwrap().iter()
            .find(|alarm| alarm["of_service"] == false).map(id).unwrap();
        other.post(&path(&ours), &json!({})).problem(404, "not_found");
        app.client(&["alarms:read"]).post(&path(&ours), &json!({})).problem(403, "missing_scope");
        let taken = app.admin.with("reprieve-actor", "id=ann; name=Ann").post(&path(&ours), &json!({})).ok(200);
        assert_eq!(taken["acknowledged_by"], json!({"id": "ann", "name": "Ann"}));
        assert!(taken["resolved_at"].is_null(), "its cause still stands");
        app.admin.post(&path(&service_id), &json!({})).ok(200);
        assert_eq!(count(app, "audit_events", "action = 'alarm.acknowledged'"), 2);
    }

    fn a_backup_put_back_is_told_until_somebody_takes_note(app: &TestApp) {
        raise(app, true, AlarmCode::BackupOlderThanShred, "3 secrets were shredded again");
        let alarm = app.admin.get("/v1/alarms").ok(200);
        app.admin.post(&format!("/v1/alarms/{}/acknowledge", id(&alarm["data"][0])), &json!({})).ok(200);
        assert!(alarms(app).is_empty());
    }
}
