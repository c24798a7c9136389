//! What a run would do now; nothing is changed.

use super::super::Services;
use super::super::error::Result;
use super::run::{allowance, organizations};
use super::{Ask, Stop, due, size};
use crate::domain::clock::Ts;
use crate::domain::ids::OrgId;

/// What a run would do.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Entries that would go.
    pub would_purge: u64,
    /// Their rows.
    pub rows: u64,
    /// Each organization that has anything past its date, or whose retention is not valid.
    pub organizations: Vec<OrganizationPlan>,
    /// The purge stands still altogether.
    pub clock_jump: bool,
}

/// What a run would do with an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationPlan {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Entries that would go.
    pub would_purge: u64,
    /// Their rows.
    pub rows: u64,
    /// Entries past their date, whatever keeps them.
    pub past_date: u64,
    /// Of those, held or held until less than a day ago.
    pub held: u64,
    /// Of those, kept by a brake.
    pub braked: u64,
    /// Of those, kept since they were used within a day, where the organization says so.
    pub used: u64,
    /// Entries that could not be purged and are tried again later.
    pub blocked: u64,
    /// The earliest date that has passed.
    pub oldest: Option<Ts>,
    /// Why nothing of it would go, or no more.
    pub stopped: Option<Stop>,
}

/// Says what [`super::run`] would do now.
pub fn plan(services: &Services, ask: &Ask) -> Result<Plan> {
    let limits = &services.purging.limits;
    let mut plan = Plan {
        clock_jump: services
            .store
            .read(|conn| services.purging.guard.would_stop(conn, limits.max_downtime))?,
        ..Plan::default()
    };
    let mut left = ask.limit.unwrap_or(limits.run).min(limits.run);
    for organization in organizations(services, ask.organization)? {
        let found = services.store.read_snapshot(|conn| {
            let now = conn.now()?;
            let org = organization.id;
            let due = due(conn, org, now)?;
            let count = |number: i64| u64::try_from(number).unwrap_or(0);
            let (past_date, oldest) = conn.count_past_date(org, now)?;
            let mut found = OrganizationPlan {
                id: org,
                name: organization.name.clone(),
                would_purge: 0,
                rows: 0,
                past_date: count(past_date),
                held: count(conn.count_held_past_date(org, &due)?),
                braked: count(conn.count_braked_past_date(org, &due)?),
                used: count(conn.count_used_past_date(org, &due)?),
                blocked: count(conn.count_purge_failures(org)?),
                oldest,
                stopped: None,
            };
            if plan.clock_jump {
                found.stopped = Some(Stop::ClockJump);
            } else {
                match allowance(conn, services, &organization)? {
                    Err(stop) => found.stopped = Some(stop),
                    Ok(allowed) => {
                        let most = allowed.min(left);
                        let limit = i64::try_from(most).unwrap_or(i64::MAX);
                        let entries = conn.peek_due(org, &due, ask.ids.as_deref(), limit)?;
                        found.would_purge = u64::try_from(entries.len()).unwrap_or(u64::MAX);
                        found.rows = count(entries.iter().map(size).sum());
                        if found.would_purge == allowed {
                            found.stopped = Some(Stop::HourlyLimit);
                        }
                    }
                }
            }
            Result::Ok(found)
        })?;
        left -= found.would_purge;
        plan.would_purge += found.would_purge;
        plan.rows += found.rows;
        let invalid = found.stopped == Some(Stop::RetentionInvalid);
        if found.past_date > 0 || found.blocked > 0 || invalid {
            plan.organizations.push(found);
        }
    }
    Ok(plan)
}
