//! Checks the database against the promises, in one snapshot and without any key.

use std::collections::HashMap;

use serde::Serialize;

use super::Services;
use super::audit::AuditView;
use super::audit::chain::{Break, Walk};
use super::error::Result;
use super::views::missing_secrets;
use crate::connectors;
use crate::domain::ids::RootId;
use crate::domain::kinds::{OwnerKind, Status};
use crate::store::Conn;
use crate::store::checks::{self, Finding, TOLD};
use crate::store::filters::ConnectionFilter;
use crate::store::rows::{ConnectionRow, OrganizationRow, SecretRow};

#[cfg(test)]
mod tests;

/// Organizations, and connections of one, that are in memory at once.
const PAGE: i64 = 500;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Every check that was made.
    pub checks: Vec<Check>,
}

/// One thing that must be true.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What, in a few words.
    pub name: &'static str,
    /// Where it is not: at most 20, then how many more there are.
    pub problems: Vec<String>,
}

/// Checks the whole database.
pub fn verify(services: &Services) -> Result<Report> {
    services.store.read_snapshot(verify_on)
}

/// Checks the database behind a connection, in whose transaction nothing was read yet.
pub fn verify_on(conn: &mut Conn) -> Result<Report> {
    // Before the first SELECT, which takes the snapshot.
    conn.hold_slots()?;
    conn.allow_long_statements()?;
    let organizations = organizations(conn)?;
    let mut checks = Vec::new();
    let sqlite = conn.is_sqlite();
    for check in checks::checks()
        .iter()
        .filter(|check| sqlite || !check.only_sqlite)
    {
        let findings = conn.run_check(check)?;
        let total = findings.first().map_or(0, |finding| {
            usize::try_from(finding.total).unwrap_or(usize::MAX)
        });
        let told = findings
            .iter()
            .map(|finding| sentence(finding, &organizations))
            .collect();
        checks.push(Check {
            name: check.name,
            problems: and_more(told, total),
        });
    }
    checks.push(statuses(conn, &organizations)?);
    checks.push(chains(conn, &organizations)?);
    Ok(Report { checks })
}

/// The organizations by their ids as text.
type Organizations = HashMap<String, OrganizationRow>;

fn organizations(conn: &mut Conn) -> Result<Organizations> {
    let mut all = Organizations::new();
    let mut after = None;
    loop {
        let page = conn.list_organizations(after, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        after = Some(last.id);
        all.extend(page.into_iter().map(|row| (row.id.to_string(), row)));
    }
}

fn sentence(finding: &Finding, organizations: &Organizations) -> String {
    let Finding {
        org,
        place,
        id,
        fault,
        ..
    } = finding;
    let row = if id.is_empty() {
        place.clone()
    } else {
        format!("{place} {id}")
    };
    match organizations.get(org) {
        Some(organization) => format!("{row} of {}: {fault}", organization.name),
        None if org.is_empty() => format!("{row}: {fault}"),
        None => format!("{row} of the unknown organization {org}: {fault}"),
    }
}

fn and_more(mut told: Vec<String>, total: usize) -> Vec<String> {
    told.truncate(TOLD);
    if total > told.len() {
        told.push(format!("and {} more", total - told.len()));
    }
    told
}

/// A connection says that it needs credentials exactly when it does (promise 5). Which secrets are required is the
/// catalogue's to say, so this is asked here and not in SQL.
fn statuses(conn: &mut Conn, organizations: &Organizations) -> Result<Check> {
    let mut organizations: Vec<&OrganizationRow> = organizations.values().collect();
    organizations.sort_unstable_by_key(|organization| organization.id);
    let (mut told, mut total) = (Vec::new(), 0);
    for organization in organizations {
        let mut after = None;
        loop {
            let page =
                conn.list_connections(organization.id, &ConnectionFilter::default(), after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let owners: Vec<RootId> = page.iter().map(|row| row.id.into()).collect();
            let mut secrets: HashMap<RootId, Vec<SecretRow>> = HashMap::new();
            for secret in conn.secrets_of_many(organization.id, OwnerKind::Connection, &owners)? {
                secrets.entry(secret.owner_id).or_default().push(secret);
            }
            for row in &page {
                let own = secrets.remove(&row.id.into()).unwrap_or_default();
                if let Some(fault) = wrong_status(row, &own) {
                    total += 1;
                    if told.len() < TOLD {
                        told.push(format!(
                            "connections {} of {}: {fault}",
                            row.id, organization.name
                        ));
                    }
                }
            }
        }
    }
    Ok(Check {
        name: "statuses tell whether secrets are missing",
        problems: and_more(told, total),
    })
}

/// Each organization's audit records have the hashes that follow from them, and no number is left out.
fn chains(conn: &mut Conn, organizations: &Organizations) -> Result<Check> {
    let mut told = Vec::new();
    for organization in organizations.values() {
        let mut walk = Walk::new(organization.id);
        'chain: loop {
            let (seq, _) = walk.end();
            let page = conn.sealed_after(organization.id, seq, PAGE)?;
            if page.is_empty() {
                break;
            }
            for record in page {
                if let Err(Break { fault, .. }) = walk.check(&AuditView::new(record)) {
                    told.push(format!("audit_events of {}: {fault}", organization.name));
                    break 'chain;
                }
            }
        }
    }
    told.sort_unstable();
    let total = told.len();
    Ok(Check {
        name: "the audit chains are whole",
        problems: and_more(told, total),
    })
}

fn wrong_status(row: &ConnectionRow, secrets: &[SecretRow]) -> Option<String> {
    let Some(connector) = connectors::find(&row.connector) else {
        return Some(format!("has the unknown connector {}", row.connector));
    };
    let missing = missing_secrets(connector, secrets);
    match (row.status == Status::NeedsCredentials, missing.is_empty()) {
        (true, true) => Some("says that it needs credentials and has them all".to_owned()),
        (false, false) => Some(format!(
            "says that it is {} and lacks {}",
            row.status,
            missing.join(", ")
        )),
        _ => None,
    }
}
