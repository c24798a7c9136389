//! The list of the trash: its filters, each alone and against what an entry says of itself.

use super::*;

/// Sets when an entry was deleted and when it goes.
fn date(app: &TestApp, entry: &str, deleted: &str, purge: &str) {
    sql(
        app,
        &format!(
            "UPDATE trash_entries SET deleted_at = '{deleted}T00:00:00.000000Z', purge_at = '{purge}T00:00:00.000000Z' WHERE id = '{entry}'"
        ),
    );
}

on_both! {
    fn entries_are_found_by_the_kind_of_their_root(app: &TestApp) {
        let id = connection(app, "prod");
        let model = model(app, &id, "M", json!({}));
        let content = content(app, &id, "K", json!({}));
        let of_content = delete(app, &format!("content/{content}"));
        let of_model = delete(app, &format!("models/{model}"));
        let of_connection = delete(app, &format!("connections/{id}"));
        assert_eq!(listed(app, "kind=content"), [of_content.as_str()]);
        assert_eq!(listed(app, "kind=model"), [of_model.as_str()]);
        assert_eq!(listed(app, "kind=connection"), [of_connection.as_str()]);
        assert_eq!(listed(app, ""), [of_connection, of_model, of_content]);
        app.admin.get("/v1/trash?kind=chart").problem(422, "invalid_input");
    }

    fn entries_are_found_by_a_part_of_their_name_taken_literally(app: &TestApp) {
        let mut entries = BTreeMap::new();
        for name in ["Größe ÄÖÜ", "100% sure", "100 sure", "snake_case", "snakeXcase", "back\\slash", "it's \"x\"", "ΣΊΣΥΦΟΣ"] {
            let id = connection(app, name);
            entries.insert(name, delete(app, &format!("connections/{id}")));
        }
        for (q, found) in [
            ("GRÖSSE", "Größe ÄÖÜ"),
            ("äöü", "Größe ÄÖÜ"),
            ("o\u{308}u\u{308}", "Größe ÄÖÜ"),
            ("0%", "100% sure"),
            ("e_c", "snake_case"),
            ("k\\s", "back\\slash"),
            ("'s \"", "it's \"x\""),
            ("σίσυφος", "ΣΊΣΥΦΟΣ"),
        ] {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", q).finish();
            assert_eq!(listed(app, &query), [entries[found].as_str()], "{q}");
        }
        assert_eq!(listed(app, "q=100").len(), 2);
        assert_eq!(listed(app, "q=").len(), 8);
        assert_eq!(listed(app, "q=nothing").len(), 0);
    }

    fn entries_are_found_by_who_deleted_them(app: &TestApp) {
        let mut by = BTreeMap::new();
        for person in ["u-1", "u-2"] {
            let id = connection(app, person);
            let actor = app.admin.with("reprieve-actor", &format!("id={person}"));
            by.insert(person, super::id(&actor.delete(&format!("/v1/connections/{id}")).ok(200)));
        }
        assert_eq!(listed(app, "deleted_by=u-1"), [by["u-1"].as_str()]);
        assert_eq!(listed(app, "deleted_by=u-2&kind=connection"), [by["u-2"].as_str()]);
        assert_eq!(listed(app, "deleted_by=u"), [""; 0]);
    }

    fn entries_are_found_by_their_dates(app: &TestApp) {
        let entries: Vec<String> = ["a", "b", "c"]
            .iter()
            .map(|name| {
                let id = connection(app, name);
                delete(app, &format!("connections/{id}"))
            })
            .collect();
        let [a, b, c] = entries.as_slice() else { panic!() };
        date(app, a, "2026-01-01", "2026-09-01");
        date(app, b, "2026-02-01", "2026-07-01");
        date(app, c, "2026-03-01", "2026-08-01");
        assert_eq!(listed(app, ""), [c.as_str(), b, a]);
        assert_eq!(listed(app, "sort=deleted_at"), [c.as_str(), b, a]);
        assert_eq!(listed(app, "sort=purge_at"), [b.as_str(), c, a]);
        // From this moment on, and before that one.
        assert_eq!(listed(app, "deleted_after=2026-02-01T00:00:00Z"), [c.as_str(), b]);
        assert_eq!(listed(app, "deleted_before=2026-02-01T00:00:00Z"), [a.as_str()]);
        assert_eq!(listed(app, "deleted_after=2026-02-01T01:00:00%2B02:00&deleted_before=2026-03-01T00:00:00Z"), [b.as_str()]);
        assert_eq!(listed(app, "purge_before=2026-08-01T00:00:00Z"), [b.as_str()]);
        assert_eq!(listed(app, "purge_before=2026-08-01T00:00:00.000001Z&sort=purge_at"), [b.as_str(), c]);
        app.admin.get("/v1/trash?purge_before=tomorrow").problem(422, "invalid_input");
        app.admin.get("/v1/trash?sort=name").problem(422, "invalid_input");
    }

    fn held_entries_are_found_while_their_hold_lasts(app: &TestApp) {
        let entries: Vec<String> = ["held", "held till later", "no longer held", "free"]
            .iter()
            .map(|name| {
                let id = connection(app, name);
                delete(app, &format!("connections/{id}"))
            })
            .collect();
        hold(app, &entries[0], "NULL");
        hold(app, &entries[0], "NULL");
        hold(app, &entries[1], "'2999-01-01T00:00:00.000000Z'");
        hold(app, &entries[2], "'2020-01-01T00:00:00.000000Z'");
        assert_eq!(listed(app, "held=true"), [entries[1].as_str(), &entries[0]]);
        assert_eq!(listed(app, "held=false"), [entries[3].as_str(), &entries[2]]);
        let page = app.admin.get("/v1/trash").ok(200);
        let shown: Vec<bool> = page["data"].as_array().unwrap().iter().map(|entry| entry["held"].as_bool().unwrap()).collect();
        assert_eq!(shown, [false, false, true, true]);
        app.admin.get("/v1/trash?held=maybe").problem(422, "invalid_input");
        // A closed entry is held by nothing, and says so in the list and in the filter.
        restore(app, &entries[0]);
        assert_eq!(listed(app, "held=true&state=any"), [entries[1].as_str()]);
    }

    fn the_list_and_the_entries_agree_on_what_can_be_restored(app: &TestApp) {
        let one = connection(app, "one");
        let base = model(app, &one, "base", json!({}));
        let extension = model(app, &one, "extension", json!({"base_model_id": base}));
        let nested = content(app, &one, "nested", json!({"model_id": extension, "external_id": "n"}));
        let taken = content(app, &one, "taken", json!({"external_id": "t"}));
        let free = content(app, &one, "free", json!({"external_id": "f"}));
        let two = connection(app, "two");
        let lonely = content(app, &two, "lonely", json!({}));
        let three = connection(app, "three");
        let orphan = model(app, &three, "orphan", json!({}));
        for root in [
            format!("content/{nested}"),
            format!("content/{taken}"),
            format!("content/{free}"),
            format!("models/{extension}"),
            format!("models/{base}"),
            format!("content/{lonely}"),
            format!("connections/{two}"),
            format!("models/{orphan}"),
        ] {
            delete(app, &root);
        }
        content(app, &one, "taker", json!({"external_id": "t"}));
        connection(app, "two");
        let of_three = delete(app, &format!("connections/{three}"));
        purge(app, &of_three, "three");
        let four = connection(app, "four");
        delete(app, &format!("connections/{four}"));
        let five = connection(app, "five");
        restore(app, &delete(app, &format!("connections/{five}")));

        let all = app.admin.get("/v1/trash?state=any").ok(200);
        let mut restorable = Vec::new();
        for row in all["data"].as_array().unwrap() {
            let alone = entry(app, &id(row));
            assert_eq!(alone["restorable"], row["restorable"], "{alone}");
            assert_eq!(row["restorable"], json!(blocker_codes(&alone).is_empty()), "{alone}");
            if alone["restorable"] == true {
                restorable.push(id(row));
            }
        }
        assert_eq!(restorable.len(), 3);
        assert_eq!(listed(app, "restorable=true&state=any"), restorable);
        assert_eq!(listed(app, "restorable=false&state=any").len(), ids(&all).len() - 3);
        let names: Vec<String> = restorable.iter().map(|id| entry(app, id)["root"]["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names, ["four", "base", "free"]);
    }

    fn entries_are_found_by_their_state(app: &TestApp) {
        let entries: Vec<String> = ["trashed", "restored", "purged"]
            .iter()
            .map(|name| {
                let id = connection(app, name);
                delete(app, &format!("connections/{id}"))
            })
            .collect();
        let [trashed, restored, purged] = entries.as_slice() else { panic!() };
        restore(app, restored);
        purge(app, purged, "purged");
        assert_eq!(listed(app, ""), [trashed.as_str()]);
        assert_eq!(listed(app, "state=in_trash"), [trashed.as_str()]);
        assert_eq!(listed(app, "state=restored"), [restored.as_str()]);
        assert_eq!(listed(app, "state=purged"), [purged.as_str()]);
        assert_eq!(listed(app, "state=purging"), [""; 0]);
        assert_eq!(listed(app, "state=any"), [purged.as_str(), restored, trashed]);
        app.admin.get("/v1/trash?state=gone").problem(422, "invalid_input");
    }
}
