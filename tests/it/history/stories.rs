//! The check itself: short histories written by hand, of which it must refuse the bad and accept the good.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::check::check;
use super::record::{
    Answer, Call, ChildRow, ConnectionRow, Counts, EntrySeen, EntryState, Made, Record, Refusal,
    Rows, Seen, What,
};

/// A call between two moments.
fn call(number: Made, time: Range<u64>, call: Call, answer: Answer) -> Record {
    Record {
        number,
        object: 0,
        client: 0,
        process: 0,
        began: time.start,
        ended: time.end,
        call,
        answer,
    }
}

fn seen(status: &str, version: u32) -> Answer {
    Answer::Connection(Seen {
        status: status.to_owned(),
        version,
    })
}

fn entry(
    entry: Made,
    state: EntryState,
    (connections, models, content): (u32, u32, u32),
) -> Answer {
    Answer::Entry(EntrySeen {
        entry,
        state,
        counts: Counts {
            connections,
            models,
            content,
        },
        shredded: 0,
        blocker: (state != EntryState::InTrash).then(|| ("entry_closed".to_owned(), None)),
    })
}

fn restored((connections, models, content): (u32, u32, u32), version: u32) -> Answer {
    Answer::Restored {
        counts: Counts {
            connections,
            models,
            content,
        },
        ancestors: Vec::new(),
        connection: Seen {
            status: "needs_credentials".to_owned(),
            version,
        },
    }
}

fn children(names: &[Made]) -> Answer {
    Answer::Children(names.iter().copied().collect::<BTreeSet<_>>())
}

fn refused(refusal: Refusal) -> Answer {
    Answer::Refused(refusal)
}

fn restore(entry: Made) -> Call {
    Call::Restore {
        entry,
        with_ancestors: false,
    }
}

const DELETE: Call = Call::Delete(What::Connection);

/// The connection of every story: no secret, made in the first moment.
fn born() -> Record {
    call(
        0,
        0..1,
        Call::CreateConnection(None),
        seen("needs_credentials", 1),
    )
}

fn story(rest: impl IntoIterator<Item = Record>) -> Vec<Record> {
    [born()].into_iter().chain(rest).collect()
}

#[track_caller]
fn accepted(records: &[Record]) {
    check(records).unwrap_or_else(|told| panic!("a good history was refused: {told}"));
}

#[track_caller]
fn refused_for(records: &[Record], words: &str) {
    let told = check(records).expect_err("a bad history was accepted");
    assert!(told.contains(words), "{words:?} is not in: {told}");
}

/// A history that has an order.
pub(super) fn good() -> Vec<Record> {
    story([
        call(1, 2..3, Call::CreateModel(None), Answer::Created),
        call(2, 4..9, Call::CreateContent(Some(1)), Answer::Created),
        call(3, 5..8, DELETE, entry(3, EntryState::InTrash, (1, 1, 1))),
        call(4, 10..11, restore(3), restored((1, 1, 1), 3)),
    ])
}

/// A history in which a row that was acknowledged is missing.
pub(super) fn lost_row() -> Vec<Record> {
    story([
        call(1, 2..3, Call::CreateModel(None), Answer::Created),
        call(2, 4..5, Call::ListModels, children(&[])),
    ])
}

#[test]
fn calls_one_after_the_other_are_accepted() {
    accepted(&good());
}

#[test]
fn an_acknowledged_row_that_is_missing_is_found() {
    refused_for(&lost_row(), "ListModels");
}

#[test]
fn a_child_that_races_a_deletion_may_be_taken_or_refused_but_never_both() {
    let create = |answer| call(1, 2..9, Call::CreateModel(None), answer);
    let delete = |models| {
        call(
            2,
            3..8,
            DELETE,
            entry(2, EntryState::InTrash, (1, models, 0)),
        )
    };
    let in_trash = || refused(Refusal::naming("in_trash", 2));
    accepted(&story([create(Answer::Created), delete(1)]));
    accepted(&story([create(in_trash()), delete(0)]));
    // Taken along, but not counted: it would be a live child under a trashed parent.
    refused_for(&story([create(Answer::Created), delete(0)]), "Delete");
    refused_for(&story([create(in_trash()), delete(1)]), "Delete");
}

#[test]
fn a_live_child_under_a_trashed_parent_is_found() {
    let look = |child_entry| {
        let connection = Some(ConnectionRow {
            entry: Some(2),
            version: 2,
            secret: false,
        });
        let child = ChildRow {
            model: true,
            parent: None,
            entry: child_entry,
        };
        let counts = Counts {
            connections: 1,
            models: 1,
            content: 0,
        };
        let rows = Rows {
            connection,
            children: BTreeMap::from([(1, child)]),
            entries: BTreeMap::from([(2, (EntryState::InTrash, counts))]),
        };
        story([
            call(1, 2..3, Call::CreateModel(None), Answer::Created),
            call(2, 4..9, DELETE, entry(2, EntryState::InTrash, (1, 1, 0))),
            call(3, 5..6, Call::Look, Answer::Rows(Box::new(rows))),
        ])
    };
    accepted(&look(Some(2)));
    refused_for(&look(None), "Look");
}

#[test]
fn restore_and_purge_of_one_entry_never_both_win() {
    let with = |restore_answer, purge_answer| {
        story([
            call(1, 2..3, DELETE, entry(1, EntryState::InTrash, (1, 0, 0))),
            call(2, 4..9, restore(1), restore_answer),
            call(3, 4..9, Call::Purge(1), purge_answer),
        ])
    };
    let back = || restored((1, 0, 0), 3);
    let purged = || entry(1, EntryState::Purged, (1, 0, 0));
    let closed = |state| refused(Refusal::closed(state));
    accepted(&with(back(), closed(EntryState::Restored)));
    accepted(&with(closed(EntryState::Purged), purged()));
    refused_for(&with(back(), purged()), "no order");
    refused_for(
        &with(closed(EntryState::Purged), closed(EntryState::Restored)),
        "no order",
    );
}

#[test]
fn a_lost_update_is_found() {
    let put = |number, time, version| {
        call(
            number,
            time,
            Call::PutSecret(number),
            seen("untested", version),
        )
    };
    let read = |value| call(9, 20..21, Call::GetSecret, Answer::Secret(value));
    accepted(&story([put(1, 2..9, 2), put(2, 3..8, 3), read(2)]));
    accepted(&story([put(1, 2..9, 3), put(2, 3..8, 2), read(1)]));
    // Both read version 1 and wrote version 2.
    refused_for(&story([put(1, 2..9, 2), put(2, 3..8, 2)]), "PutSecret");
    // The later version holds the earlier value.
    refused_for(
        &story([put(1, 2..9, 2), put(2, 3..8, 3), read(1)]),
        "GetSecret",
    );
}

#[test]
fn a_read_that_goes_back_in_time_is_found() {
    let reads = |first: &[Made], second: &[Made]| {
        story([
            call(1, 2..30, Call::CreateModel(None), Answer::Created),
            call(2, 4..5, Call::ListModels, children(first)),
            call(3, 6..7, Call::ListModels, children(second)),
        ])
    };
    accepted(&reads(&[], &[]));
    accepted(&reads(&[], &[1]));
    accepted(&reads(&[1], &[1]));
    refused_for(&reads(&[1], &[]), "ListModels");
}

#[test]
fn a_secret_that_outlives_its_deletion_is_found() {
    let story_with = |read| {
        story([
            call(1, 2..3, Call::PutSecret(1), seen("untested", 2)),
            call(2, 4..5, DELETE, {
                let Answer::Entry(mut seen) = entry(2, EntryState::InTrash, (1, 0, 0)) else {
                    unreachable!()
                };
                seen.shredded = 1;
                Answer::Entry(seen)
            }),
            call(3, 6..7, restore(2), restored((1, 0, 0), 4)),
            call(4, 8..9, Call::GetSecret, read),
        ])
    };
    accepted(&story_with(refused(Refusal::new("needs_credentials"))));
    refused_for(&story_with(Answer::Secret(1)), "GetSecret");
}

#[test]
fn a_restore_brings_back_no_row_of_an_earlier_deletion() {
    let with = |listed: &[Made]| {
        story([
            call(1, 2..3, Call::CreateModel(None), Answer::Created),
            call(2, 4..5, Call::CreateModel(None), Answer::Created),
            call(
                3,
                6..7,
                Call::Delete(What::Model(1)),
                entry(3, EntryState::InTrash, (0, 1, 0)),
            ),
            call(4, 8..9, DELETE, entry(4, EntryState::InTrash, (1, 1, 0))),
            call(
                5,
                10..11,
                restore(3),
                refused(Refusal::naming("parent_in_trash", 4)),
            ),
            call(6, 12..13, restore(4), restored((1, 1, 0), 3)),
            call(7, 14..15, Call::ListModels, children(listed)),
        ])
    };
    accepted(&with(&[2]));
    refused_for(&with(&[1, 2]), "ListModels");
}

#[test]
fn an_answer_that_never_came_may_have_had_its_effect_or_not_but_only_once() {
    let lists = |first: &[Made], second: &[Made]| {
        story([
            call(1, 2..3, Call::CreateModel(None), Answer::Unknown),
            call(2, 4..5, Call::ListModels, children(first)),
            call(3, 6..7, Call::ListModels, children(second)),
        ])
    };
    accepted(&lists(&[], &[]));
    accepted(&lists(&[], &[1]));
    accepted(&lists(&[1], &[1]));
    refused_for(&lists(&[1], &[]), "ListModels");
}

#[test]
fn a_deletion_is_answered_once() {
    let second = |answer| {
        story([
            call(1, 2..9, DELETE, entry(1, EntryState::InTrash, (1, 0, 0))),
            call(2, 2..9, DELETE, answer),
        ])
    };
    accepted(&second(refused(Refusal::naming("in_trash", 1))));
    refused_for(&second(entry(2, EntryState::InTrash, (1, 0, 0))), "Delete");
    // What is live again is not unknown.
    refused_for(&second(refused(Refusal::new("not_found"))), "Delete");
}

#[test]
fn only_a_refusal_to_fight_on_needs_no_reason() {
    let gave_way = refused(Refusal::new("concurrent_change"));
    accepted(&story([call(1, 2..3, DELETE, gave_way)]));
    refused_for(
        &story([call(1, 2..3, DELETE, refused(Refusal::new("held")))]),
        "Delete",
    );
}
