//! A scrape: what is counted in memory, then what is looked up, in the OpenMetrics text format.

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use super::{PREFIX, seconds_since_1970};
use crate::domain::alarms::AlarmCode;
use crate::service::Services;
use crate::store::PoolUse;
use crate::store::figures::{Figures, Standing};

/// The type of [`scrape`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything, as text. Says what is in memory also while the database says nothing.
pub async fn scrape(services: &Services) -> Result<String, fmt::Error> {
    let metrics = &services.metrics.0;
    // Before the look, which is none of the service's work.
    let pools = services.store.pools();
    let figures = metrics.looks.figures(&services.store).await;
    let mut looked_up = Registry::with_prefix(PREFIX);
    register_process(&mut looked_up, services);
    register_pools(&mut looked_up, &pools);
    gauge(
        &mut looked_up,
        "database_up",
        "Whether the database told what this scrape asks of it",
        i64::from(figures.is_some()),
    );
    if let Some(figures) = figures {
        register_figures(&mut looked_up, &figures);
    }
    let mut text = String::new();
    encode_registry(&mut text, &metrics.registry)?;
    encode_registry(&mut text, &looked_up)?;
    encode_eof(&mut text)?;
    Ok(text)
}

fn register_process(registry: &mut Registry, services: &Services) {
    let ready = i64::from(services.vault.problem().is_none());
    gauge(
        registry,
        "vault_ready",
        "Whether secrets can be entered and read; 0 is locked mode",
        ready,
    );
    let (uses, lost) = services.uses.totals();
    for (name, help, total) in [
        (
            "trash_uses",
            "Calls that named something in the trash",
            uses,
        ),
        (
            "trash_uses_not_noted",
            "Those of them that no entry shows, for want of room",
            lost,
        ),
    ] {
        let counter = Counter::<u64>::default();
        counter.inc_by(total);
        registry.register(name, help, counter);
    }
    if let Some(bytes) = resident_bytes() {
        registry.register_with_unit(
            "process_resident_memory",
            "Memory of the process",
            Unit::Bytes,
            ConstGauge::new(bytes),
        );
    }
}

fn register_pools(registry: &mut Registry, pools: &[PoolUse]) {
    let connections = Family::<[(&str, &str); 2], Gauge>::default();
    let most = Family::<[(&str, &str); 1], Gauge>::default();
    let timeouts = Family::<[(&str, &str); 1], Counter>::default();
    for pool in pools {
        let name = ("pool", pool.name);
        for (state, count) in [("in_use", pool.in_use), ("idle", pool.idle)] {
            let labels = [name, ("state", state)];
            connections.get_or_create(&labels).set(i64::from(count));
        }
        most.get_or_create(&[name]).set(i64::from(pool.most));
        timeouts.get_or_create(&[name]).inc_by(pool.timeouts);
    }
    registry.register(
        "database_connections",
        "Connections of the pool by what they do",
        connections,
    );
    registry.register(
        "database_connections_limit",
        "The most connections that the pool opens",
        most,
    );
    registry.register(
        "database_connection_timeouts",
        "Waits for a connection of the pool that ended without one",
        timeouts,
    );
}

fn register_figures(registry: &mut Registry, figures: &Figures) {
    let entries = Family::<[(&str, &str); 1], Gauge>::default();
    for (state, count) in [("in_trash", figures.in_trash), ("purging", figures.purging)] {
        entries.get_or_create(&[("state", state)]).set(count);
    }
    registry.register("trash_entries", "Entries whose rows are there", entries);
    let blocked = Family::<[(&str, &str); 1], Gauge>::default();
    for reason in Standing::BLOCKED {
        let (count, _) = figures.due(reason);
        blocked
            .get_or_create(&[("reason", reason.as_str())])
            .set(count);
    }
    let (eligible, oldest) = figures.due(Standing::Eligible);
    gauge(
        registry,
        "purge_eligible_entries",
        "Entries that are due and that nothing keeps",
        eligible,
    );
    registry.register(
        "purge_blocked_entries",
        "Entries that are due and that something keeps",
        blocked,
    );
    seconds(
        registry,
        "purge_oldest_overdue",
        "How long the oldest eligible entry has been due",
        figures.age(oldest),
    );
    gauge(
        registry,
        "erasure_jobs_pending",
        "Deletions whose secrets are shredded and not erased yet",
        figures.erasure_pending,
    );
    seconds(
        registry,
        "erasure_oldest_pending",
        "How long the oldest of them has waited",
        figures.age(figures.erasure_oldest),
    );
    registry.register_with_unit(
        "residue",
        "What the last standing check found of a deleted secret",
        Unit::Bytes,
        ConstGauge::new(figures.residue),
    );
    seconds(
        registry,
        "residue_checked_timestamp",
        "When that check was, since 1970; 0 if there was none",
        figures.residue_checked.map_or(0.0, seconds_since_1970),
    );
    let alarms = Family::<[(&str, &str); 1], Gauge>::default();
    for code in AlarmCode::ALL {
        let open = figures.alarms(*code);
        alarms.get_or_create(&[("code", code.as_str())]).set(open);
    }
    registry.register("alarm", "Open alarms", alarms);
    gauge(
        registry,
        "audit_unsealed",
        "Audit records that have no number yet, counted up to 10000",
        figures.unsealed,
    );
    gauge(
        registry,
        "webhook_deliveries_pending",
        "Deliveries to webhook endpoints that are pending, counted up to 10000",
        figures.deliveries,
    );
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: i64) {
    registry.register(name, help, ConstGauge::new(value));
}

fn seconds(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    gauge.set(value);
    registry.register_with_unit(name, help, Unit::Seconds, gauge);
}

/// Linux only; elsewhere the metric is not there.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
