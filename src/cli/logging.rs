//! Logs: to stderr, for people or as one JSON object a line.

use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, anyhow, bail};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{LogConfig, LogFormat};

/// Starts logging for the whole process.
pub(super) fn start(log: &LogConfig) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(&log.level)?)
        // Whoever reads the log may be gone. Of a line that can't be written it would be said on the same stderr, with a
        // panic: every request would fail, and the signal to stop too.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
        LogFormat::Text if io::stderr().is_terminal() => builder.try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
    started
        .map_err(|error| anyhow!(error))
        .context("logging can't be started")
}

fn filter(text: &str) -> anyhow::Result<EnvFilter> {
    // A word that is no level would be taken for a target: `--log-level inof` would switch everything else off.
    for word in text
        .split(',')
        .filter(|word| !word.contains(['=', '[', ']']))
    {
        if word.is_empty() || word.parse::<LevelFilter>().is_err() {
            bail!(
                "--log-level: {word:?} is neither a level (off, error, warn, info, debug, trace) nor a target with one (reprieve::store=debug)"
            );
        }
    }
    EnvFilter::try_new(text).context("--log-level")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_levels_and_targets_with_levels() {
        for text in ["info", "OFF", "warn,reprieve::store=debug"] {
            assert!(filter(text).is_ok(), "{text}");
        }
        for text in ["", "inof", "info,reprieve", "reprieve=loud", "info,"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }
}
