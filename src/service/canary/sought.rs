//! Looking for bytes that should be gone: any twelve in a row of what was stored, in every form that something could have
//! brought them into.
//!
//! What must stay true: what is looked through comes in pieces, and memory does not grow with it.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Promise 4 speaks of windows of so many bytes.
pub(super) const WINDOW: usize = 12;
/// Twelve bytes in base64.
const BASE64_WINDOW: usize = 16;
/// What is read at once.
const PIECE: usize = 1 << 20;

/// What something that was found is a piece of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Of the secret in plain text, or in a text form of it.
    Plaintext,
    /// Of its sealed record, the wrapped key with it.
    Record,
}

/// How many bytes of the secret were found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Of it in plain text, or in a text form of it.
    pub plaintext: u64,
    /// Of its sealed record.
    pub record: u64,
}

impl Found {
    /// All of them.
    pub fn bytes(self) -> u64 {
        self.plaintext + self.record
    }

    pub(super) fn add(&mut self, other: Self) {
        self.plaintext += other.plaintext;
        self.record += other.record;
    }
}

/// What to look for.
pub struct Sought {
    /// By its first bytes; most places are passed over by [`Self::heads`].
    needles: HashMap<[u8; WINDOW], Vec<(Vec<u8>, What)>>,
    heads: Vec<bool>,
    longest: usize,
}

impl Sought {
    /// Looks for any window of these.
    pub fn new(parts: &[(What, &[u8])]) -> Self {
        let mut sought = Self {
            needles: HashMap::new(),
            heads: vec![false; usize::from(u16::MAX) + 1],
            longest: WINDOW,
        };
        for (what, bytes) in parts {
            for needle in forms(bytes) {
                sought.longest = sought.longest.max(needle.len());
                let Some(head) = needle.first_chunk::<WINDOW>() else {
                    continue;
                };
                if let Some(seen) = sought.heads.get_mut(head_of(head)) {
                    *seen = true;
                }
                let of_head = sought.needles.entry(*head).or_default();
                of_head.push((needle, *what));
            }
        }
        sought
    }

    /// What of it stands in these bytes.
    pub fn in_bytes(&self, bytes: &[u8]) -> Found {
        let mut count = Count::default();
        count.through(self, bytes, 0, bytes.len());
        count.found
    }

    /// What of it stands in what is read, and how much was read.
    pub fn in_stream(&self, stream: &mut impl Read) -> io::Result<(Found, u64)> {
        let mut count = Count::default();
        let mut buffer: Vec<u8> = Vec::with_capacity(PIECE + self.longest);
        let mut before = 0;
        loop {
            let piece = u64::try_from(PIECE).unwrap_or(u64::MAX);
            let read = stream.by_ref().take(piece).read_to_end(&mut buffer)?;
            // The last bytes of a piece may be the first of what goes on in the next.
            let settled = if read == 0 {
                buffer.len()
            } else {
                buffer.len().saturating_sub(self.longest - 1)
            };
            count.through(self, &buffer, before, settled);
            buffer.drain(..settled);
            before += u64::try_from(settled).unwrap_or(u64::MAX);
            if read == 0 {
                return Ok((count.found, before));
            }
        }
    }
}

/// Counts bytes that stand in several windows once.
#[derive(Default)]
struct Count {
    found: Found,
    plaintext_to: u64,
    record_to: u64,
}

impl Count {
    /// Looks at each place before `end`; `before` bytes came before the first.
    fn through(&mut self, sought: &Sought, bytes: &[u8], before: u64, end: usize) {
        for (at, window) in bytes.windows(WINDOW).enumerate().take(end) {
            let Some(head) = window.first_chunk::<WINDOW>() else {
                continue;
            };
            if sought.heads.get(head_of(head)) != Some(&true) {
                continue;
            }
            for (needle, what) in sought.needles.get(head).into_iter().flatten() {
                let is_here = bytes.get(at..).is_some_and(|rest| rest.starts_with(needle));
                if is_here {
                    let from = before + u64::try_from(at).unwrap_or(u64::MAX);
                    self.add(*what, from, u64::try_from(needle.len()).unwrap_or(0));
                }
            }
        }
    }

    fn add(&mut self, what: What, from: u64, length: u64) {
        let (found, to) = match what {
            What::Plaintext => (&mut self.found.plaintext, &mut self.plaintext_to),
            What::Record => (&mut self.found.record, &mut self.record_to),
        };
        *found += (from + length).saturating_sub(from.max(*to));
        *to = (*to).max(from + length);
    }
}

/// Few windows share it by chance, in text too.
fn head_of(head: &[u8; WINDOW]) -> usize {
    let [first, second, third, ..] = head.map(usize::from);
    (first + second * 131 + third * 31_337) & usize::from(u16::MAX)
}

/// Each window of these bytes as it is, in hexadecimal digits, as JSON and as URLs may escape it, and in base64.
fn forms(bytes: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    for window in bytes.windows(WINDOW) {
        forms.insert(window.to_vec());
        let escaped = |before: &str, digits: fn(u8) -> String| {
            window.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{before}{}", digits(*byte));
                text
            })
        };
        for before in ["", "%", "\\u00"] {
            forms.insert(escaped(before, |byte| format!("{byte:02x}")).into_bytes());
            forms.insert(escaped(before, |byte| format!("{byte:02X}")).into_bytes());
        }
    }
    // What stands before it shifts the digits of base64; the first and the last mix with their neighbours.
    for shift in 0..3_usize {
        let mut shifted = vec![b' '; shift];
        shifted.extend_from_slice(bytes);
        for text in [
            STANDARD_NO_PAD.encode(&shifted),
            URL_SAFE_NO_PAD.encode(&shifted),
        ] {
            let digits = text.as_bytes();
            let own = digits.get(shift + 1..digits.len().saturating_sub(3));
            for window in own.unwrap_or_default().windows(BASE64_WINDOW) {
                forms.insert(window.to_vec());
            }
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"kJ8sLq2ZpX7vTn4WcR1yBd6MfH3gAe9U";

    fn sought() -> Sought {
        Sought::new(&[
            (What::Plaintext, SECRET),
            (
                What::Record,
                &[7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
            ),
        ])
    }

    #[test]
    fn every_form_of_any_twelve_bytes_is_found() {
        let sought = sought();
        let twelve = &SECRET[9..21];
        let each =
            |escape: fn(&u8) -> String| twelve.iter().map(escape).collect::<Vec<_>>().concat();
        let digits = each(|byte| format!("{byte:02x}"));
        let percent = each(|byte| format!("%{byte:02X}"));
        let json = each(|byte| format!("\\u00{byte:02x}"));
        for text in [
            String::from_utf8(twelve.to_vec()).unwrap(),
            digits.to_uppercase(),
            digits,
            percent.to_lowercase(),
            percent,
            json,
        ] {
            let found = sought.in_bytes(format!("before {text} after").as_bytes());
            assert_eq!(
                found,
                Found {
                    plaintext: u64::try_from(text.len()).unwrap(),
                    record: 0
                },
                "{text}"
            );
        }
        for shift in 0..3 {
            let text = format!(
                "{}{}",
                "x".repeat(shift),
                String::from_utf8(SECRET.to_vec()).unwrap()
            );
            assert!(
                sought
                    .in_bytes(STANDARD_NO_PAD.encode(&text).as_bytes())
                    .plaintext
                    >= 36,
                "{shift}"
            );
            assert!(
                sought
                    .in_bytes(URL_SAFE_NO_PAD.encode(&text).as_bytes())
                    .plaintext
                    >= 36,
                "{shift}"
            );
        }
        assert_eq!(
            sought.in_bytes(&SECRET[..11]).bytes(),
            0,
            "eleven are no window"
        );
        assert_eq!(sought.in_bytes(&[]).bytes(), 0);
    }

    #[test]
    fn what_stands_between_two_pieces_is_found_once() {
        let sought = sought();
        for offset in [
            0,
            1,
            PIECE - 40,
            PIECE - 33,
            PIECE - 12,
            PIECE - 1,
            PIECE,
            2 * PIECE + 5,
        ] {
            let mut bytes = vec![b'.'; 3 * PIECE];
            bytes[offset..offset + SECRET.len()].copy_from_slice(SECRET);
            let (found, read) = sought.in_stream(&mut bytes.as_slice()).unwrap();
            assert_eq!(
                found,
                Found {
                    plaintext: 32,
                    record: 0
                },
                "{offset}"
            );
            assert_eq!(read, 3 * u64::try_from(PIECE).unwrap());
        }
        let mut last = vec![b'.'; 500];
        last.extend_from_slice(&SECRET[20..]);
        assert_eq!(
            sought.in_stream(&mut last.as_slice()).unwrap().0.plaintext,
            12
        );
    }

    #[test]
    fn a_record_and_a_plaintext_are_told_apart() {
        let found = sought()
            .in_bytes(b"\x07\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0dkJ8sLq2ZpX7v");
        assert_eq!(
            found,
            Found {
                plaintext: 12,
                record: 14
            }
        );
    }
}
