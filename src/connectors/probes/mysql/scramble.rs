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

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reckoned by another program (Python's hashlib) from the formulas in the protocol's documentation.
    #[test]
    fn the_proofs_are_those_of_the_protocol() {
        assert_eq!(
            hex(&native(b"secret", NONCE)),
            "8817c50fa779daef010ee7577825b0847df9842e"
        );
        assert_eq!(
            hex(&caching_sha2(b"secret", NONCE)),
            "c76e2898612a4cf042c77fa8c4702c4c64c0c2c557c53c4d75595aaa6abae809"
        );
    }

    #[test]
    fn an_empty_password_has_an_empty_proof() {
        assert_eq!(native(b"", NONCE), b"");
        assert_eq!(caching_sha2(b"", NONCE), b"");
    }
}
