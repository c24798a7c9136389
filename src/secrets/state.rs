//! What a start finds: the keys of the ring against the epochs that the database knows.
//!
//! A pure function, so that every case is one row of a test. What must stay true:
//! * A key is made only where neither a key nor an epoch exists: a new key beside old records would hide that
//!   their key is missing.
//! * Without a key the service still deletes, restores, lists and purges (`Locked`); with a wrong one it uses
//!   no secret at all.
//! * An epoch that is destroyed needs no key. Whoever destroys one marks it first and removes the file then:
//!   the other way round a crash between the two leaves the service waiting for a key that is gone.

use std::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;

use super::keyring::{Epoch, Keyring};

/// An epoch as the database knows it.
#[derive(Clone, Copy)]
pub struct KnownEpoch {
    /// Its number.
    pub epoch: Epoch,
    /// What [`Keyring::check_value`] answered when the epoch was claimed.
    pub check_value: [u8; 32],
    /// No secret is under it any more.
    pub retired: bool,
    /// Its key was destroyed for good.
    pub destroyed: bool,
}

impl fmt::Debug for KnownEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownEpoch")
            .field("epoch", &self.epoch)
            .field("retired", &self.retired)
            .field("destroyed", &self.destroyed)
            .finish_non_exhaustive()
    }
}

/// What the start goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// No key and no epoch: make the first key, then claim it.
    CreateFirst,
    /// The ring has keys, the database knows none: write the check value of this epoch, the newest of the
    /// ring, and make it the primary one, in one transaction. Who loses that race refuses to start.
    Claim {
        /// The epoch to claim.
        epoch: Epoch,
    },
    /// New secrets are sealed under the primary epoch.
    Ready {
        /// The primary epoch.
        primary: Epoch,
    },
    /// No key, but epochs: everything works that needs no secret.
    Locked,
    /// The ring lacks the primary epoch, or an earlier one under which secrets may still be sealed: not ready
    /// until the ring has it.
    Behind {
        /// The missing epoch; the primary one first.
        needs: Epoch,
    },
}

/// Why no secret is used at all. Names the epoch, never a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyRefusal {
    /// The ring has another key than the one that the database's secrets are sealed under.
    #[error(
        "the key of epoch {epoch} is not the one this database was used with: put back its own key"
    )]
    CheckValueDiffers {
        /// The epoch whose key is wrong.
        epoch: Epoch,
    },
    /// Epochs are known, but none is the primary one.
    #[error("the database knows key epochs but no primary one: restore it from a backup")]
    NoPrimary,
    /// The primary epoch is not among the known ones.
    #[error("the database does not know its primary key epoch {epoch}: restore it from a backup")]
    PrimaryUnknown {
        /// The primary epoch.
        epoch: Epoch,
    },
    /// The primary epoch is marked as destroyed.
    #[error(
        "the primary key epoch {epoch} is marked as destroyed: make another epoch the primary one"
    )]
    PrimaryDestroyed {
        /// The primary epoch.
        epoch: Epoch,
    },
}

/// Compares the ring with what the database knows. `ring` is none where no key was found.
pub fn decide(
    ring: Option<&Keyring>,
    known: &[KnownEpoch],
    primary: Option<Epoch>,
) -> Result<KeyState, KeyRefusal> {
    let Some(primary) = check_database(known, primary)? else {
        return Ok(match ring {
            None => KeyState::CreateFirst,
            Some(ring) => KeyState::Claim {
                epoch: ring.newest(),
            },
        });
    };
    let Some(ring) = ring else {
        return Ok(KeyState::Locked);
    };
    let mut missing = None;
    for row in known.iter().filter(|row| !row.destroyed) {
        // A later epoch than the primary one is a rotation that has not been switched yet: nothing is
        // sealed under it, and the rings may still be getting its key one after the other. Under a retired
        // one nothing is sealed any more.
        let needed = row.epoch <= primary && !row.retired;
        match ring.check_value(row.epoch) {
            Some(found) if bool::from(found.as_slice().ct_eq(&row.check_value)) => {}
            Some(_) => return Err(KeyRefusal::CheckValueDiffers { epoch: row.epoch }),
            // The primary one is the latest of the needed, so the latest that is missing is named.
            None if needed => missing = missing.max(Some(row.epoch)),
            None => {}
        }
    }
    Ok(
        missing.map_or(KeyState::Ready { primary }, |needs| KeyState::Behind {
            needs,
        }),
    )
}

/// The primary epoch, if the database knows any and is at one with itself about them.
fn check_database(
    known: &[KnownEpoch],
    primary: Option<Epoch>,
) -> Result<Option<Epoch>, KeyRefusal> {
    let Some(epoch) = primary else {
        return if known.is_empty() {
            Ok(None)
        } else {
            Err(KeyRefusal::NoPrimary)
        };
    };
    match known.iter().find(|row| row.epoch == epoch) {
        None => Err(KeyRefusal::PrimaryUnknown { epoch }),
        Some(row) if row.destroyed => Err(KeyRefusal::PrimaryDestroyed { epoch }),
        Some(_) => Ok(Some(epoch)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(number: i32) -> Epoch {
        Epoch::try_from(number).unwrap()
    }

    /// An epoch claimed with a key that repeats one byte.
    fn claimed(number: i32, byte: u8) -> KnownEpoch {
        let ring = Keyring::of_bytes(&[(number, byte)]);
        let check_value = ring.check_value(epoch(number)).unwrap();
        KnownEpoch {
            epoch: epoch(number),
            check_value,
            retired: false,
            destroyed: false,
        }
    }

    fn retired(number: i32, byte: u8) -> KnownEpoch {
        KnownEpoch {
            retired: true,
            ..claimed(number, byte)
        }
    }

    fn destroyed(number: i32, byte: u8) -> KnownEpoch {
        KnownEpoch {
            destroyed: true,
            ..retired(number, byte)
        }
    }

    #[test]
    fn each_meeting_of_ring_and_database_has_one_outcome() {
        use KeyRefusal::{CheckValueDiffers, NoPrimary, PrimaryDestroyed, PrimaryUnknown};
        use KeyState::{Behind, Claim, CreateFirst, Locked, Ready};

        type Keys<'a> = &'a [(i32, u8)];
        type Outcome = Result<KeyState, KeyRefusal>;
        type Case<'a> = (&'a str, Keys<'a>, Vec<KnownEpoch>, Option<i32>, Outcome);
        let one = || vec![claimed(1, 11)];
        let two = || vec![claimed(1, 11), claimed(2, 12)];
        let turned = || vec![claimed(2, 12), claimed(1, 11)];
        let rotated = || vec![destroyed(1, 11), claimed(2, 12)];
        let ready = |number| {
            Ok(Ready {
                primary: epoch(number),
            })
        };
        let behind = |number| {
            Ok(Behind {
                needs: epoch(number),
            })
        };
        let claim = |number| {
            Ok(Claim {
                epoch: epoch(number),
            })
        };
        let differs = |number| {
            Err(CheckValueDiffers {
                epoch: epoch(number),
            })
        };
        let unknown = |number| {
            Err(PrimaryUnknown {
                epoch: epoch(number),
            })
        };
        #[rustfmt::skip]
        let cases: Vec<Case<'_>> = vec![
            ("no key, no epoch", &[], vec![], None, Ok(CreateFirst)),
            ("a key, no epoch", &[(1, 11)], vec![], None, claim(1)),
            ("keys, no epoch: the newest", &[(3, 13), (7, 17)], vec![], None, claim(7)),
            ("no key, an epoch", &[], one(), Some(1), Ok(Locked)),
            ("no key, a rotated epoch", &[], rotated(), Some(2), Ok(Locked)),
            ("the key of the epoch", &[(1, 11)], one(), Some(1), ready(1)),
            ("both keys", &[(1, 11), (2, 12)], two(), Some(2), ready(2)),
            ("both keys, not switched yet", &[(1, 11), (2, 12)], two(), Some(1), ready(1)),
            ("a key the database has yet to hear of", &[(1, 11), (2, 12)], one(), Some(1), ready(1)),
            ("a destroyed epoch needs no key", &[(2, 12)], rotated(), Some(2), ready(2)),
            ("a destroyed epoch's key is not compared", &[(1, 99), (2, 12)], rotated(), Some(2), ready(2)),
            ("a retired epoch's key may be missing", &[(2, 12)], vec![retired(1, 11), claimed(2, 12)], Some(2), ready(2)),
            ("a retired epoch's key is compared", &[(1, 99), (2, 12)], vec![retired(1, 11), claimed(2, 12)], Some(2), differs(1)),
            ("the later key is missing, not switched yet", &[(1, 11)], two(), Some(1), ready(1)),
            ("the primary key is missing", &[(1, 11)], two(), Some(2), behind(2)),
            ("the earlier key is missing", &[(2, 12)], two(), Some(2), behind(1)),
            ("all are missing: the primary first", &[(9, 19)], two(), Some(2), behind(2)),
            ("all are missing, known in another order", &[(9, 19)], turned(), Some(2), behind(2)),
            ("all are missing, not switched yet", &[(9, 19)], two(), Some(1), behind(1)),
            ("another key", &[(1, 99)], one(), Some(1), differs(1)),
            ("a key under another number", &[(1, 12)], two(), Some(2), differs(1)),
            ("another earlier key", &[(1, 99), (2, 12)], two(), Some(2), differs(1)),
            ("a wrong key outweighs a missing one", &[(2, 99)], two(), Some(1), differs(2)),
            ("epochs, none primary", &[(1, 11)], one(), None, Err(NoPrimary)),
            ("no key, epochs, none primary", &[], one(), None, Err(NoPrimary)),
            ("primary unknown", &[(1, 11)], one(), Some(2), unknown(2)),
            ("a primary, but no epoch", &[], vec![], Some(1), unknown(1)),
            ("primary destroyed", &[(1, 11)], vec![destroyed(1, 11)], Some(1), Err(PrimaryDestroyed { epoch: epoch(1) })),
        ];
        for (case, keys, known, primary, expected) in cases {
            let ring = (!keys.is_empty()).then(|| Keyring::of_bytes(keys));
            assert_eq!(
                decide(ring.as_ref(), &known, primary.map(epoch)),
                expected,
                "{case}"
            );
        }
    }

    #[test]
    fn one_wrong_bit_of_a_check_value_is_a_difference() {
        let ring = Keyring::of_bytes(&[(1, 11)]);
        for bit in 0..256 {
            let mut row = claimed(1, 11);
            row.check_value[bit / 8] ^= 1 << (bit % 8);
            let expected = Err(KeyRefusal::CheckValueDiffers { epoch: epoch(1) });
            assert_eq!(
                decide(Some(&ring), &[row], Some(epoch(1))),
                expected,
                "bit {bit}"
            );
        }
    }

    #[test]
    fn debug_shows_no_check_value() {
        let shown = format!("{:?}", destroyed(1, 11));
        assert_eq!(
            shown,
            "KnownEpoch { epoch: Epoch(1), retired: true, destroyed: true, .. }"
        );
    }
}
