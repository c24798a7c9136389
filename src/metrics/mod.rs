//! Metrics: counters of what was done, and what a scrape looks up.
//!
//! What must stay true:
//! * A fact is counted once, after its commit; not when it was refused, rolled back or only answered again.
//! * Every label is from a closed set: nothing that a request sends makes a new one, and nothing of an organization, a
//!   name, an id or a secret is in it.
//! * A scrape answers whatever the database does, and looks into it seldom.
//!
//! `docs/metrics.md` lists every metric; a test compares it with what a scrape answers.

mod looks;
mod scrape;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::clock::Ts;
use crate::domain::kinds::{DeliveryOutcome, Outcome, RevocationOutcome, RootKind};
use looks::Looks;

pub use scrape::{CONTENT_TYPE, scrape};

/// What every name begins with.
const PREFIX: &str = "reprieve";
/// How long what a scrape found in the database is shown again.
pub const KEPT: Duration = Duration::from_secs(15);
/// From a look-up by key to a large deletion.
const REQUEST_SECONDS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];
/// Up to the longest that a request waits for its turn.
const WAIT_SECONDS: [f64; 7] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 5.0];
/// The methods that have a label of their own.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// The label of whatever has none of its own.
const OTHER: &str = "other";

/// Something that was done, and committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// A deletion moved something into the trash.
    Deleted(RootKind),
    /// An entry was restored.
    Restored(RootKind),
    /// A purge of an entry came to this.
    Purge(Purge),
    /// A test came to this.
    Tested(Outcome),
    /// A re-entry link was made.
    LinkCreated,
    /// A re-entry link was followed.
    LinkUsed,
    /// Nothing more becomes of the credentials of an owner at the source.
    Revoked(RevocationOutcome),
    /// A try to deliver to a webhook endpoint came to this.
    WebhookTried(DeliveryOutcome),
}

/// What a purge of an entry came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge {
    /// It is gone, by hand.
    ByHand,
    /// It is gone, since it was due.
    Due,
    /// It could not be purged, and stays.
    Failed,
}

impl Purge {
    const ALL: [Self; 3] = [Self::ByHand, Self::Due, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::ByHand => "by_hand",
            Self::Due => "due",
            Self::Failed => "failed",
        }
    }
}

/// Which turn at the database a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// One to read.
    Read,
    /// One to change something.
    Write,
}

impl Work {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// The metrics of this process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    looks: Looks,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    waits: Family<Label, Histogram, fn() -> Histogram>,
    busy: Family<Label, Counter>,
    deletions: Family<Label, Counter>,
    restores: Family<Label, Counter>,
    purges: Family<Label, Counter>,
    tests: Family<Label, Counter>,
    links: Family<Label, Counter>,
    revocations: Family<Label, Counter>,
    webhooks: Family<Label, Counter>,
}

/// One label from a closed set.
type Label = [(&'static str, &'static str); 1];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(KEPT)
    }
}

impl Metrics {
    /// Metrics that look into the database again after this long.
    pub fn new(kept: Duration) -> Self {
        let inner = Inner {
            registry: Registry::with_prefix(PREFIX),
            looks: Looks::new(kept),
            requests: Family::new_with_constructor(|| Histogram::new(REQUEST_SECONDS)),
            waits: Family::new_with_constructor(|| Histogram::new(WAIT_SECONDS)),
            busy: Family::default(),
            deletions: Family::default(),
            restores: Family::default(),
            purges: Family::default(),
            tests: Family::default(),
            links: Family::default(),
            revocations: Family::default(),
            webhooks: Family::default(),
        };
        Self(Arc::new(inner.registered()))
    }

    /// How long a request took. `route` is the template that took it, none if nothing did.
    pub fn request(&self, method: &str, route: Option<String>, status: u16, took: Duration) {
        let labels = RequestLabels {
            method: METHODS
                .into_iter()
                .find(|known| *known == method)
                .unwrap_or(OTHER),
            route: route.unwrap_or_else(|| OTHER.to_owned()),
            status: match status {
                100..=199 => "1xx",
                200..=299 => "2xx",
                300..=399 => "3xx",
                400..=499 => "4xx",
                _ => "5xx",
            },
        };
        let requests = &self.0.requests;
        requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// How long a request waited for its turn at the database, and whether it came.
    pub fn waited(&self, work: Work, waited: Duration, came: bool) {
        let label = [("work", work.as_str())];
        let waits = &self.0.waits;
        waits.get_or_create(&label).observe(waited.as_secs_f64());
        if !came {
            self.0.busy.get_or_create(&label).inc();
        }
    }

    /// Counts what a unit of work has done. After its commit: see [`crate::service::unit`].
    pub fn count(&self, facts: &[Fact]) {
        for fact in facts {
            self.0.counter(*fact).inc();
        }
    }
}

impl Inner {
    /// Registers what is kept in memory. What a closed set can count is there from the start, as 0: a rate needs two
    /// points.
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", build);
        let started = ConstGauge::new(seconds_since_1970(Ts::now()));
        registry.register_with_unit(
            "process_start_time",
            "When the process started, since 1970",
            Unit::Seconds,
            started,
        );
        registry.register_with_unit(
            "http_request_duration",
            "Requests: how long until the answer began",
            Unit::Seconds,
            self.requests.clone(),
        );
        registry.register_with_unit(
            "database_wait",
            "How long requests waited for their turn at the database",
            Unit::Seconds,
            self.waits.clone(),
        );
        let busy = self.busy.clone();
        registry.register(
            "database_busy",
            "Requests refused because their turn did not come",
            busy,
        );
        let deletions = self.deletions.clone();
        registry.register(
            "deletions",
            "Deletions by the kind of their root",
            deletions,
        );
        let restores = self.restores.clone();
        registry.register(
            "restores",
            "Restored entries by the kind of their root",
            restores,
        );
        let purges = self.purges.clone();
        registry.register("purges", "Purges of entries by what they came to", purges);
        let tests = self.tests.clone();
        registry.register(
            "connection_tests",
            "Tests of connections by what they came to",
            tests,
        );
        let links = self.links.clone();
        registry.register("reentry_links", "Re-entry links, made and followed", links);
        let revocations = self.revocations.clone();
        registry.register(
            "revocations",
            "Credentials of deleted owners by what became of them at the source",
            revocations,
        );
        let webhooks = self.webhooks.clone();
        registry.register(
            "webhook_attempts",
            "Tries to deliver to webhook endpoints by what they came to",
            webhooks,
        );
        for work in [Work::Read, Work::Write] {
            let label = [("work", work.as_str())];
            drop(self.waits.get_or_create(&label));
            drop(self.busy.get_or_create(&label));
        }
        for fact in Fact::all() {
            drop(self.counter(fact));
        }
        self
    }

    fn counter(&self, fact: Fact) -> Counter {
        let (family, label) = match fact {
            Fact::Deleted(kind) => (&self.deletions, ("kind", kind.as_str())),
            Fact::Restored(kind) => (&self.restores, ("kind", kind.as_str())),
            Fact::Purge(purge) => (&self.purges, ("outcome", purge.as_str())),
            Fact::Tested(outcome) => (&self.tests, ("outcome", outcome.as_str())),
            Fact::LinkCreated => (&self.links, ("step", "created")),
            Fact::LinkUsed => (&self.links, ("step", "used")),
            Fact::Revoked(outcome) => (&self.revocations, ("outcome", outcome.as_str())),
            Fact::WebhookTried(outcome) => (&self.webhooks, ("outcome", outcome.as_str())),
        };
        family.get_or_create_owned(&[label])
    }
}

impl Fact {
    /// Every fact there can be.
    fn all() -> impl Iterator<Item = Self> {
        let roots = RootKind::ALL.iter().copied();
        let outcomes = Outcome::ALL.iter().copied();
        // What is pending has not become anything yet.
        let revoked = RevocationOutcome::ALL
            .iter()
            .copied()
            .filter(|outcome| *outcome != RevocationOutcome::Pending);
        roots
            .clone()
            .map(Self::Deleted)
            .chain(roots.map(Self::Restored))
            .chain(Purge::ALL.into_iter().map(Self::Purge))
            .chain(outcomes.map(Self::Tested))
            .chain([Self::LinkCreated, Self::LinkUsed])
            .chain(revoked.map(Self::Revoked))
            .chain(DeliveryOutcome::ALL.iter().copied().map(Self::WebhookTried))
    }
}

/// A moment as OpenMetrics writes it.
fn seconds_since_1970(at: Ts) -> f64 {
    Duration::from_micros(u64::try_from(at.utc().timestamp_micros()).unwrap_or(0)).as_secs_f64()
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
