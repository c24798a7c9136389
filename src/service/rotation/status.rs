//! What is known of the keys: for `reprieve keys status`, and for what entries say of them.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::{Epochs, Result, has, is_alive, number, span};
use crate::domain::clock::Ts;
use crate::jobs::keykeeper::Times;
use crate::secrets::KeySource;
use crate::secrets::keyring::Epoch;
use crate::service::Services;
use crate::store::rows::KeyEpochRow;

/// The keys of an installation. Holds none.
#[derive(Debug, Serialize)]
pub struct KeysView {
    /// Every epoch, oldest first.
    pub epochs: Vec<EpochView>,
    /// The running services.
    pub replicas: Vec<ReplicaView>,
    /// What is wrong with the keyring of this process.
    pub problem: Option<String>,
}

/// A key epoch.
#[derive(Debug, Serialize)]
pub struct EpochView {
    /// Its number.
    pub epoch: Epoch,
    /// `next`, `primary`, `in_use`, `retired` or `destroyed`.
    pub state: &'static str,
    /// How many secrets are under it.
    pub secrets: i64,
    /// When it was made.
    pub created_at: Ts,
    /// Since when new secrets were sealed under it.
    pub primary_since: Option<Ts>,
    /// Since when no secret has been under it.
    pub retired_at: Option<Ts>,
    /// From when on it can be destroyed, if it is retired.
    pub destroy_from: Option<Ts>,
    /// When it was destroyed.
    pub destroyed_at: Option<Ts>,
    /// Whether the keyring of this process has its key.
    pub in_keyring: bool,
    /// The running services that have its key.
    pub known_by: Vec<String>,
    /// The running services that lack it, if they need it.
    pub lacked_by: Vec<String>,
}

/// A service that uses the database.
#[derive(Debug, Serialize)]
pub struct ReplicaView {
    /// Its host and the address it listens on.
    pub name: String,
    /// Since when it runs.
    pub started_at: Ts,
    /// When it was heard of last.
    pub seen_at: Ts,
    /// Whether that is so short ago that it counts as running.
    pub alive: bool,
    /// What is wrong with its keyring.
    pub problem: Option<String>,
}

/// What is known of the keys.
pub fn status(services: &Services, grace: Duration) -> Result<KeysView> {
    let own = services.vault.epochs();
    services.store.read_snapshot(|conn| {
        let epochs = Epochs::read(conn)?;
        let primary = epochs.primary()?.epoch;
        let counts: HashMap<i32, i64> = conn.count_secrets_by_epoch()?.into_iter().collect();
        let (replicas, now) = (conn.list_replicas()?, conn.now()?);
        let mut views = Vec::with_capacity(epochs.0.len());
        for row in &epochs.0 {
            let epoch = number(row)?;
            let state = state(row, primary);
            let (known, lacking): (Vec<_>, Vec<_>) = replicas
                .iter()
                .filter(|replica| is_alive(replica, now))
                .partition(|replica| has(replica, epoch));
            let names = |of: Vec<&crate::store::rows::KeyReplicaRow>| {
                of.into_iter().map(|replica| replica.name.clone()).collect()
            };
            views.push(EpochView {
                epoch,
                state,
                secrets: counts.get(&row.epoch).copied().unwrap_or_default(),
                created_at: row.created_at,
                primary_since: row.primary_since,
                retired_at: row.retired_at,
                destroy_from: row
                    .retired_at
                    .filter(|_| row.destroyed_at.is_none())
                    .map(|at| at.plus(span(grace))),
                destroyed_at: row.destroyed_at,
                in_keyring: own.contains(&epoch),
                known_by: names(known),
                lacked_by: if state == "destroyed" {
                    Vec::new()
                } else {
                    names(lacking)
                },
            });
        }
        Ok(KeysView {
            epochs: views,
            replicas: replicas
                .iter()
                .map(|row| ReplicaView {
                    name: row.name.clone(),
                    started_at: row.started_at,
                    seen_at: row.seen_at,
                    alive: is_alive(row, now),
                    problem: row.problem.clone(),
                })
                .collect(),
            problem: services.vault.trouble(),
        })
    })
}

fn state(row: &KeyEpochRow, primary: i32) -> &'static str {
    if row.destroyed_at.is_some() {
        "destroyed"
    } else if row.is_primary {
        "primary"
    } else if row.epoch > primary {
        "next"
    } else if row.retired_at.is_some() {
        "retired"
    } else {
        "in_use"
    }
}

/// Since when no key is left that could open what was sealed up to an epoch: a secret may have been under each of the
/// earlier ones, and a backup may have it from then.
pub(in crate::service) fn destroyed_up_to(
    epochs: &[KeyEpochRow],
    epoch: Option<i32>,
) -> Option<Ts> {
    let epoch = epoch?;
    let mut last = None;
    for row in epochs.iter().filter(|row| row.epoch <= epoch) {
        last = last.max(Some(row.destroyed_at?));
    }
    last
}

/// When the rotation, as it is configured, will have destroyed every key that could open what was sealed up to an epoch;
/// else why nobody can say. A date that is over is one that was not kept.
pub(in crate::service) fn destroyed_by(
    epochs: &[KeyEpochRow],
    epoch: i32,
    times: Option<Times>,
    source: &KeySource,
) -> std::result::Result<Ts, &'static str> {
    if matches!(source, KeySource::File(_)) {
        return Err("The encryption key is given as one file, which is never rotated.");
    }
    let Some(times) = times else {
        return Err("Only a running server knows how often its keys are rotated: ask it.");
    };
    let Some(grace) = times.destruction else {
        return Err("Encryption keys are destroyed by hand only.");
    };
    let primary = epochs.iter().find(|row| row.is_primary);
    let mut last = None;
    for row in epochs
        .iter()
        .filter(|row| row.epoch <= epoch && row.destroyed_at.is_none())
    {
        // Retired minutes after the switch to the next one, so that is what counts until it is.
        let retired = match (row.retired_at, times.rotation) {
            (Some(at), _) => Some(at),
            (None, Some(interval)) if row.is_primary => {
                Some(primary_since(row).plus(span(interval)))
            }
            (None, None) if row.is_primary => None,
            (None, _) => primary.map(primary_since),
        };
        match retired {
            Some(at) => last = last.max(Some(at.plus(span(grace)))),
            None => return Err("The rotation of encryption keys is off."),
        }
    }
    last.ok_or("The database does not know the key epoch.")
}

fn primary_since(row: &KeyEpochRow) -> Ts {
    row.primary_since.unwrap_or(row.created_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_crypto_erased_while_one_of_the_keys_it_was_under_is_left() {
        let at = |day: u8| Ts::parse(&format!("2026-11-{day:02}T00:00:00Z"));
        let row = |epoch, destroyed_at| KeyEpochRow {
            epoch,
            check_value: String::new(),
            is_primary: false,
            created_at: at(1).unwrap(),
            destroyed_at,
            primary_since: None,
            retired_at: None,
        };
        let epochs = [row(1, at(10)), row(2, at(9)), row(3, None), row(4, at(12))];
        for (epoch, expected) in [
            (None, None),
            (Some(1), at(10)),
            (Some(2), at(10)),
            (Some(3), None),
            (Some(4), None),
        ] {
            assert_eq!(destroyed_up_to(&epochs, epoch), expected, "{epoch:?}");
        }
        assert_eq!(destroyed_up_to(&[], Some(1)), None);
    }

    #[test]
    fn the_date_of_crypto_erasure_is_what_the_configured_rotation_comes_to() {
        let at = |day: u8| Ts::parse(&format!("2026-11-{day:02}T00:00:00Z"));
        let row = |epoch, primary_since: Option<Ts>, retired_at, destroyed_at| KeyEpochRow {
            epoch,
            check_value: String::new(),
            is_primary: epoch == 4,
            created_at: at(1).unwrap(),
            destroyed_at,
            primary_since,
            retired_at,
        };
        // Destroyed, retired, behind us with secrets still under it, primary.
        let epochs = [
            row(1, at(1), at(2), at(3)),
            row(2, at(2), at(4), None),
            row(3, at(4), None, None),
            row(4, at(6), None, None),
        ];
        let days = |days: u64| Duration::from_hours(24 * days);
        let times = |rotation: Option<u64>, destruction: Option<u64>| {
            Some(Times {
                rotation: rotation.map(days),
                destruction: destruction.map(days),
                look: days(1),
            })
        };
        let folder = KeySource::Folder("keys".into());
        let by = |epoch, times| destroyed_by(&epochs, epoch, times, &folder).ok();
        let usual = times(Some(10), Some(5));
        assert_eq!(by(2, usual), at(9));
        assert_eq!(by(3, usual), at(11));
        assert_eq!(by(4, usual), at(21));
        let no_rotation = times(None, Some(5));
        assert_eq!(
            (by(2, no_rotation), by(3, no_rotation), by(4, no_rotation)),
            (at(9), at(11), None)
        );
        assert_eq!(by(2, times(Some(10), None)), None);
        assert_eq!(by(2, None), None);
        let file = KeySource::File("key".into());
        assert!(destroyed_by(&epochs, 2, usual, &file).is_err());
    }
}
