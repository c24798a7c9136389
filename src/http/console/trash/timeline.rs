//! A picture of what will be purged on which day of the coming 30.

use chrono::NaiveDate;

use crate::http::console::words::number_of;
use crate::service::trash::PurgeDay;

/// The days of the picture: today and 30 more.
const DAYS: i64 = 30;
/// Units of the picture for a day and for the highest bar.
const WIDTH: i64 = 20;
const HEIGHT: i64 = 80;

/// The picture, with what it says in words.
pub(super) struct Timeline {
    /// In a sentence.
    pub(super) label: String,
    pub(super) bars: Vec<Bar>,
}

/// One day.
pub(super) struct Bar {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) height: i64,
    /// The lower part of it: what is on hold.
    pub(super) held_y: i64,
    pub(super) held_height: i64,
    /// "2 entries on 21 Dec 2026, 1 of them on hold".
    pub(super) words: String,
}

impl Timeline {
    /// The picture, unless nothing is on it.
    pub(super) fn of(purges: &[PurgeDay], today: NaiveDate) -> Option<Self> {
        let mut days: Vec<(i64, NaiveDate, i64, i64)> = Vec::new();
        for day in purges {
            let Ok(date) = NaiveDate::parse_from_str(&day.date, "%Y-%m-%d") else {
                continue;
            };
            // What is past its date is there with what is due today.
            let date = date.max(today);
            let at = (date - today).num_days().min(DAYS);
            match days.last_mut().filter(|last| last.0 == at) {
                Some(last) => {
                    last.2 += day.entries;
                    last.3 += day.held;
                }
                None => days.push((at, date, day.entries, day.held)),
            }
        }
        let most = days
            .iter()
            .map(|day| day.2)
            .max()
            .filter(|most| *most > 0)?;
        let all = days.iter().map(|day| day.2).sum();
        let bars = days.into_iter().map(|(at, date, entries, held)| {
            let height = (entries * HEIGHT / most).max(4);
            let held_height = if held > 0 {
                (held * height / entries).max(2)
            } else {
                0
            };
            Bar {
                x: at * WIDTH + 3,
                y: HEIGHT - height,
                height,
                held_y: HEIGHT - held_height,
                held_height,
                words: words(date, entries, held),
            }
        });
        Some(Self {
            label: format!(
                "To be purged in the next {DAYS} days: {}",
                number_of(all, "entry", "entries")
            ),
            bars: bars.collect(),
        })
    }
}

fn words(date: NaiveDate, entries: i64, held: i64) -> String {
    let held = match held {
        0 => String::new(),
        held => format!(", {held} of them on hold"),
    };
    format!(
        "{} on {}{held}",
        number_of(entries, "entry", "entries"),
        date.format("%-d %b %Y")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(date: &str, entries: i64, held: i64) -> PurgeDay {
        PurgeDay {
            date: date.to_owned(),
            entries,
            held,
        }
    }

    #[test]
    fn bars_stand_on_their_day_and_are_as_high_as_what_goes_then() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
        assert!(Timeline::of(&[], today).is_none());
        let days = [
            day("2026-11-01", 1, 0),
            day("2026-11-22", 1, 1),
            day("2026-11-24", 4, 0),
            day("2026-12-22", 1, 0),
        ];
        let timeline = Timeline::of(&days, today).unwrap();
        assert_eq!(
            timeline.label,
            "To be purged in the next 30 days: 7 entries"
        );
        let places: Vec<_> = timeline
            .bars
            .iter()
            .map(|bar| (bar.x, bar.y, bar.height, bar.held_height))
            .collect();
        assert_eq!(places, [(3, 40, 40, 20), (43, 0, 80, 0), (603, 60, 20, 0)]);
        assert_eq!(
            timeline.bars[0].words,
            "2 entries on 22 Nov 2026, 1 of them on hold"
        );
        assert_eq!(timeline.bars[2].words, "1 entry on 22 Dec 2026");
    }
}
