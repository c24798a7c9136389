//! How the story is told: a heading for each step, plain sentences, the calls with their answers, the tables.

use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::client::{Answer, Call, Client};
use super::tables::{Sealed, Tables};
use crate::cli::output::say;
use crate::service::Services;

/// What is read easily on a terminal.
const WIDTH: usize = 100;

/// The stage with all that the story needs on it.
pub(super) struct Scene {
    pub(super) services: Services,
    pub(super) tables: Tables,
    /// Secrets as they were stored, whose bytes must be gone in the end.
    pub(super) shredded: Vec<Sealed>,
    /// The same secrets as they were typed.
    pub(super) typed: Vec<String>,
    client: Client,
    folder: PathBuf,
    pause: bool,
    step: usize,
}

impl Scene {
    pub(super) fn new(services: Services, client: Client, folder: &Path, pause: bool) -> Self {
        Self {
            services,
            tables: Tables::default(),
            shredded: Vec::new(),
            typed: Vec::new(),
            client,
            folder: folder.to_owned(),
            pause,
            step: 0,
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it is about, and what a reader needs to repeat the calls.
    pub(super) fn prologue(&mut self) -> anyhow::Result<()> {
        say(&format!(
            "Reprieve: a trash for connections, shown on a database that is thrown away.\n\n\
             A server runs on {url}. Each call below is sent to it; this makes them work in a second terminal:\n\n  \
             export URL={url}\n  export DEMO={demo}\n  export PASSWORD=anything\n  export KEY={key}\n",
            url = self.client.url(),
            demo = self.folder.display(),
            key = self.client.key(),
        ))?;
        self.tables.look(&self.services)?;
        Ok(())
    }

    /// One step; a failure in it says which it was.
    pub(super) fn step<T>(
        &mut self,
        title: &str,
        work: impl FnOnce(&mut Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if self.step > 0 {
            self.wait_for_enter()?;
        }
        self.step += 1;
        let head = format!("{}. {title}", self.step);
        let rule = "=".repeat(head.chars().count());
        say(&format!("\n{head}\n{rule}"))?;
        work(self).with_context(|| {
            format!(
                "the demo ends at step {} ({title}), which went another way than it tells",
                self.step
            )
        })
    }

    fn wait_for_enter(&mut self) -> anyhow::Result<()> {
        if !self.pause {
            return Ok(());
        }
        let mut stdout = io::stdout();
        write!(stdout, "\n[Enter goes on] ")?;
        stdout.flush()?;
        // The end of the input is the end of the pauses.
        if io::stdin().lock().read_line(&mut String::new())? == 0 {
            self.pause = false;
            say("")?;
        }
        Ok(())
    }

    /// Shows a call, sends it, shows these parts of its answer.
    pub(super) fn call(
        &mut self,
        call: &Call<'_>,
        status: u16,
        parts: &[&str],
    ) -> anyhow::Result<Answer> {
        let line = self.client.curl(call)?;
        say(&format!("\n  $ {line}"))?;
        let answer = self.quiet(call, status)?;
        note(&answer.line(parts)?)?;
        Ok(answer)
    }

    /// Sends a call that is like one that was shown.
    pub(super) fn quiet(&self, call: &Call<'_>, status: u16) -> anyhow::Result<Answer> {
        let answer = self.client.send(call)?;
        if answer.status != status {
            bail!(
                "the answer is {} and not {status}: {}",
                answer.status,
                answer.body
            );
        }
        Ok(answer)
    }

    pub(super) fn show_tables(&mut self) -> anyhow::Result<()> {
        let table = self.tables.look(&self.services)?;
        say("\n  In the tables:")?;
        note(&table)
    }

    /// What can be done now.
    pub(super) fn farewell(&mut self, stays: bool) -> anyhow::Result<()> {
        if !stays {
            return say("\nThat was the whole story.");
        }
        let (url, key) = (self.client.url(), self.client.key());
        say(&format!(
            "\nThe server is still running at {url} with this database.\n\
             Key: {key} (dies with it)\n\n\
             Try in a second terminal, after the four lines at the top:\n\n  \
             export REPRIEVE_API_KEY=$KEY REPRIEVE_URL=$URL\n  \
             reprieve trash list\n  \
             reprieve connection list\n  \
             curl -sS -H \"Authorization: Bearer $KEY\" \"$URL/v1/trash/summary\"\n\n\
             Ctrl-C ends it and removes the folder {}.",
            self.folder.display(),
        ))
    }
}

/// Sentences of the story.
pub(super) fn words(text: &str) -> anyhow::Result<()> {
    say(&format!("\n{}", wrapped(text)))
}

/// Lines of what was found.
pub(super) fn note(text: &str) -> anyhow::Result<()> {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    say(&lines.join("\n"))
}

/// The story must be as it is told.
pub(super) fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> anyhow::Result<()> {
    if holds { Ok(()) } else { bail!(otherwise()) }
}

/// The text in lines of this width; those that are indented stay as they are.
fn wrapped(text: &str) -> String {
    let mut lines = Vec::new();
    for given in text.lines() {
        if given.starts_with(' ') {
            lines.push(given.to_owned());
            continue;
        }
        let mut line = String::new();
        for word in given.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_wrapped_and_what_is_indented_is_not() {
        let long = "word ".repeat(30);
        let text = wrapped(&format!("{}\n    {long}", long.trim_end()));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].chars().count() <= WIDTH && lines[1].starts_with("word"));
        assert_eq!(lines[2].trim(), long.trim());
    }
}
