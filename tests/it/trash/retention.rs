//! `purge_at`: written once, at the deletion, and never earlier for having been restored in between.

use super::*;

/// Sets the retention past the service's own checks.
fn retain(app: &TestApp, days: i32) {
    sql(
        app,
        &format!(
            "UPDATE organizations SET retention_days = {days} WHERE id = '{}'",
            app.org
        ),
    );
}

/// How many days after its deletion an entry goes.
fn days(entry: &Value) -> i64 {
    let moment =
        |field: &str| chrono::DateTime::parse_from_rfc3339(entry[field].as_str().unwrap()).unwrap();
    (moment("purge_at") - moment("deleted_at")).num_days()
}

on_both! {
    fn the_retention_of_the_day_of_the_deletion_counts(app: &TestApp) {
        let id = connection(app, "prod");
        let first = delete(app, &format!("connections/{id}"));
        let promised = entry(app, &first);
        assert_eq!(days(&promised), 30);
        retain(app, 7);
        assert_eq!(entry(app, &first)["purge_at"], promised["purge_at"]);
        let id = connection(app, "other");
        assert_eq!(days(&entry(app, &delete(app, &format!("connections/{id}")))), 7);
    }

    fn deleting_again_never_brings_the_purge_nearer(app: &TestApp) {
        let id = connection(app, "prod");
        let model = model(app, &id, "M", json!({}));
        let content = content(app, &id, "K", json!({}));
        for root in [format!("content/{content}"), format!("models/{model}"), format!("connections/{id}")] {
            retain(app, 30);
            let first = delete(app, &root);
            let promised = entry(app, &first)["purge_at"].as_str().unwrap().to_owned();
            restore(app, &first);
            retain(app, 1);
            for _ in 0..2 {
                let again = delete(app, &root);
                assert_eq!(entry(app, &again)["purge_at"], promised);
                restore(app, &again);
            }
            retain(app, 60);
            let later = delete(app, &root);
            assert_eq!(days(&entry(app, &later)), 60);
            restore(app, &later);
        }
    }

    fn a_retention_that_makes_no_sense_keeps_the_longest(app: &TestApp) {
        for wrong in [0, -1, i32::MIN, 3_651, i32::MAX] {
            retain(app, wrong);
            let id = connection(app, &format!("prod {wrong}"));
            let entry_id = delete(app, &format!("connections/{id}"));
            assert_eq!(days(&entry(app, &entry_id)), 3_650, "{wrong}");
        }
    }
}
