//! The first reading of a file: everything that can be said of it without the database.

use std::io::Read;

use super::faults::Faults;
use super::import::Stop;
use super::lines::Stamp;
use super::reader::{Line, Reader};
use super::relations::Relations;
use super::{Counts, Stage, Watch};
use crate::domain::kinds::RecordKind;

/// How many lines go by between two looks at whether to stop.
const LOOK: u64 = 1_000;

/// A file that is as it must be.
pub(super) struct Checked {
    pub(super) counts: Counts,
    /// The checksum that the file says and has.
    pub(super) sha256: String,
}

/// Reads a file of so many bytes, if that is known.
pub(super) fn check(
    input: impl Read,
    bytes: Option<u64>,
    stamp: &Stamp,
    watch: &dyn Watch,
) -> Result<Checked, Stop> {
    let mut reader = Reader::new(input);
    let mut faults = Faults::default();
    let mut relations = Relations::default();
    let mut counts = no_rows();
    let mut end = None;
    while let Some(outcome) = reader.next(stamp)? {
        let line = reader.number();
        match outcome {
            Ok(Line::Header) => {}
            Ok(Line::Row(record)) => {
                *counts.entry(record.kind()).or_default() += 1;
                relations.add(line, &record, &mut faults);
            }
            Ok(Line::End {
                counts: told,
                said,
                found,
            }) => {
                let of = |kind: &RecordKind| told.get(kind.as_str()).copied().unwrap_or(0);
                let same = told.keys().all(|word| RecordKind::parse(word).is_some())
                    && counts.iter().all(|(kind, count)| of(kind) == *count);
                if !same && faults.is_empty() {
                    faults.add(
                        line,
                        "/counts",
                        "counts_mismatch",
                        "The file has other numbers of lines than it says.",
                    );
                }
                if said != found {
                    let detail = "The lines before have another SHA-256 than the file says: it was changed or damaged.";
                    faults.add(line, "/sha256", "checksum_mismatch", detail);
                }
                if reader.has_more()? {
                    faults.add(
                        line + 1,
                        "",
                        "trailing_data",
                        "There is something after the last line.",
                    );
                }
                end = Some(found);
                break;
            }
            Err(errors) => {
                relations.a_row_is_missing();
                // Of something else than an export no more need be said.
                let other = line == 1;
                for error in errors {
                    faults.add_error(line, error);
                }
                if other {
                    return Err(Stop::Refused(faults.into_vec()));
                }
            }
        }
        if faults.is_full() {
            return Err(Stop::Refused(faults.into_vec()));
        }
        if line.is_multiple_of(LOOK) {
            watch.at(Stage::Validating, reader.bytes(), bytes);
            if watch.stopped() {
                return Err(Stop::Interrupted);
            }
        }
    }
    watch.at(Stage::Validating, reader.bytes(), bytes);
    let truncated = faults.ends_with("truncated");
    if end.is_none() && !truncated {
        let detail = "The file ends without its last line, of the type end: it was cut off.";
        faults.add(reader.number() + 1, "", "truncated", detail);
    }
    relations.finish(&mut faults);
    match end {
        Some(sha256) if faults.is_empty() => Ok(Checked { counts, sha256 }),
        _ => Err(Stop::Refused(faults.into_vec())),
    }
}

/// Zero for every kind.
pub(super) fn no_rows() -> Counts {
    RecordKind::ALL.iter().map(|kind| (*kind, 0)).collect()
}
