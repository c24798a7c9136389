//! A sealed record opens at its own place only: what someone with write access to the database moves, changes or
//! puts back does not open, and harms no other connection.

use super::database::{execute, overwrite_record, record_of, texts};
use crate::support::*;

/// A connection with two secrets; its id.
fn create(app: &TestApp, name: &str) -> String {
    let mut body = postgres_connection(name);
    body["secrets"] =
        json!({"password": format!("{name} password"), "extra": format!("{name} extra")});
    app.admin.post("/v1/connections", &body).ok(201)["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn secrets(app: &TestApp, id: &str) -> Reply {
    app.admin.get(&format!("/v1/connections/{id}/secrets"))
}

#[track_caller]
fn opens(app: &TestApp, id: &str) {
    secrets(app, id).ok(200);
}

#[track_caller]
fn does_not_open(app: &TestApp, id: &str, field: &str) {
    let problem = secrets(app, id).problem(409, "needs_credentials");
    assert_eq!(problem["missing"], json!([field]));
}

fn record_id(app: &TestApp, owner: &str, field: &str) -> String {
    let sql = "SELECT CAST(record_id AS text) AS value FROM secrets WHERE CAST(owner_id AS text)";
    texts(app, &format!("{sql} = '{owner}' AND field = '{field}'"))[0].clone()
}

fn set_record_id(app: &TestApp, owner: &str, field: &str, id: &str) {
    let place = format!("CAST(owner_id AS text) = '{owner}' AND field = '{field}'");
    execute(
        app,
        &format!("UPDATE secrets SET record_id = '{id}' WHERE {place}"),
    );
    assert_eq!(record_id(app, owner, field), id);
}

on_both! {
    fn a_record_moved_to_another_connection_or_field_does_not_open(app: &TestApp) {
        let (mine, other) = (create(app, "mine"), create(app, "other"));
        let (source, id) = (record_of(app, &mine, "password"), record_id(app, &mine, "password"));
        for (owner, field, untouched) in [(&other, "password", &mine), (&mine, "extra", &other)] {
            let (own, own_id) = (record_of(app, owner, field), record_id(app, owner, field));
            overwrite_record(app, owner, field, &source);
            does_not_open(app, owner, field);
            // Nor when it brings its record id along: its owner and field alone hold it in place.
            set_record_id(app, owner, field, &id);
            does_not_open(app, owner, field);
            opens(app, untouched);
            overwrite_record(app, owner, field, &own);
            set_record_id(app, owner, field, &own_id);
            opens(app, owner);
        }
    }

    fn a_changed_or_cut_record_does_not_open(app: &TestApp) {
        let (mine, other) = (create(app, "mine"), create(app, "other"));
        let whole = record_of(app, &mine, "password");
        assert_eq!(whole.len(), 256);
        // One byte of each part: format, epoch, nonces, wrapped key, tags, ciphertext, padding.
        for position in [0, 4, 5, 20, 50, 65, 80, 120, 230, 255] {
            let mut record = whole.clone();
            record[position] ^= 1;
            overwrite_record(app, &mine, "password", &record);
            does_not_open(app, &mine, "password");
        }
        for length in [0, 1, 255] {
            overwrite_record(app, &mine, "password", &whole[..length]);
            does_not_open(app, &mine, "password");
        }
        opens(app, &other);
        overwrite_record(app, &mine, "password", &whole);
        opens(app, &mine);
    }

    fn an_old_record_put_back_after_a_restore_does_not_open(app: &TestApp) {
        let (mine, other) = (create(app, "mine"), create(app, "other"));
        let (old, old_id) = (record_of(app, &mine, "password"), record_id(app, &mine, "password"));

        // Within one life of the connection, a value that was replaced.
        let path = format!("/v1/connections/{mine}/secrets");
        app.admin.put(&path, &json!({"secrets": {"password": "second", "extra": null}})).ok(200);
        let second = record_of(app, &mine, "password");
        overwrite_record(app, &mine, "password", &old);
        does_not_open(app, &mine, "password");
        overwrite_record(app, &mine, "password", &second);
        opens(app, &mine);
        let second_id = record_id(app, &mine, "password");

        // After its deletion and restore, with everything beside the generation put back too.
        let entry = app.delete_connection(&mine);
        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        app.admin.put(&path, &json!({"secrets": {"password": "third"}})).ok(200);
        for (record, id) in [(&old, &old_id), (&second, &second_id)] {
            overwrite_record(app, &mine, "password", record);
            set_record_id(app, &mine, "password", id);
            execute(app, "UPDATE secrets SET generation = 1");
            does_not_open(app, &mine, "password");
        }
        opens(app, &other);

        app.admin.put(&path, &json!({"secrets": {"password": "fourth"}})).ok(200);
        assert_eq!(secrets(app, &mine).ok(200)["secrets"], json!({"password": "fourth"}));
    }
}
