//! What happens at the same moment: every pair of requests behaves as if one had come first (promise 7).
//!
//! Each race is run many times, with delays drawn from a seed that a failure names, and goes on until both outcomes were
//! seen ([`contest`]).

mod contest;
mod duels;
mod integrations;
mod linked;
mod looks;

use serde_json::Value;

use self::contest::{Call, Contest};
use crate::support::*;

/// Small numbers that a seed decides (`SplitMix64`).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// One of so many.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        let limit = u64::try_from(length).unwrap();
        usize::try_from(self.below(limit)).unwrap()
    }
}

fn id_of(reply: &Value) -> String {
    reply["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{reply}"))
        .to_owned()
}

fn ids(app: &TestApp, path: &str) -> Vec<String> {
    let page = app.admin.get(path).ok(200);
    assert_eq!(page["next_page_token"], Value::Null);
    page["data"].as_array().unwrap().iter().map(id_of).collect()
}

/// How often each kind of child was taken along, and how often refused.
#[derive(Debug, Default)]
struct Tally {
    captured: [usize; 4],
    refused: [usize; 4],
}

impl Tally {
    fn is_enough(&self) -> bool {
        let every = self.captured.iter().chain(&self.refused);
        every.copied().all(|times| times >= 20)
    }
}

const CHILDREN: [&str; 4] = ["model", "content", "link", "secret"];

fn create_races_delete(app: &TestApp, seed: u64, contest: &mut Contest, tally: &mut Tally) {
    let admin = &app.admin;
    let connection = id_of(
        &admin
            .post(
                "/v1/connections",
                &postgres_connection(&format!("race {seed}")),
            )
            .ok(201),
    );
    let path = format!("/v1/connections/{connection}");
    let model = id_of(
        &admin
            .post(&format!("{path}/models"), &json!({"name": "base"}))
            .ok(201),
    );
    let items = json!({"items": [{"name": "from", "external_id": "from"}, {"name": "to", "external_id": "to"}]});
    let made = admin.post(&format!("{path}/content/batch"), &items).ok(201);
    let from = id_of(&made["data"][0]);

    let calls: Vec<Call<'_>> = vec![
        Box::new(|| admin.delete(&path)),
        Box::new(|| {
            admin.post(
                &format!("{path}/models"),
                &json!({"name": "late", "base_model_id": model}),
            )
        }),
        Box::new(|| {
            admin.post(
                &format!("{path}/content"),
                &json!({"name": "late", "model_id": model}),
            )
        }),
        Box::new(|| {
            admin.patch(
                &format!("/v1/content/{from}"),
                &json!({"links": [{"external_id": "to"}]}),
            )
        }),
        Box::new(|| {
            admin.put(
                &format!("{path}/secrets"),
                &json!({"secrets": {"password": "late canary"}}),
            )
        }),
    ];
    let replies = contest.race(&calls);
    let captured = replies[1..]
        .iter()
        .filter(|reply| reply.status < 300)
        .count();
    contest.saw(CHILDREN.len() - captured, captured);
    judge(app, seed, &path, &replies, tally);
}

/// Whether every child is where its answer says.
fn judge(app: &TestApp, seed: u64, path: &str, replies: &[Reply], tally: &mut Tally) {
    let [deleted, children @ ..] = replies else {
        panic!("seed {seed}")
    };
    // A deletion retries what gets in its way, and these are not enough to stop it.
    assert_eq!(deleted.status, 200, "seed {seed}: {deleted:#?}");
    let entry = deleted.json();
    let items = |kind: &str| {
        ids(
            app,
            &format!(
                "/v1/trash/{}/items?kind={kind}&page_size=200",
                id_of(&entry)
            ),
        )
    };
    let (models, contents) = (items("model"), items("content"));

    for (n, reply) in children.iter().enumerate() {
        let accepted = reply.status < 300;
        if accepted {
            tally.captured[n] += 1;
        } else {
            tally.refused[n] += 1;
            assert!(
                matches!(reply.status, 404 | 409 | 410),
                "seed {seed}: {reply:#?}"
            );
        }
        match CHILDREN[n] {
            "model" if accepted => assert!(
                models.contains(&id_of(&reply.json())),
                "seed {seed}: {reply:#?}"
            ),
            "content" if accepted => assert!(
                contents.contains(&id_of(&reply.json())),
                "seed {seed}: {reply:#?}"
            ),
            _ => {}
        }
    }
    let impact = &entry["impact"];
    let count = |reply: &Reply| usize::from(reply.status < 300);
    assert_eq!(
        models.len(),
        1 + count(&children[0]),
        "seed {seed}: {entry}"
    );
    assert_eq!(
        contents.len(),
        2 + count(&children[1]),
        "seed {seed}: {entry}"
    );
    assert_eq!(impact["models"], models.len(), "seed {seed}");
    assert_eq!(impact["content"], contents.len(), "seed {seed}");
    assert_eq!(impact["links"], count(&children[2]), "seed {seed}");
    app.admin.get(path).problem(410, "in_trash");
    for model in &models {
        app.admin
            .get(&format!("/v1/models/{model}"))
            .problem(410, "in_trash");
    }
}

/// What a trashed connection must not leave behind.
fn assert_nothing_is_left(app: &TestApp) {
    let mut sql = app.sql();
    for child in ["models", "content"] {
        let orphan = "NOT EXISTS (SELECT 1 FROM connections c WHERE c.org_id = x.org_id AND c.id = x.connection_id)";
        assert_eq!(
            sql.rows(&format!("{child} x WHERE {orphan}")),
            Vec::<Row>::new(),
            "live orphans"
        );
    }
    assert_eq!(sql.rows("links"), Vec::<Row>::new());
    assert_eq!(
        sql.rows("secrets"),
        Vec::<Row>::new(),
        "secrets without a live connection"
    );
    let filled = if app.backend == Backend::Sqlite {
        "free = 0"
    } else {
        "NOT free"
    };
    assert_eq!(
        sql.count(&format!("secret_slots WHERE {filled}")),
        0,
        "slots that nothing will shred"
    );
}

on_both! {
    fn edge_case_10_create_races_delete(app: &TestApp) {
        let mut contest = Contest::new(220);
        let mut tally = Tally::default();
        while let Some(seed) = contest.next_round(tally.is_enough(), &tally) {
            create_races_delete(app, seed, &mut contest, &mut tally);
        }
        assert_nothing_is_left(app);
    }

    fn a_secret_that_is_entered_while_its_connection_goes_does_not_survive(app: &TestApp) {
        let mut contest = Contest::new(60);
        let (mut before, mut after) = (0, 0);
        while let Some(seed) = contest.next_round(before >= 10 && after >= 10, &(before, after)) {
            let id = id_of(&app.admin.post("/v1/connections", &postgres_connection(&format!("secret {seed}"))).ok(201));
            let path = format!("/v1/connections/{id}");
            let enter = || app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "late canary"}}));
            let calls: Vec<Call<'_>> = vec![
                Box::new(|| app.admin.delete(&path)), Box::new(enter), Box::new(enter), Box::new(enter),
            ];
            let replies = contest.race(&calls);
            let entry = replies[0].ok(200);
            assert_eq!(entry["secrets"]["shredded"], 1, "seed {seed}");
            let (entered, refused): (Vec<&Reply>, Vec<&Reply>) = replies[1..].iter().partition(|reply| reply.status == 200);
            for reply in &refused {
                reply.problem(410, "in_trash");
            }
            contest.saw(refused.len(), entered.len());
            before += entered.len();
            after += refused.len();
            // Nothing of it comes back with the connection either.
            let restored = app.admin.post(&format!("/v1/trash/{}/restore", id_of(&entry)), &json!({})).ok(200);
            assert_eq!(restored["needs_credentials"], json!(["password"]), "seed {seed}");
            app.admin.get(&format!("{path}/secrets")).problem(409, "needs_credentials");
        }
        let ids: Vec<String> = app.sql().lines("SELECT CAST(id AS text) AS line FROM connections");
        for id in ids {
            app.delete_connection(&id);
        }
        assert_nothing_is_left(app);
    }
}
