//! Alarms.

use super::*;

const ALARMS: &str = "/console/settings/alarms";

on_both! {
    fn an_open_alarm_tells_what_it_means_and_where_to_do_something(app: &TestApp) {
        let mut person = Person::admin(app);
        person.open(ALARMS);
        assert!(person.reads("No open alarms."), "{}", person.text());
        let id = raise(app, true, AlarmCode::PurgeBlocked, "one <b>entry</b>");
        person.open("/console/connections");
        assert!(person.page.text.contains("aria-label=\"Open alarm\"") && person.reads("Entries can't be purged."), "{}", person.text());
        person.open(ALARMS);
        assert!(person.reads("Entries can't be purged") && person.reads("one <b>entry</b>") && !person.page.text.contains("one <b>"), "{}", person.text());
        assert!(person.reads("They are tried again by themselves.") && person.links().contains(&"/console/trash".to_owned()));
        assert!(person.reads("the alarm ends when its cause does"));
        person.post(&format!("{ALARMS}/{id}/acknowledge"), &[]);
        assert!(person.reads("You took note of it: “Entries can't be purged”; it ends by itself when its cause does."), "{}", person.text());
        assert!(!person.page.text.contains("aria-label=\"Open alarm\""), "somebody looks after it: no page needs to say so");
        assert!(person.reads("Open, acknowledged") && person.reads("by test") && !person.page.text.contains("/acknowledge\""), "{}", person.text());
        app.services.store.write(|conn| service::resolve(conn, Some(app.org), AlarmCode::PurgeBlocked, "")).unwrap();
        person.open(ALARMS);
        assert!(person.reads("No open alarms.") && person.reads("Alarms that have ended") && person.reads("one <b>entry</b>"), "{}", person.text());
    }

    fn an_alarm_that_ends_with_a_word_says_so_and_ends(app: &TestApp) {
        let id = raise(app, true, AlarmCode::BackupOlderThanShred, "3 secrets were shredded again");
        let mut person = Person::admin(app);
        person.open(ALARMS);
        assert!(person.reads("Acknowledging ends this alarm."), "{}", person.text());
        person.post(&format!("{ALARMS}/{id}/acknowledge"), &[]);
        assert!(person.reads("shredded again”; it has ended.") && person.reads("No open alarms."), "{}", person.text());
    }

    fn an_alarm_of_the_service_is_acknowledged_by_who_runs_it(app: &TestApp) {
        let id = raise(app, false, AlarmCode::ErasureOverdue, "the service's");
        let mut person = Person::signed_in(app, app.client(&["alarms:read", "alarms:write"]).key());
        person.open(ALARMS);
        assert!(person.reads("Whoever runs the service acknowledges it") && !person.page.text.contains("/acknowledge\""), "{}", person.text());
        assert_eq!(person.post(&format!("{ALARMS}/{id}/acknowledge"), &[]).status, 403);
        let mut person = Person::admin(app);
        person.open(ALARMS);
        person.post(&format!("{ALARMS}/{id}/acknowledge"), &[]);
        assert!(person.reads("Open, acknowledged"), "{}", person.text());
    }

    fn links_lead_only_where_the_key_may_go(app: &TestApp) {
        raise(app, true, AlarmCode::Brake, "21 of 40");
        let mut person = Person::signed_in(app, app.client(&["alarms:read"]).key());
        person.open(ALARMS);
        assert!(person.reads("21 of 40") && !person.links().iter().any(|link| link.contains("retention")), "{:?}", person.links());
        let mut person = Person::admin(app);
        person.open(ALARMS);
        assert!(person.links().contains(&"/console/settings/retention#brakes".to_owned()));
    }
}
