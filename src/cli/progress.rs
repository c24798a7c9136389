//! Progress on stderr, for whoever looks at a terminal; nothing anywhere else.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::service::transfer::{Stage, Watch};

/// A bar for each stage.
pub(super) struct Bar(Mutex<(Option<Stage>, ProgressBar)>);

impl Bar {
    pub(super) fn new() -> Self {
        Self(Mutex::new((None, ProgressBar::hidden())))
    }

    /// Takes the bar away: what comes next is the result.
    pub(super) fn clear(&self) {
        if let Ok(shown) = self.0.lock() {
            shown.1.finish_and_clear();
        }
    }
}

impl Watch for Bar {
    fn at(&self, stage: Stage, done: u64, total: Option<u64>) {
        let Ok(mut shown) = self.0.lock() else { return };
        if shown.0 != Some(stage) {
            shown.1.finish_and_clear();
            *shown = (Some(stage), bar(stage, total));
        }
        shown.1.set_position(done);
    }
}

fn bar(stage: Stage, total: Option<u64>) -> ProgressBar {
    // Draws nothing unless stderr is a terminal.
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let (what, of) = match stage {
        Stage::Exporting => ("exporting", "{human_pos}/{human_len} rows"),
        Stage::Validating => ("checking", "{binary_bytes}/{binary_total_bytes}"),
        Stage::Writing => ("writing", "{human_pos}/{human_len} rows"),
    };
    let template = format!("{what:>10} [{{bar:30}}] {of} ({{eta}})");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

/// A bar for the entries that a purge removes.
pub(super) struct PurgeBar(ProgressBar);

impl PurgeBar {
    pub(super) fn of(entries: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(entries), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(
            "   purging [{bar:30}] {human_pos}/{human_len} entries ({eta})",
        ) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So many are gone; more than were expected if some became due meanwhile.
    pub(super) fn at(&self, gone: u64) {
        if self.0.length().is_some_and(|expected| gone > expected) {
            self.0.set_length(gone);
        }
        self.0.set_position(gone);
    }

    /// Takes the bar away: what comes next is the result.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
