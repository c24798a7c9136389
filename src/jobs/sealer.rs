//! The sealer's thread: numbers and chains audit records soon after their commit. Any number of them may run at once, in
//! this process or others: what is safe, and why, stands in `service::audit::seal`.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::service::audit::seal;
use crate::store::Store;

/// How often it looks without being told: for what other processes wrote, and what had to wait for an older transaction.
const PERIOD: Duration = Duration::from_millis(500);
/// How long it waits after it was told: one round then seals what many requests wrote.
const GATHER: Duration = Duration::from_millis(20);

/// Tells the sealer that there is something to seal.
#[derive(Debug, Clone, Default)]
pub struct Sealer(Arc<Mutex<Option<SyncSender<bool>>>>);

impl Sealer {
    /// Says that a record was committed. Never waits: one nudge in the queue stands for all.
    pub fn nudge(&self) {
        self.send(false);
    }

    fn send(&self, stop: bool) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref() {
            let _ = sender.try_send(stop);
        }
    }

    fn listen(&self, sender: Option<SyncSender<bool>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sender;
    }
}

/// The running sealer.
pub struct Running {
    sealer: Sealer,
    stop: SyncSender<bool>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Seals what there is and ends the thread.
    pub fn stop(self) {
        self.sealer.listen(None);
        // A nudge may fill the queue: this waits until it is taken.
        let _ = self.stop.send(true);
        let _ = self.thread.join();
    }
}

/// Starts the thread.
pub fn start(store: Store, sealer: &Sealer) -> std::io::Result<Running> {
    let (stop, woken) = mpsc::sync_channel(1);
    sealer.listen(Some(stop.clone()));
    let thread = std::thread::Builder::new()
        .name("sealer".to_owned())
        .spawn(move || work(&store, &woken))?;
    Ok(Running {
        sealer: sealer.clone(),
        stop,
        thread,
    })
}

fn work(store: &Store, woken: &mpsc::Receiver<bool>) {
    loop {
        let stop = match woken.recv_timeout(PERIOD) {
            Ok(stop) => stop,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        if !stop {
            std::thread::sleep(GATHER);
        }
        if let Err(error) = seal::round(store) {
            tracing::warn!(%error, "audit records could not be sealed; it is tried again");
        }
        if stop {
            return;
        }
    }
}
