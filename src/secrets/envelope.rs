//! The envelope: how one secret value becomes one record of the database, and back.
//!
//! ```text
//! format(1) | epoch(4, big-endian) | wrap_nonce(12) | wrapped_dek(32 + 16) | nonce(12) | ciphertext | tag(16)
//! ```
//!
//! A data key made for this one value encrypts it with AES-256-GCM; the key-encryption key of an epoch
//! encrypts the data key likewise. The plaintext is `length(4, big-endian) | value | zeros`, so that a record
//! has one of four sizes and its slot can be overwritten in place; sizes also hide the length of a password.
//!
//! What must stay true:
//! * Both layers authenticate the [`Binding`]: a record that was moved to another row, or put back after its
//!   generation was raised, does not open.
//! * The epoch is bound by the wrapping layer only, so a rotation wraps the data key anew and leaves the rest.
//! * A data key encrypts one message. Random 96-bit nonces thus matter for key-encryption keys alone: NIST
//!   SP 800-38D, section 8.3, allows 2^32 uses of one key with them. Epochs end far below.
//! * `DoesNotOpen` has no detail: a caller that could tell a wrong tag from a wrong frame would be an oracle.
//! * The layout of format 1 never changes; another layout takes another first byte.

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::keyring::{Epoch, Keyring};
use super::value::SecretValue;

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;
const DEK_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const LENGTH_BYTES: usize = 4;
/// All of a record but its ciphertext.
const OVERHEAD: usize = 1 + 4 + 2 * (NONCE_BYTES + TAG_BYTES) + DEK_BYTES;

/// Where a record belongs. Sealing and opening must name the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The tenant.
    pub organization: Uuid,
    /// What owns the secret: `connection`, `integration`, ...
    pub owner_kind: &'a str,
    /// The id of the owner.
    pub owner: Uuid,
    /// The field of the owner that the secret is the value of.
    pub field: &'a str,
    /// The id of the record itself; a new value is a new record.
    pub record: Uuid,
    /// The owner's generation; shred and restore raise it.
    pub generation: i64,
}

/// The sizes a record can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SizeClass {
    /// 256 bytes: passwords, most tokens.
    Bytes256,
    /// 1,024 bytes: long tokens.
    Bytes1024,
    /// 4,096 bytes: private keys.
    Bytes4096,
    /// 16,384 bytes: service account files, certificate chains.
    Bytes16384,
}

impl SizeClass {
    /// Every class, smallest first.
    pub const ALL: [Self; 4] = [
        Self::Bytes256,
        Self::Bytes1024,
        Self::Bytes4096,
        Self::Bytes16384,
    ];

    /// The size of a whole record of this class.
    pub fn bytes(self) -> usize {
        match self {
            Self::Bytes256 => 256,
            Self::Bytes1024 => 1_024,
            Self::Bytes4096 => 4_096,
            Self::Bytes16384 => 16_384,
        }
    }

    /// The smallest class whose records hold a value of so many bytes.
    pub fn for_len(value_bytes: usize) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|class| value_bytes <= class.bytes() - OVERHEAD - LENGTH_BYTES)
    }

    fn of_record(record: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|class| record.len() == class.bytes())
    }
}

/// A sealed secret, ready to be stored.
pub struct Record {
    /// The record, exactly as long as its class says.
    pub bytes: Vec<u8>,
    /// The class, for choosing a slot.
    pub class: SizeClass,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// The ring has no key of this epoch.
    #[error("the keyring has no key of epoch {0}")]
    UnknownEpoch(Epoch),
    /// Not a record, not of this place and generation, or changed.
    #[error("the record does not open")]
    DoesNotOpen,
    /// No size class holds the value.
    #[error("the secret is too long for a record")]
    TooLong,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
}

/// Seals a value for one place, under the key of an epoch and a data key of its own.
pub fn seal(
    ring: &Keyring,
    epoch: Epoch,
    binding: &Binding<'_>,
    value: &SecretValue,
) -> Result<Record, EnvelopeError> {
    let class = SizeClass::for_len(value.expose().len()).ok_or(EnvelopeError::TooLong)?;
    let mut dek = Zeroizing::new([0; DEK_BYTES]);
    let mut nonce = [0; NONCE_BYTES];
    for target in [dek.as_mut_slice(), &mut nonce] {
        getrandom::fill(target).map_err(|_| EnvelopeError::Random)?;
    }
    let mut bytes = Vec::with_capacity(class.bytes());
    push_head(&mut bytes, ring, epoch, binding, &dek)?;
    // Encrypted where it stands: there is no second plaintext, and if anything fails the frame is wiped.
    let mut body = frame(value.expose(), class)?;
    let tag = cipher(&dek)
        .encrypt_inout_detached(
            &nonce.into(),
            &value_aad(binding)?,
            body.as_mut_slice().into(),
        )
        .map_err(|_| EnvelopeError::TooLong)?;

    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(&tag);
    Ok(Record { bytes, class })
}

/// Wraps the data key of a record under the key of another epoch; the value is not decrypted, and the record keeps its
/// size and its place. One that is under that epoch already stays as it is.
pub fn rewrap(
    ring: &Keyring,
    to: Epoch,
    binding: &Binding<'_>,
    record: &[u8],
) -> Result<Vec<u8>, EnvelopeError> {
    let parts = Parts::of(record).ok_or(EnvelopeError::DoesNotOpen)?;
    let dek = unwrap_dek(ring, binding, &parts)?;
    if parts.epoch == to {
        return Ok(record.to_vec());
    }
    let mut bytes = Vec::with_capacity(record.len());
    push_head(&mut bytes, ring, to, binding, &dek)?;
    bytes.extend_from_slice(parts.nonce);
    bytes.extend_from_slice(parts.ciphertext);
    bytes.extend_from_slice(parts.tag);
    Ok(bytes)
}

/// Begins a record: format, epoch, and the data key wrapped under the epoch's key.
fn push_head(
    bytes: &mut Vec<u8>,
    ring: &Keyring,
    epoch: Epoch,
    binding: &Binding<'_>,
    dek: &Zeroizing<[u8; DEK_BYTES]>,
) -> Result<(), EnvelopeError> {
    let kek = ring.kek(epoch).ok_or(EnvelopeError::UnknownEpoch(epoch))?;
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|_| EnvelopeError::Random)?;
    let mut wrapped = dek.clone();
    let tag = cipher(kek.bytes())
        .encrypt_inout_detached(
            &nonce.into(),
            &wrap_aad(binding, epoch)?,
            wrapped.as_mut_slice().into(),
        )
        .map_err(|_| EnvelopeError::TooLong)?;
    bytes.push(FORMAT);
    bytes.extend_from_slice(&epoch.get().to_be_bytes());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(wrapped.as_slice());
    bytes.extend_from_slice(&tag);
    Ok(())
}

/// Opens a record at the place where it was found.
pub fn open(
    ring: &Keyring,
    binding: &Binding<'_>,
    record: &[u8],
) -> Result<SecretValue, EnvelopeError> {
    let parts = Parts::of(record).ok_or(EnvelopeError::DoesNotOpen)?;
    let dek = unwrap_dek(ring, binding, &parts)?;
    let mut body = Zeroizing::new(parts.ciphertext.to_vec());
    cipher(&dek)
        .decrypt_inout_detached(
            &(*parts.nonce).into(),
            &value_aad(binding)?,
            body.as_mut_slice().into(),
            &(*parts.tag).into(),
        )
        .map_err(|_| EnvelopeError::DoesNotOpen)?;
    unframe(&body).ok_or(EnvelopeError::DoesNotOpen)
}

/// The epoch a record names in its first five bytes, without any proof; none if they are not a record's,
/// say because the slot was overwritten with zeros.
pub fn record_epoch(record: &[u8]) -> Option<Epoch> {
    let (&[format], rest) = record.split_first_chunk()?;
    let (epoch, _) = rest.split_first_chunk()?;
    if format == FORMAT {
        Epoch::try_from(i32::from_be_bytes(*epoch)).ok()
    } else {
        None
    }
}

/// A record taken apart, nothing of it proved yet.
struct Parts<'a> {
    epoch: Epoch,
    wrap_nonce: &'a [u8; NONCE_BYTES],
    wrapped: &'a [u8; DEK_BYTES],
    wrap_tag: &'a [u8; TAG_BYTES],
    nonce: &'a [u8; NONCE_BYTES],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_BYTES],
}

impl<'a> Parts<'a> {
    fn of(record: &'a [u8]) -> Option<Self> {
        SizeClass::of_record(record)?;
        let epoch = record_epoch(record)?;
        let (_, rest) = record.split_first_chunk::<{ 1 + 4 }>()?;
        let (wrap_nonce, rest) = rest.split_first_chunk()?;
        let (wrapped, rest) = rest.split_first_chunk()?;
        let (wrap_tag, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (ciphertext, tag) = rest.split_last_chunk()?;
        Some(Self {
            epoch,
            wrap_nonce,
            wrapped,
            wrap_tag,
            nonce,
            ciphertext,
            tag,
        })
    }
}

fn unwrap_dek(
    ring: &Keyring,
    binding: &Binding<'_>,
    parts: &Parts<'_>,
) -> Result<Zeroizing<[u8; DEK_BYTES]>, EnvelopeError> {
    let kek = ring
        .kek(parts.epoch)
        .ok_or(EnvelopeError::UnknownEpoch(parts.epoch))?;
    let mut dek = Zeroizing::new(*parts.wrapped);
    cipher(kek.bytes())
        .decrypt_inout_detached(
            &(*parts.wrap_nonce).into(),
            &wrap_aad(binding, parts.epoch)?,
            dek.as_mut_slice().into(),
            &(*parts.wrap_tag).into(),
        )
        .map_err(|_| EnvelopeError::DoesNotOpen)?;
    Ok(dek)
}

fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

fn frame(value: &str, class: SizeClass) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let length = u32::try_from(value.len()).map_err(|_| EnvelopeError::TooLong)?;
    // The whole capacity at once: a buffer that grows leaves its old place behind unwiped.
    let size = class.bytes() - OVERHEAD;
    let mut frame = Zeroizing::new(Vec::with_capacity(size));
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(value.as_bytes());
    frame.resize(size, 0);
    Ok(frame)
}

fn unframe(frame: &[u8]) -> Option<SecretValue> {
    let (length, rest) = frame.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (value, padding) = rest.split_at_checked(length)?;
    if padding.iter().any(|byte| *byte != 0) {
        return None;
    }
    SecretValue::copy_of(std::str::from_utf8(value).ok()?).ok()
}

/// What the inner layer authenticates. Every field has its length in front: joined without, `ab` + `c` and
/// `a` + `bc` would be one place.
fn value_aad(binding: &Binding<'_>) -> Result<Vec<u8>, EnvelopeError> {
    let mut aad = vec![FORMAT];
    for field in [
        binding.organization.as_bytes().as_slice(),
        binding.owner_kind.as_bytes(),
        binding.owner.as_bytes(),
        binding.field.as_bytes(),
        binding.record.as_bytes(),
        &binding.generation.to_be_bytes(),
    ] {
        push_field(&mut aad, field)?;
    }
    Ok(aad)
}

fn wrap_aad(binding: &Binding<'_>, epoch: Epoch) -> Result<Vec<u8>, EnvelopeError> {
    let mut aad = value_aad(binding)?;
    push_field(&mut aad, &epoch.get().to_be_bytes())?;
    Ok(aad)
}

fn push_field(aad: &mut Vec<u8>, field: &[u8]) -> Result<(), EnvelopeError> {
    let length = u32::try_from(field.len()).map_err(|_| EnvelopeError::TooLong)?;
    aad.extend_from_slice(&length.to_be_bytes());
    aad.extend_from_slice(field);
    Ok(())
}

#[cfg(test)]
mod tests;
