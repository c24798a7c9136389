//! The deliverer: turns events into deliveries to webhook endpoints and sends them, a few at a time.
//!
//! Any number of them may run at once, in this process or others: what is safe, and why, stands in
//! `service::webhooks::fan_out` and `sending`. In `locked` mode nothing can be signed: deliveries wait, and nothing is lost.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinSet, spawn_blocking};
use tokio::time::sleep;

use crate::domain::ids::{OrgId, WebhookId};
use crate::outbound::Dialer;
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::Result;
use crate::service::webhooks::sending::Parcel;
use crate::service::webhooks::{self, fan_out, sending};
use crate::store::{Conn, StoreError};

/// How long a delivery that ended is kept, for whoever asks what became of it.
const KEPT_FOR: chrono::Duration = chrono::Duration::days(30);
/// How often what is older is forgotten.
const TIDY: Duration = Duration::from_hours(1);
/// How long it waits after it was told of something: the events have to be sealed first.
const GATHER: Duration = Duration::from_millis(100);
/// A delivery that nobody has written down anything of for so long is sent again. Longer than a try may take.
const LEASE: chrono::Duration = chrono::Duration::seconds(60);

/// How much there is of each.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sends at once, and those to one endpoint.
    pub at_once: [usize; 2],
    /// Deliveries of one endpoint that may be pending; what is beyond waits in the feed.
    pub pending: i64,
    /// How long an endpoint may take to answer.
    pub answer: Duration,
    /// How often it looks without being told.
    pub period: Duration,
    /// What those that run get when the service stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: [8, 2],
            pending: 10_000,
            answer: Duration::from_secs(15),
            period: Duration::from_secs(1),
            grace: Duration::from_secs(3),
        }
    }
}

/// Tells the deliverer that there is something to send. Cheap to clone.
#[derive(Clone)]
pub struct Deliverer {
    woken: Arc<Notify>,
    /// How much there is of each.
    pub limits: Limits,
}

impl Default for Deliverer {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Deliverer {
    /// A handle, without a thread behind it yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            woken: Arc::default(),
            limits,
        }
    }

    /// Says that events were committed, or that something is to be sent again. Never waits.
    pub fn nudge(&self) {
        self.woken.notify_one();
    }
}

impl fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deliverer")
    }
}

/// The running deliverer.
pub struct Running {
    stopping: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Sends nothing more; what is on its way has a few seconds, and is sent again by whoever comes next otherwise.
    pub fn stop(self) {
        self.stopping.send_replace(true);
        let _ = self.thread.join();
    }
}

/// Starts the thread.
pub fn start(services: Services) -> std::io::Result<Running> {
    let (stopping, stopped) = watch::channel(false);
    let thread = std::thread::Builder::new()
        .name("deliverer".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => runtime.block_on(work(services, stopped)),
                Err(error) => tracing::warn!(%error, "no webhook is delivered: no runtime"),
            }
        })?;
    Ok(Running { stopping, thread })
}

type Endpoint = (OrgId, WebhookId);

/// The endpoints that something is being sent to, by task.
type Busy = HashMap<Id, Endpoint>;

async fn work(services: Services, mut stopping: watch::Receiver<bool>) {
    let (limits, woken) = (
        services.deliverer.limits,
        Arc::clone(&services.deliverer.woken),
    );
    let mut running: JoinSet<()> = JoinSet::new();
    let mut busy = Busy::new();
    let mut turn = 0_usize;
    let mut tidy_at = Instant::now() + TIDY;
    loop {
        turn = turn.wrapping_add(1);
        let (own, held) = (services.clone(), busy.clone());
        let tidy = Instant::now() >= tidy_at;
        let looked = spawn_blocking(move || {
            if tidy {
                tell("forget old deliveries", forget_old(&own));
            }
            round(&own, &held, turn)
        });
        if tidy {
            tidy_at = Instant::now() + TIDY;
        }
        for parcel in looked.await.unwrap_or_default() {
            let endpoint = (parcel.org, parcel.webhook);
            let task = running.spawn(deliver(services.clone(), parcel));
            busy.insert(task.id(), endpoint);
        }
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => break,
            Some(ended) = running.join_next_with_id() => {
                let task = ended.map_or_else(|error| error.id(), |(task, ())| task);
                busy.remove(&task);
            }
            () = woken.notified() => sleep(GATHER).await,
            () = sleep(limits.period) => {}
        }
    }
    let all = async { while running.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(limits.grace, all).await;
}

/// One look: turns events into deliveries, and claims what is due as far as there is room.
fn round(services: &Services, busy: &Busy, turn: usize) -> Vec<Parcel> {
    let limits = services.deliverer.limits;
    match look(services, limits.pending) {
        Ok(due) => claim(services, due, busy, turn),
        Err(error) => {
            // The database is away: once for each look is enough.
            tracing::warn!(%error, "the deliverer could not look what there is to send; it tries again");
            Vec::new()
        }
    }
}

/// Turns events into deliveries, and says which endpoints something is due for; without the keys nothing is.
fn look(services: &Services, most_pending: i64) -> Result<Vec<Endpoint>> {
    hand_out(services, most_pending)?;
    if services.vault.problem().is_some() {
        return Ok(Vec::new());
    }
    end_overlaps(services)?;
    Ok(services.store.read(|conn| {
        let now = conn.now()?;
        conn.webhooks_due(now)
    })?)
}

fn claim(services: &Services, mut due: Vec<Endpoint>, busy: &Busy, turn: usize) -> Vec<Parcel> {
    let limits = services.deliverer.limits;
    if !due.is_empty() {
        // Another one is first each time.
        let first = turn % due.len();
        due.rotate_left(first);
    }
    let mut room = limits.at_once[0].saturating_sub(busy.len());
    let mut parcels = Vec::new();
    for endpoint in due {
        let under_way = busy.values().filter(|held| **held == endpoint).count();
        let own = limits.at_once[1].saturating_sub(under_way).min(room);
        if own == 0 {
            continue;
        }
        match sending::claim(services, endpoint.0, endpoint.1, own, LEASE) {
            Ok(claimed) => {
                room = room.saturating_sub(claimed.len());
                parcels.extend(claimed);
            }
            Err(error) => {
                tracing::warn!(%error, webhook = %endpoint.1, "deliveries could not be claimed; it is tried again");
            }
        }
    }
    parcels
}

fn hand_out(services: &Services, most_pending: i64) -> Result<()> {
    for (org, webhook) in services.store.read(Conn::webhooks_behind)? {
        // What is wrong with one is no other's business.
        tell(
            "hand out events",
            fan_out::run(services, org, webhook, most_pending),
        );
    }
    Ok(())
}

fn end_overlaps(services: &Services) -> Result<()> {
    let over = services.store.read(|conn| {
        let now = conn.now()?;
        conn.webhooks_past_overlap(now)
    })?;
    for (org, webhook) in over {
        let caller = Caller::service(org);
        let ended = services.write_once(&caller, |tx| webhooks::end_overlap(tx, webhook));
        tell("end the overlap of secrets", ended);
    }
    Ok(())
}

async fn deliver(services: Services, parcel: Parcel) {
    let dialer: Dialer = services.prober.dialer().clone();
    let attempt = parcel.send(&dialer, services.deliverer.limits.answer).await;
    let written = spawn_blocking(move || {
        // Without it the lease runs out, and the delivery is sent again under the same id.
        tell(
            "write down what a try came to",
            sending::settle(&services, &parcel, attempt),
        );
    });
    let _ = written.await;
}

/// Forgets deliveries that ended a month ago.
pub fn forget_old(services: &Services) -> Result<()> {
    let mut after = None;
    loop {
        let page = services
            .store
            .read(|conn| conn.list_organizations(after, 200))?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        for organization in &page {
            // One organization a transaction: no statement spans two.
            services.store.write(|conn| {
                let before = conn.now()?.plus(-KEPT_FOR);
                for webhook in conn.list_webhooks(organization.id, None, 200)? {
                    conn.drop_deliveries(organization.id, webhook.id, before)?;
                }
                Ok::<_, StoreError>(())
            })?;
        }
    }
}

fn tell(what: &str, result: Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the deliverer could not {what}; it tries again");
    }
}
