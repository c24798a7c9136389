//! The keys that receipts are signed with, Ed25519, and which bytes exactly are signed.
//!
//! What must stay true: the signed bytes are [`PREFIX`] and then the payload as it is, so nobody has to write JSON anew to
//! check a signature, and no signature made for something else is one of a receipt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::value::SecretValue;

/// What stands in front of the payload in the bytes that are signed.
pub const PREFIX: &[u8] = b"reprieve-receipt-v1\n";
/// The length of a seed and of a public key.
const KEY_BYTES: usize = 32;

/// Why there is no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandom,
    /// The stored halves do not belong together.
    #[error("the private half of the key does not fit the public one")]
    Mismatch,
}

/// A key that signs.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// A new key: its seed as it is stored among the secrets, and its public half in Base64.
    pub fn make() -> Result<(SecretValue, String), SigningError> {
        let mut seed = Zeroizing::new([0_u8; KEY_BYTES]);
        getrandom::fill(seed.as_mut_slice()).map_err(|_| SigningError::NoRandom)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
            .map_err(|_| SigningError::Mismatch)?;
        let seed = SecretValue::parse(STANDARD.encode(seed.as_slice()))
            .map_err(|_| SigningError::Mismatch)?;
        Ok((seed, STANDARD.encode(pair.public_key())))
    }

    /// The key of a stored seed, if it is the one of this public half.
    pub fn open(seed: &SecretValue, public_key: &str) -> Result<Self, SigningError> {
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| SigningError::Mismatch);
        let seed = Zeroizing::new(decode(seed.expose())?);
        Ed25519KeyPair::from_seed_and_public_key(&seed, &decode(public_key)?)
            .map(Self)
            .map_err(|_| SigningError::Mismatch)
    }

    /// The signature of a payload, in Base64.
    pub fn sign(&self, payload: &[u8]) -> String {
        STANDARD.encode(self.0.sign(&signed_bytes(payload)))
    }
}

/// Whether a signature is one of this payload by the key of this public half.
pub fn is_signed(public_key: &[u8], payload: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key)
        .verify(&signed_bytes(payload), signature)
        .is_ok()
}

fn signed_bytes(payload: &[u8]) -> Vec<u8> {
    [PREFIX, payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> (SigningKey, Vec<u8>) {
        let (seed, public_key) = SigningKey::make().unwrap();
        let key = SigningKey::open(&seed, &public_key).unwrap();
        (key, STANDARD.decode(public_key).unwrap())
    }

    #[test]
    fn a_signature_is_of_one_payload_and_one_key() {
        let (key, public_key) = key();
        let signature = STANDARD.decode(key.sign(b"what was said")).unwrap();
        assert!(is_signed(&public_key, b"what was said", &signature));
        assert!(!is_signed(&public_key, b"what was sait", &signature));
        assert!(!is_signed(&public_key, b"what was said", &signature[1..]));
        let (_, other) = self::key();
        assert!(!is_signed(&other, b"what was said", &signature));
    }

    #[test]
    fn a_signature_is_of_a_receipt_and_of_nothing_else() {
        let (key, public_key) = key();
        let bare = key.0.sign(b"what was said");
        assert!(!is_signed(&public_key, b"what was said", bare.as_ref()));
    }

    #[test]
    fn a_seed_goes_with_its_own_public_half_alone() {
        let (seed, _) = SigningKey::make().unwrap();
        let (_, other) = SigningKey::make().unwrap();
        assert_eq!(
            SigningKey::open(&seed, &other).err(),
            Some(SigningError::Mismatch)
        );
    }

    /// RFC 8032, section 7.1, TEST 2: the signature is the standard's own and not one of ours alone.
    #[test]
    fn the_signatures_are_those_of_the_standard() {
        let bytes = |hex: &str| -> Vec<u8> {
            hex.as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect()
        };
        let seed = bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let public_key = bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let key = SigningKey::open(
            &SecretValue::parse(STANDARD.encode(seed)).unwrap(),
            &STANDARD.encode(&public_key),
        )
        .unwrap();
        let signature = bytes(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        assert_eq!(key.0.sign(&[0x72]).as_ref(), signature);
    }
}
