//! Two requests of which exactly one may win.

use serde_json::Value;

use super::{Call, Contest, id_of};
use crate::support::*;

/// Who won how often; the other must be refused in the right way. It goes on until both have won a few times.
struct Duel {
    contest: Contest,
    wins: [usize; 2],
}

impl Duel {
    fn new() -> Self {
        Self {
            contest: Contest::new(24),
            wins: [0; 2],
        }
    }

    #[track_caller]
    fn next_round(&mut self) -> Option<u64> {
        let enough = self.wins.iter().all(|wins| *wins >= 3);
        self.contest.next_round(enough, &self.wins)
    }

    fn race(&self, calls: &[Call<'_>]) -> Vec<Reply> {
        self.contest.race(calls)
    }

    /// Which of the two won.
    #[track_caller]
    fn judge(&mut self, seed: u64, replies: &[Reply], refusals: [(u16, &str); 2]) -> usize {
        let won: Vec<bool> = replies.iter().map(|reply| reply.status < 300).collect();
        assert_eq!(
            won.iter().filter(|won| **won).count(),
            1,
            "seed {seed}: {replies:#?}"
        );
        let winner = usize::from(won[1]);
        let (status, code) = refusals[1 - winner];
        replies[1 - winner].problem(status, code);
        self.wins[winner] += 1;
        self.contest.saw(1 - winner, winner);
        winner
    }
}

on_both! {
    fn restore_or_purge_wins_and_the_other_is_told(app: &TestApp) {
        let mut duel = Duel::new();
        while let Some(seed) = duel.next_round() {
            let name = format!("duel {seed}");
            let id = app.sample_connection(&name);
            let entry = format!("/v1/trash/{}", app.delete_connection(&id));
            let calls: Vec<Call<'_>> = vec![
                Box::new(|| app.admin.post(&format!("{entry}/restore"), &json!({}))),
                Box::new(|| app.admin.post(&format!("{entry}/purge"), &json!({"confirm": name}))),
            ];
            let replies = duel.race(&calls);
            let winner = duel.judge(seed, &replies, [(409, "entry_closed"), (409, "entry_closed")]);
            let state = app.admin.get(&entry).ok(200)["state"].clone();
            let mut sql = app.sql();
            let live = sql.count(&format!("connections WHERE id = '{id}'"));
            let children = sql.count(&format!("models WHERE connection_id = '{id}'"))
                + sql.count(&format!("content WHERE connection_id = '{id}'"));
            assert_eq!(sql.count("trash_connections") + sql.count("trash_content") + sql.count("trash_models"), 0);
            if winner == 0 {
                assert_eq!((state, live, children), (json!("restored"), 1, 7), "seed {seed}");
            } else {
                assert_eq!((state, live, children), (json!("purged"), 0, 0), "seed {seed}");
            }
        }
    }

    fn of_two_deletions_one_makes_the_entry(app: &TestApp) {
        let mut duel = Duel::new();
        while let Some(seed) = duel.next_round() {
            let path = format!("/v1/connections/{}", app.sample_connection(&format!("twice {seed}")));
            let calls: Vec<Call<'_>> = vec![Box::new(|| app.admin.delete(&path)), Box::new(|| app.admin.delete(&path))];
            let replies = duel.race(&calls);
            let winner = duel.judge(seed, &replies, [(410, "in_trash"), (410, "in_trash")]);
            assert_eq!(replies[1 - winner].json()["entry_id"], replies[winner].json()["id"], "seed {seed}");
        }
        let deletions = i64::try_from(duel.wins.iter().sum::<usize>()).unwrap();
        assert_eq!(app.sql().count("trash_entries"), deletions);
    }

    fn of_two_restores_one_brings_the_rows_back(app: &TestApp) {
        let mut duel = Duel::new();
        while let Some(seed) = duel.next_round() {
            let id = app.sample_connection(&format!("back {seed}"));
            let path = format!("/v1/trash/{}/restore", app.delete_connection(&id));
            let restore = || app.admin.post(&path, &json!({}));
            let calls: Vec<Call<'_>> = vec![Box::new(restore), Box::new(restore)];
            let replies = duel.race(&calls);
            duel.judge(seed, &replies, [(409, "entry_closed"), (409, "entry_closed")]);
            assert_eq!(app.admin.get(&format!("/v1/connections/{id}")).ok(200)["version"], 3, "seed {seed}");
        }
    }

    fn a_restore_and_a_new_connection_do_not_share_a_name(app: &TestApp) {
        let mut duel = Duel::new();
        while let Some(seed) = duel.next_round() {
            let name = format!("shared {seed}");
            let old = app.sample_connection(&name);
            let entry = app.delete_connection(&old);
            let mut twin = postgres_connection(&name);
            twin["external_id"] = Value::Null;
            let calls: Vec<Call<'_>> = vec![
                Box::new(|| app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({}))),
                Box::new(|| app.admin.post("/v1/connections", &twin)),
            ];
            let replies = duel.race(&calls);
            let winner = duel.judge(seed, &replies, [(409, "name_taken"), (409, "name_taken")]);
            let page = app.admin.get(&format!("/v1/connections?name=shared%20{seed}")).ok(200);
            let live: Vec<String> = page["data"].as_array().unwrap().iter().map(id_of).collect();
            let expected = if winner == 0 { old } else { id_of(&replies[1].json()) };
            assert_eq!(live, [expected], "seed {seed}");
            let state = app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["state"].clone();
            assert_eq!(state, ["restored", "in_trash"][winner], "seed {seed}");
        }
    }

    fn a_rename_and_a_new_connection_do_not_share_a_name(app: &TestApp) {
        let mut duel = Duel::new();
        while let Some(seed) = duel.next_round() {
            let name = format!("wanted {seed}");
            let other = id_of(&app.admin.post("/v1/connections", &postgres_connection(&format!("other {seed}"))).ok(201));
            let calls: Vec<Call<'_>> = vec![
                Box::new(|| app.admin.patch(&format!("/v1/connections/{other}"), &json!({"name": name.to_uppercase()}))),
                Box::new(|| app.admin.post("/v1/connections", &postgres_connection(&name))),
            ];
            let replies = duel.race(&calls);
            duel.judge(seed, &replies, [(409, "name_taken"), (409, "name_taken")]);
            let page = app.admin.get(&format!("/v1/connections?name=wanted%20{seed}")).ok(200);
            assert_eq!(page["data"].as_array().unwrap().len(), 1, "seed {seed}");
        }
    }
}
