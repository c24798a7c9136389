//! Clients: they send what is planned until an answer tells what came of it, and read the answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::plan::{Load, Planned};
use super::record::{Answer, Call, Counts, EntrySeen, Record, Refusal, Seen};
use super::snapshot::read_name;
use crate::races::Draw;
use crate::support::*;

/// How long a client repeats a call before it gives up.
const PATIENCE: Duration = Duration::from_secs(45);
/// One change in so many is sent again after its answer.
const REPEATED: u64 = 16;

/// One of the clients of a run.
struct Caller<'a> {
    load: &'a Load,
    number: usize,
    draw: Draw,
    clients: HashMap<SocketAddr, Client>,
}

/// Makes calls until the load is stopped.
pub(crate) fn run(load: &Load, number: usize) -> Vec<Record> {
    let mut caller = Caller::new(load, number);
    let mut records = Vec::new();
    while !load.stopped.load(Ordering::Relaxed) {
        if let Some(planned) = load.plan(&mut caller.draw) {
            records.push(caller.carry_out(planned));
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    records
}

/// Reads everything once more, one call after the other.
pub(crate) fn read_back(load: &Load) -> Vec<Record> {
    let mut caller = Caller::new(load, READER);
    load.plan_read_back()
        .into_iter()
        .map(|planned| caller.carry_out(planned))
        .collect()
}

/// The number of the client that reads everything back.
const READER: usize = 99;

impl<'a> Caller<'a> {
    fn new(load: &'a Load, number: usize) -> Self {
        Self {
            load,
            number,
            draw: Draw(load.seed.wrapping_mul(1_000) + u64::try_from(number).unwrap()),
            clients: HashMap::new(),
        }
    }

    fn carry_out(&mut self, planned: Planned) -> Record {
        let began = self.load.moment();
        let (process, reply) = self.send(&planned);
        let ended = self.load.moment();
        let answer = reply
            .as_ref()
            .map_or(Answer::Unknown, |reply| self.read(&planned, reply));
        self.load.learn(&planned, reply.as_ref(), &answer);
        if let Some(reply) = &reply
            && planned.method != "GET"
            && reply.status < 300
            && self.draw.below(REPEATED) == 0
        {
            self.repeat(&planned, reply);
        }
        Record {
            number: planned.number,
            object: planned.object,
            client: self.number,
            process,
            began,
            ended,
            call: planned.call,
            answer,
        }
    }

    /// Sends the same request under the same idempotency key until an answer tells what came of it.
    fn send(&mut self, planned: &Planned) -> (usize, Option<Reply>) {
        let deadline = Instant::now() + PATIENCE;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (process, client) = self.client(planned);
            let body = planned.body.as_ref().map(Value::to_string);
            match client.try_send(planned.method, &planned.path, body) {
                Ok(reply) if tells(&reply) => {
                    if attempts > 1 && is_replay(&reply) {
                        self.load.made_unseen.fetch_add(1, Ordering::Relaxed);
                    }
                    return (process, Some(reply));
                }
                Ok(reply) if reply.status == 500 => self.load.complain(format!("{reply:#?}")),
                _ => {}
            }
            self.load.cut_off.fetch_add(1, Ordering::Relaxed);
            if Instant::now() > deadline {
                return (process, None);
            }
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// A client of a process that is drawn.
    fn client(&mut self, planned: &Planned) -> (usize, Client) {
        let addresses = self.load.addresses.lock().unwrap().clone();
        let process = self.draw.index(addresses.len());
        let address = addresses[process];
        let client = self
            .clients
            .entry(address)
            .or_insert_with(|| Client::new(address, &self.load.key));
        let once = format!("history-{}-{}", self.load.seed, planned.number);
        if planned.method == "GET" {
            (process, client.clone())
        } else {
            (process, client.with("idempotency-key", &once))
        }
    }

    /// A request that was carried out has one effect and one answer, however often it is sent (promise 8).
    fn repeat(&mut self, planned: &Planned, first: &Reply) {
        let (_, Some(again)) = self.send(planned) else {
            return;
        };
        if (again.status, &again.text) == (first.status, &first.text) && is_replay(&again) {
            self.load.replays.fetch_add(1, Ordering::Relaxed);
        } else {
            self.load.complain(format!(
                "call {}: the repetition was answered otherwise: {first:#?} {again:#?}",
                planned.number
            ));
        }
    }

    fn read(&self, planned: &Planned, reply: &Reply) -> Answer {
        let body = reply.json();
        if reply.status >= 400 {
            return Answer::Refused(Refusal {
                code: body["code"].as_str().unwrap().to_owned(),
                entry: body["entry_id"]
                    .as_str()
                    .map(|id| self.load.entry_number(id)),
                state: serde_json::from_value(body["state"].clone()).ok(),
            });
        }
        match &planned.call {
            Call::CreateConnection(_) | Call::PutSecret(_) | Call::GetConnection => {
                Answer::Connection(seen(&body))
            }
            Call::CreateModel(_) | Call::CreateContent(_) => Answer::Created,
            Call::GetSecret => {
                let value = body["secrets"]["password"].as_str().unwrap();
                Answer::Secret(value.trim_start_matches('v').parse().unwrap())
            }
            Call::ListModels | Call::ListContent => {
                if !body["next_page_token"].is_null() {
                    self.load
                        .complain(format!("a list has more than one page: {reply:#?}"));
                }
                let rows = body["data"].as_array().unwrap();
                let made = |row: &Value| read_name(row["name"].as_str().unwrap()).1;
                Answer::Children(rows.iter().map(made).collect())
            }
            Call::Delete(_) | Call::Purge(_) | Call::GetEntry(_) => {
                Answer::Entry(self.entry_seen(&body))
            }
            Call::Restore { .. } => {
                let ancestors = body["ancestors"].as_array().unwrap();
                Answer::Restored {
                    counts: counts(&body["restored"]),
                    ancestors: ancestors
                        .iter()
                        .map(|id| self.load.entry_number(id.as_str().unwrap()))
                        .collect(),
                    connection: seen(&body["connection"]),
                }
            }
            Call::Look => unreachable!("no client looks into the database"),
        }
    }

    fn entry_seen(&self, body: &Value) -> EntrySeen {
        let blocker = &body["blockers"][0];
        EntrySeen {
            entry: self.load.entry_number(body["id"].as_str().unwrap()),
            state: serde_json::from_value(body["state"].clone()).unwrap(),
            counts: counts(&body["impact"]),
            shredded: small(&body["secrets"]["shredded"]),
            blocker: blocker["code"].as_str().map(|code| {
                let entry = blocker["entry_id"]
                    .as_str()
                    .map(|id| self.load.entry_number(id));
                (code.to_owned(), entry)
            }),
        }
    }
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotency-replayed") == Some("true")
}

/// Whether an answer tells what came of the request.
fn tells(reply: &Reply) -> bool {
    reply.status < 500 && !(reply.status == 409 && reply.json()["code"] == "request_in_progress")
}

fn small(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

fn counts(value: &Value) -> Counts {
    Counts {
        connections: small(&value["connections"]),
        models: small(&value["models"]),
        content: small(&value["content"]),
    }
}

fn seen(connection: &Value) -> Seen {
    Seen {
        status: connection["status"].as_str().unwrap().to_owned(),
        version: small(&connection["version"]),
    }
}
