//! Whether some order of the calls on one object explains every answer (linearizability).
//!
//! The calls are walked in time. Kept are all the worlds that are still possible: a state, and which of the calls
//! that are under way have already had their effect in it. When a call ends it must have had its effect, with the
//! answer that was got; the calls under way may have had theirs before it, in any order. No world left: no order
//! explains the history. Calls on different objects touch no common row, so each object is checked on its own, and
//! histories that have an order one by one have one together.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::record::{Answer, Call, Record};
use super::spec::State;

/// More possible worlds than this and the check gives up: the history has too many calls that overlap.
const MOST_WORLDS: usize = 100_000;

/// What a check looked at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effort {
    /// The most worlds that were possible at one moment.
    pub(crate) worlds: usize,
    /// The most calls that were under way at one moment.
    pub(crate) overlap: usize,
}

/// A state, and the calls under way that have had their effect in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    state: State,
    done: BTreeSet<usize>,
}

/// Checks the records of one object; the words say what can't be explained.
pub(crate) fn check(records: &[Record]) -> Result<Effort, String> {
    let mut moments: Vec<(u64, bool, usize)> = Vec::with_capacity(records.len() * 2);
    for (index, record) in records.iter().enumerate() {
        // At the same moment a beginning comes first, so that the two count as overlapping.
        moments.push((record.began, false, index));
        if record.answer != Answer::Unknown {
            moments.push((record.ended, true, index));
        }
    }
    moments.sort_unstable();
    let mut effort = Effort::default();
    let mut under_way: BTreeSet<usize> = BTreeSet::new();
    let mut worlds = BTreeSet::from([World {
        state: State::nothing(),
        done: BTreeSet::new(),
    }]);
    for (_, ends, index) in moments {
        if !ends {
            if records[index].answer != Answer::Unknown || records[index].call.writes() {
                under_way.insert(index);
            }
            effort.overlap = effort.overlap.max(under_way.len());
            continue;
        }
        let before = worlds.clone();
        worlds = after_end(records, &under_way, worlds, index)
            .map_err(|told| complain(records, &under_way, &before, index, told))?;
        effort.worlds = effort.worlds.max(worlds.len());
        under_way.remove(&index);
    }
    Ok(effort)
}

/// The worlds in which the call has had its effect, from those before.
fn after_end(
    records: &[Record],
    under_way: &BTreeSet<usize>,
    worlds: BTreeSet<World>,
    ended: usize,
) -> Result<BTreeSet<World>, &'static str> {
    let mut after = BTreeSet::new();
    let mut met = worlds.clone();
    let mut open: Vec<World> = worlds.into_iter().collect();
    while let Some(world) = open.pop() {
        if world.done.contains(&ended) {
            let mut world = world;
            world.done.remove(&ended);
            after.insert(world);
            continue;
        }
        for &next in under_way.difference(&world.done) {
            let record = &records[next];
            let Some(state) = step(&world.state, record) else {
                continue;
            };
            let mut done = world.done.clone();
            done.insert(next);
            let world = World { state, done };
            if met.insert(world.clone()) {
                open.push(world);
            }
        }
        if met.len() > MOST_WORLDS {
            return Err("too many calls overlap to say whether this has an order");
        }
    }
    if after.is_empty() {
        Err("no order of the calls explains this answer")
    } else {
        Ok(after)
    }
}

/// The state after the call, if its answer is the one that was got.
fn step(state: &State, record: &Record) -> Option<State> {
    if let Answer::Refused(refusal) = &record.answer
        && refusal.code == "concurrent_change"
    {
        // Says that nothing happened, and may be said at any time.
        return Some(state.clone());
    }
    let mut state = state.clone();
    let answer = state.apply(record.number, &record.call);
    (record.answer == Answer::Unknown || answer == record.answer).then_some(state)
}

fn complain(
    records: &[Record],
    under_way: &BTreeSet<usize>,
    worlds: &BTreeSet<World>,
    index: usize,
    told: &str,
) -> String {
    let record = &records[index];
    let mut text = format!(
        "object {}: {told}\n  {}\n",
        record.object,
        line(record, record.began)
    );
    for other in under_way.iter().filter(|other| **other != index) {
        let _ = writeln!(
            text,
            "  while this was under way: {}",
            line(&records[*other], record.began)
        );
    }
    for world in worlds.iter().take(3) {
        let mut state = world.state.clone();
        let expected = state.apply(record.number, &record.call);
        let _ = writeln!(
            text,
            "  in a state that was possible the answer is {expected:?}\n    {:?}",
            world.state
        );
    }
    let mut earlier: Vec<&Record> = records
        .iter()
        .filter(|other| other.call.writes() && other.ended <= record.ended)
        .collect();
    earlier.sort_by_key(|record| record.ended);
    let _ = writeln!(
        text,
        "  the changes before it (microseconds from its beginning):"
    );
    for other in earlier.iter().rev().take(25).rev() {
        let _ = writeln!(text, "    {}", line(other, record.began));
    }
    text
}

fn line(record: &Record, zero: u64) -> String {
    let from = |moment: u64| (i128::from(moment) - i128::from(zero)) / 1000;
    let who = if record.call == Call::Look {
        format!("snapshot {}", record.number)
    } else {
        format!(
            "call {} by client {} at process {}",
            record.number, record.client, record.process
        )
    };
    format!(
        "[{} .. {}] {who}: {:?} -> {:?}",
        from(record.began),
        from(record.ended),
        record.call,
        record.answer
    )
}
