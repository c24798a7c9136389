//! Thousands of entries: what counts them stops counting, what lists them finds each of them once.

use std::collections::BTreeSet;

use super::*;

/// So many more entries like this one, each with a connection of its own and all of them of the same moment.
fn copies(app: &TestApp, entry: &str, count: usize) {
    let mut sql = app.sql();
    let [entries, connections] =
        ["trash_entries", "trash_connections"].map(|table| sql.columns(table));
    let mut statements = Vec::new();
    for number in 0..count {
        let id = |kind: usize| format!("'019365f0-{kind:04}-7000-8000-{number:012}'");
        let (new, root) = (id(1), id(2));
        let values = |columns: &[String], own: &str| -> String {
            let value = |column: &String| match column.as_str() {
                "id" => own.to_owned(),
                "root_id" | "connection_id" => root.clone(),
                "entry_id" => new.clone(),
                "secrets_shredded" => "0".to_owned(),
                "shredded_at" | "erased_at" | "key_epoch" => "NULL".to_owned(),
                same => same.to_owned(),
            };
            columns.iter().map(value).collect::<Vec<_>>().join(", ")
        };
        for (table, columns, own, like) in [
            ("trash_entries", &entries, &new, "id"),
            ("trash_connections", &connections, &root, "entry_id"),
        ] {
            statements.push(format!(
                "INSERT INTO {table} ({}) SELECT {} FROM {table} WHERE {like} = '{entry}';",
                columns.join(", "),
                values(columns, own)
            ));
        }
    }
    sql.run(&format!("BEGIN; {} COMMIT", statements.concat()));
}

/// The ids of a whole list, page by page.
fn walked(app: &TestApp, query: &str) -> Vec<String> {
    let (mut ids, mut token) = (Vec::new(), String::new());
    loop {
        let page = app
            .admin
            .get(&format!("/v1/trash?page_size=200&{query}{token}"))
            .ok(200);
        ids.extend(page["data"].as_array().unwrap().iter().map(id));
        match page["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => return ids,
        }
    }
}

on_both! {
    fn up_to_a_thousand_is_counted_and_beyond_it_is_a_thousand_and_more(app: &TestApp) {
        let entry = deleted(app, "one of many");
        copies(app, &entry, 999);
        let mut person = Person::admin(app);
        person.open("/console/trash");
        assert!(person.reads("Trash 1,000 Activity"), "{}", person.text());
        assert!(person.reads("All 1,000 Connections 1,000 Models 0 Content 0"), "{}", person.text());
        deleted(app, "one more");
        person.open("/console/trash");
        assert!(person.reads("Trash 1,000+ Activity"), "{}", person.text());
        assert!(person.reads("All 1,000+ Connections 1,000+ Models 0 Content 0"), "{}", person.text());
        // The picture and the API count them all.
        assert!(person.reads("To be purged in the next 30 days: 1,001 entries"), "{}", person.text());
        assert_eq!(app.admin.get("/v1/trash/summary").ok(200)["entries"]["connection"], 1_001);
        person.open("/console/connections");
        assert!(person.reads("Trash 1,000+ Activity"), "{}", person.text());
        person.open("/console/settings/retention");
        assert!(person.reads("what is in the trash already (1,000+ entries)"), "{}", person.text());
    }

    fn every_entry_is_on_one_page_though_all_are_of_one_moment(app: &TestApp) {
        let entry = deleted(app, "one of many");
        copies(app, &entry, 450);
        let all: BTreeSet<String> = app.sql().lines("SELECT CAST(id AS text) AS line FROM trash_entries").into_iter().collect();
        assert_eq!(all.len(), 451);
        for order in ["sort=purge_at", "sort=deleted_at"] {
            let ids = walked(app, order);
            assert_eq!(ids.len(), 451, "{order}");
            assert_eq!(ids.iter().cloned().collect::<BTreeSet<_>>(), all, "{order}");
        }
    }
}
