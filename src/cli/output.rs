//! What the subcommands write: results to stdout, the rest to stderr.

use std::io::{self, ErrorKind, Write as _};
use std::iter::repeat_n;

use anyhow::Context as _;

use crate::service::keys::PREFIX as KEY_PREFIX;

/// Writes a result. A reader that went away (`| head`) is no failure.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    match try_say(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("stdout can't be written to"),
    }
}

/// Writes a result that must arrive.
pub(super) fn try_say(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", text.trim_end())?;
    stdout.flush()
}

/// Writes a remark to stderr.
pub(super) fn remark(text: &str) {
    // Nobody is left to tell if stderr is gone.
    let _ = writeln!(io::stderr(), "{}", text.trim_end());
}

/// Says what went wrong.
pub(super) fn complain(text: &str) {
    remark(&format!("reprieve: {}", without_keys(text)));
}

/// The text without API keys: one given in the wrong place must not end up in a terminal's or a job's log.
pub(super) fn without_keys(text: &str) -> String {
    let mut pieces = text.split(KEY_PREFIX);
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        shown.push_str(KEY_PREFIX);
        shown.push_str(if rest.len() == piece.len() { "" } else { "..." });
        shown.push_str(rest);
    }
    shown
}

/// An error with its causes on one line, each said once: some errors repeat their cause in their own words.
pub(super) fn chain(error: &anyhow::Error) -> String {
    let one_line = |text: String| text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    error
        .chain()
        .map(|cause| one_line(cause.to_string()))
        .fold(String::new(), |text, cause| {
            if text.is_empty() {
                cause
            } else if text.contains(&cause) {
                text
            } else {
                format!("{text}: {cause}")
            }
        })
}

/// A text from elsewhere on one line of a terminal: control characters could move its cursor.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                c.escape_debug().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// `1 model`, `2 models`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Lines with aligned columns; the first row is the heading.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |text: &String| text.chars().count();
    let widths = rows.iter().fold([0; N], |mut widths, row| {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).max(*widest);
        }
        widths
    });
    let line = |row: &[String; N]| {
        let mut text = String::new();
        for (cell, widest) in row.iter().zip(widths) {
            text.push_str(cell);
            text.extend(repeat_n(' ', widest - width(cell) + 2));
        }
        format!("{}\n", text.trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["ID", "NAME"], ["1", "Müller"], ["100", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "ID   NAME\n1    Müller\n100\n");
        assert_eq!(table::<2>(&[]), "");
    }

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow::anyhow!("disk full")
            .context("cannot write x: disk full")
            .context("start\n\tfailed");
        assert_eq!(chain(&error), "start failed: cannot write x: disk full");
    }

    #[test]
    fn an_api_key_is_not_repeated() {
        for (text, shown) in [
            (
                "unexpected 'rpv_01ab_02cd_ef' found",
                "unexpected 'rpv_...' found",
            ),
            ("rpv_1 rpv_2", "rpv_... rpv_..."),
            ("keys begin with rpv_", "keys begin with rpv_"),
            ("no key", "no key"),
        ] {
            assert_eq!(without_keys(text), shown);
        }
    }

    #[test]
    fn a_foreign_text_can_not_move_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(plain("Größe 🚀"), "Größe 🚀");
    }
}
