//! Entries that are purged soon are announced: a week and a day before.

use reprieve::domain::clock::Ts;
use reprieve::service::watch;

use super::*;

/// Moves the purge of an entry, and its deletion to 30 days before that.
fn due_in(app: &TestApp, entry: &str, hours: i64) {
    let at = |ts: Ts| ts.to_string();
    let purge_at = Ts::now().plus(chrono::Duration::hours(hours));
    app.sql().run(&format!(
        "UPDATE trash_entries SET purge_at = '{}', deleted_at = '{}' WHERE id = '{entry}'",
        at(purge_at),
        at(purge_at.plus(-chrono::Duration::days(30)))
    ));
}

/// The warnings that were given: entry and days.
fn warned(app: &TestApp) -> Vec<(String, i64)> {
    watch::round(&app.services).unwrap();
    let (events, _) = feed(app, "0", "&type=trash.purge_soon");
    events
        .iter()
        .map(|event| {
            (
                event["entry_id"].as_str().unwrap().to_owned(),
                event["detail"]["days"].as_i64().unwrap(),
            )
        })
        .collect()
}

on_both! {
    fn a_week_and_a_day_before_its_purge_an_entry_is_announced_once(app: &TestApp) {
        let entry = app.delete_connection(&app.sample_connection("prod"));
        assert_eq!(warned(app), []);
        due_in(app, &entry, 6 * 24);
        let week = (entry.clone(), 7);
        assert_eq!(warned(app), std::slice::from_ref(&week));
        assert_eq!(warned(app), std::slice::from_ref(&week));
        due_in(app, &entry, 20);
        // The date is another one, so it is told of both.
        assert_eq!(warned(app), [week.clone(), week.clone(), (entry.clone(), 1)]);
        assert_eq!(warned(app).len(), 3);
        let (events, _) = feed(app, "0", "&type=trash.purge_soon");
        assert_eq!(events[2]["detail"]["name"], "prod");
        assert_eq!(events[2]["detail"]["rows"]["content"], 4);
    }

    fn what_is_held_restored_or_never_lives_that_long_is_not(app: &TestApp) {
        let held = app.delete_connection(&app.sample_connection("held"));
        due_in(app, &held, 20);
        app.admin.post(&format!("/v1/trash/{held}/holds"), &json!({"reason": "audit"})).ok(201);
        let restored = app.delete_connection(&app.sample_connection("restored"));
        due_in(app, &restored, 20);
        app.admin.post(&format!("/v1/trash/{restored}/restore"), &json!({})).ok(200);
        app.admin.put("/v1/retention", &json!({"retention_days": 3})).ok(200);
        let short = app.delete_connection(&app.sample_connection("short"));
        assert_eq!(warned(app), []);
        // A day before is still news.
        let purge_at = Ts::now().plus(chrono::Duration::hours(20));
        let deleted_at = purge_at.plus(-chrono::Duration::days(3));
        app.sql().run(&format!("UPDATE trash_entries SET purge_at = '{purge_at}', deleted_at = '{deleted_at}' WHERE id = '{short}'"));
        assert_eq!(warned(app), [(short, 1)]);
    }

    fn several_who_watch_at_once_tell_once(app: &TestApp) {
        for n in 0..20 {
            let entry = app.delete_connection(&app.sample_connection(&format!("c{n}")));
            due_in(app, &entry, 6 * 24);
        }
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| watch::round(&app.services).unwrap());
            }
        });
        assert_eq!(warned(app).len(), 20);
    }
}
