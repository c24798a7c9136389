//! What the service logs, at the level that says most, for tests that look for what must not be in it.

use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::EnvFilter;

struct Log {
    text: Vec<u8>,
    recordings: usize,
}

static LOG: Mutex<Log> = Mutex::new(Log {
    text: Vec::new(),
    recordings: 0,
});

fn log() -> MutexGuard<'static, Log> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that is logged while it lives, other tests' lines among it.
pub(crate) struct Recording {
    from: usize,
}

/// Starts to record. The client's own lines are left out: it is no part of the service.
pub(crate) fn record() -> Recording {
    static START: Once = Once::new();
    START.call_once(|| {
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("trace,ureq=off,ureq_proto=off"))
            .with_ansi(false)
            .with_writer(|| Sink)
            .try_init()
            .unwrap();
    });
    let mut log = log();
    log.recordings += 1;
    Recording {
        from: log.text.len(),
    }
}

impl Recording {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&log().text[self.from..]).into_owned()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let mut log = log();
        log.recordings -= 1;
        if log.recordings == 0 {
            log.text = Vec::new();
        }
    }
}

struct Sink;

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = log();
        if log.recordings > 0 {
            log.text.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
