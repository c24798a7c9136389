//! `reprieve purge`: one run, for people at a terminal, cron and Kubernetes.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, stdout};
use std::process::ExitCode;

use super::lines::{Line, Lines};
use crate::cli::output::{complain, say};
use crate::cli::people::words::quoted;
use crate::cli::progress::PurgeBar;
use crate::cli::{InWords as _, open, require_database};
use crate::config::Config;
use crate::domain::ids::OrgId;
use crate::service::purge::{self, Ask, Plan, Report, Stop};
use crate::service::{Services, organizations, watch};
use crate::store::{Conn, Store, migrate};

#[derive(clap::Args)]
pub(super) struct RunArgs {
    /// Only say what would go: the same numbers as the next run has
    #[arg(long)]
    validate_only: bool,
    /// No more entries than this, 10000 at most; the rest goes with the next run [default: 10000]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: Option<u64>,
    /// Only this organization, by name [default: all of them]
    #[arg(long, value_name = "NAME", env = "REPRIEVE_ORGANIZATION")]
    organization: Option<String>,
    /// As JSON: a line for each organization that has anything, then one in total; always so without a terminal
    #[arg(long)]
    json: bool,
}

impl RunArgs {
    /// Whether any was given; the organization may also stand in the environment, for other commands.
    pub(super) fn is_given(&self) -> bool {
        self.validate_only || self.limit.is_some() || self.json
    }
}

pub(super) fn run(args: &RunArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let lines = if is_unused(config)? {
        Lines::of(Vec::new(), args.validate_only)
    } else {
        purge(args, config)?
    };
    if args.json || !stdout().is_terminal() {
        say(&lines.json()?)?;
    } else {
        say(&lines.table())?;
    }
    Ok(judge(&lines))
}

/// Whether no service has begun to use this database: then nothing is in it, and its first encryption key must not be
/// made by a job, on a machine that may be gone tomorrow.
fn is_unused(config: &Config) -> anyhow::Result<bool> {
    require_database(config)?;
    let store = Store::open(config.database.clone(), config.pool_size)?;
    Ok(migrate::pending(&store)?.is_empty() && store.read(Conn::list_key_epochs)?.is_empty())
}

fn purge(args: &RunArgs, config: &Config) -> anyhow::Result<Lines> {
    let services = open(config)?;
    let ask = Ask {
        organization: organization(&services, args.organization.as_deref())?,
        ids: None,
        limit: args.limit,
    };
    let plan = purge::plan(&services, &ask).in_words()?;
    if args.validate_only {
        return Ok(planned(&plan));
    }
    let bar = PurgeBar::of(plan.would_purge);
    let report = purge::run(&services, None, &ask, &|gone| bar.at(gone));
    bar.clear();
    let report = report.in_words()?;
    let rest = Ask { limit: None, ..ask };
    let left = purge::plan(&services, &rest).in_words()?;
    let lines = done(&services, &report, &left)?;
    // What could not go is an alarm at once. The purge is over: its result is told, whatever becomes of this.
    if let Err(error) = watch::round(&services) {
        tracing::warn!(%error, "the alarms could not be brought up to date");
    }
    Ok(lines)
}

fn organization(services: &Services, name: Option<&str>) -> anyhow::Result<Option<OrgId>> {
    let Some(name) = name else { return Ok(None) };
    let row = services
        .store
        .read(|conn| organizations::choose(conn, Some(name)))
        .in_words()?;
    Ok(Some(row.id))
}

fn planned(plan: &Plan) -> Lines {
    let lines = plan.organizations.iter().map(|found| Line {
        organization: Some(found.name.clone()),
        organization_id: Some(found.id),
        validate_only: true,
        purged: found.would_purge,
        rows: found.rows,
        past_date: found.past_date,
        held: found.held,
        braked: found.braked,
        used: found.used,
        blocked: found.blocked,
        stopped: found.stopped,
        ..Line::default()
    });
    let mut lines = Lines::of(lines.collect(), true);
    if plan.clock_jump {
        lines.total.stopped = Some(Stop::ClockJump);
    }
    lines
}

/// `left` is what a run would do after this one: what is still there, and why.
fn done(services: &Services, report: &Report, left: &Plan) -> anyhow::Result<Lines> {
    let everywhere = |stop| report.stopped.contains(&(None, stop));
    let mut ids: BTreeSet<OrgId> = left.organizations.iter().map(|found| found.id).collect();
    ids.extend(report.organizations.keys());
    ids.extend(report.failed.iter().map(|failed| failed.org));
    let mut lines = Vec::new();
    for org in ids {
        let row = services.store.read(|conn| conn.find_organization(org))?;
        let found = left.organizations.iter().find(|found| found.id == org);
        let gone = report.organizations.get(&org).copied().unwrap_or_default();
        let failures: Vec<_> = report
            .failed
            .iter()
            .filter(|failed| failed.org == org)
            .collect();
        let own = report.stopped.iter().find(|(of, _)| *of == Some(org));
        let past_date = found.map_or(0, |found| found.past_date);
        let cut_off =
            everywhere(Stop::RunLimit) && found.is_some_and(|found| found.would_purge > 0);
        let stopped = own
            .map(|(_, stop)| *stop)
            .or(found.and_then(|found| found.stopped))
            .or(cut_off.then_some(Stop::RunLimit))
            // Of what nothing is left, nothing was stopped.
            .filter(|stop| stop.is_alarm() || past_date > 0);
        lines.push(Line {
            organization: row.map(|row| row.name),
            organization_id: Some(org),
            purged: gone.entries,
            rows: gone.rows,
            failed: u64::try_from(failures.len()).unwrap_or(u64::MAX),
            failures: failures.into_iter().map(Into::into).collect(),
            past_date,
            held: found.map_or(0, |found| found.held),
            braked: found.map_or(0, |found| found.braked),
            used: found.map_or(0, |found| found.used),
            blocked: found.map_or(0, |found| found.blocked),
            stopped,
            ..Line::default()
        });
    }
    let mut lines = Lines::of(lines, false);
    if everywhere(Stop::ClockJump) {
        lines.total.stopped = Some(Stop::ClockJump);
    }
    Ok(lines)
}

/// Says on stderr what somebody has to look at, and gives the exit code.
fn judge(lines: &Lines) -> ExitCode {
    let total = &lines.total;
    for line in &lines.organizations {
        let name = quoted(line.organization.as_deref().unwrap_or_default());
        if line.stopped == Some(Stop::RetentionInvalid) {
            complain(&format!(
                "nothing of {name} is purged, its retention is not valid: reprieve retention set --organization {name} --days DAYS"
            ));
        }
        if line.failed > 0 || line.blocked > 0 {
            complain(&format!(
                "{} of {name} could not be purged and will be tried again: reprieve purge status --organization {name}",
                line.blocked.max(line.failed)
            ));
        }
    }
    if total.stopped == Some(Stop::ClockJump) {
        complain("nothing is purged, the database's clock jumped: reprieve alarms list");
    }
    ExitCode::from(match total.stopped {
        Some(stop) if stop.is_alarm() => 2,
        _ if total.failed > 0 || total.blocked > 0 => 3,
        _ => 0,
    })
}
