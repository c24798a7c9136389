//! Reads a file line by line: limits, encoding, the first and the last line, the checksum.
//!
//! What must stay true: at most one line is in memory, and no line is believed before the JSON check.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::lines::{self, End, Header, Stamp};
use super::{FORMAT, MAX_LINE};
use crate::domain::FieldError;
use crate::domain::json::{self, JsonProblem, MAX_DEPTH};
use crate::domain::kinds::RecordKind;
use crate::service::tokens::hex;
use crate::store::records::Record;

/// What a line came to.
pub(super) enum Line {
    /// The first line.
    Header,
    /// A row.
    Row(Record),
    /// The last line: what it says of the others, and the checksum that they have.
    End {
        counts: BTreeMap<String, u64>,
        said: String,
        found: String,
    },
}

/// A line, or what is wrong with it.
pub(super) type Outcome = Result<Line, Vec<FieldError>>;

/// A file that is being read.
pub(super) struct Reader<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
    digest: Sha256,
}

/// What tells lines apart.
#[derive(Deserialize)]
struct Loose {
    r#type: Option<String>,
    format: Option<serde_json::Number>,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(256 * 1024, input),
            line: Vec::new(),
            number: 0,
            bytes: 0,
            digest: Sha256::new(),
        }
    }

    /// The number of the line that was read last.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes are read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line; `None` at the end of the file.
    pub(super) fn next(&mut self, stamp: &Stamp) -> io::Result<Option<Outcome>> {
        self.line.clear();
        let whole = MAX_LINE + 1;
        let limit = u64::try_from(whole).unwrap_or(u64::MAX);
        let read = self
            .input
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += u64::try_from(read).unwrap_or(u64::MAX);
        let ended = self.line.last() == Some(&b'\n');
        if read == whole && !ended {
            self.bytes += skip_line(&mut self.input)?;
            let detail = format!("A line has up to {MAX_LINE} bytes.");
            return Ok(Some(Err(vec![FieldError::new(
                "",
                "line_too_long",
                detail,
            )])));
        }
        let before = self.digest.clone();
        self.digest.update(&self.line);
        if ended {
            self.line.pop();
        }
        let outcome = self.outcome(stamp, ended);
        Ok(Some(outcome.map(|line| match line {
            Line::End { counts, said, .. } => Line::End {
                counts,
                said,
                found: hex(&before.finalize()),
            },
            line => line,
        })))
    }

    /// Whether anything but the end of the file comes.
    pub(super) fn has_more(&mut self) -> io::Result<bool> {
        self.input.fill_buf().map(|rest| !rest.is_empty())
    }

    fn outcome(&self, stamp: &Stamp, ended: bool) -> Outcome {
        let refuse = |code, detail: &str| Err(vec![FieldError::new("", code, detail)]);
        let line = self.line.as_slice();
        if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
            return refuse(
                "byte_order_mark",
                "The file begins with a byte order mark: save it as UTF-8 without one.",
            );
        }
        if line.ends_with(b"\r") {
            return refuse(
                "carriage_return",
                "Lines end with a line feed alone; something rewrote this file.",
            );
        }
        if std::str::from_utf8(line).is_err() {
            return refuse("invalid_utf8", "The line is not UTF-8.");
        }
        // One level more than a body has: the line around it.
        json::check(line, MAX_DEPTH + 1).map_err(|problem| {
            vec![match problem {
                JsonProblem::Malformed { .. } if !ended => {
                    FieldError::new("", "truncated", "The file ends within this line.")
                }
                JsonProblem::Malformed { column, .. } => FieldError::new(
                    "",
                    "malformed_json",
                    format!("The line is not JSON at column {column}."),
                ),
                JsonProblem::Refused(error) => error,
            }]
        })?;
        // A list would be taken for the members of an object in their order.
        if !line.trim_ascii_start().starts_with(b"{") {
            return refuse("wrong_type", "Every line is a JSON object.");
        }
        let loose: Loose = lines::typed(line)?;
        let Some(word) = loose.r#type else {
            return refuse("required", "Every line is an object with a type.");
        };
        match (self.number, word.as_str()) {
            (1, "reprieve") => {
                if loose.format.as_ref().and_then(serde_json::Number::as_u64)
                    != Some(u64::from(FORMAT))
                {
                    let detail = format!(
                        "This version of Reprieve reads format {FORMAT}; the file has another one."
                    );
                    return Err(vec![FieldError::new(
                        "/format",
                        "unsupported_format",
                        detail,
                    )]);
                }
                lines::typed::<Header<'_>>(line).map(|_| Line::Header)
            }
            (1, _) => refuse(
                "no_header",
                "The first line of an export is its header, of the type reprieve.",
            ),
            (_, "end") => lines::typed::<End<'_>>(line).map(|end| Line::End {
                counts: (end.counts.into_iter())
                    .map(|(kind, count)| (kind.into_owned(), count))
                    .collect(),
                said: end.sha256.into_owned(),
                found: String::new(),
            }),
            (_, word) => {
                let Some(kind) = RecordKind::parse(word) else {
                    let detail = "There is no such type of line in this format.";
                    return Err(vec![FieldError::new("/type", "unknown_type", detail)]);
                };
                lines::read(kind, line, stamp).map(Line::Row)
            }
        }
    }
}

/// Reads to the end of a line that is too long to be kept.
fn skip_line(input: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let rest = input.fill_buf()?;
        let (length, ended) = match rest.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (rest.len(), rest.is_empty()),
        };
        input.consume(length);
        skipped += u64::try_from(length).unwrap_or(u64::MAX);
        if ended {
            return Ok(skipped);
        }
    }
}
