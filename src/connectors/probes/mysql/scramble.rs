//! How the MySQL protocol proves that a password is known, without sending it.
//!
//! Both ways send `XOR(H(password), H(...))` with the server's random bytes in the second hash, so the proof is of no use
//! a second time. An empty password is proved by an empty answer.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// The random bytes of a server's greeting, or of its wish for another way.
pub(super) type Nonce = [u8; 20];

/// `mysql_native_password`: `XOR(SHA1(password), SHA1(nonce + SHA1(SHA1(password))))`.
pub(super) fn native(password: &[u8], nonce: &Nonce) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let hash = Sha1::digest(password);
    let mask = Sha1::new()
        .chain_update(nonce)
        .chain_update(Sha1::digest(hash))
        .finalize();
    xor(&hash, &mask)
}

/// `caching_sha2_password`: `XOR(SHA256(password), SHA256(SHA256(SHA256(password)) + nonce))`.
pub(super) fn caching_sha2(password: &[u8], nonce: &Nonce) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let hash = Sha256::digest(password);
    let mask = Sha256::new()
        .chain_update(Sha256::digest(hash))
        .chain_update(nonce)
        .finalize();
    xor(&hash, &mask)
}

fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(a, b)| a ^ b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &Nonce = b"abcdefghijklmnopqrst";

    /// Reckoned by another program (Python's hashlib) from the formulas in the protocol's documentation.
    #[test]
    fn the_proofs_are_those_of_the_protocol() {
        assert_eq!(
            native(b"secret", NONCE),
            b"\x88\x17\xc5\x0f\xa7\x79\xda\xef\x01\x0e\xe7\x57\x78\x25\xb0\x84\x7d\xf9\x84\x2e"
        );
        assert_eq!(
            caching_sha2(b"secret", NONCE),
            b"\xc7\x6e\x28\x98\x61\x2a\x4c\xf0\x42\xc7\x7f\xa8\xc4\x70\x2c\x4c\
              \x64\xc0\xc2\xc5\x57\xc5\x3c\x4d\x75\x59\x5a\xaa\x6a\xba\xe8\x09"
        );
    }

    #[test]
    fn an_empty_password_has_an_empty_proof() {
        assert_eq!(native(b"", NONCE), b"");
        assert_eq!(caching_sha2(b"", NONCE), b"");
    }
}
