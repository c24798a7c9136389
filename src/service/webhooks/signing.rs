//! Signing by the rules of Standard Webhooks (standardwebhooks.com, 1.0.0): HMAC-SHA256 of `id.timestamp.body`.
//!
//! What must stay true: the secret leaves as the text that is shown once, and in no other way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::super::error::{Error, Result};
use crate::secrets::value::SecretValue;

/// What every secret begins with, so that scanners know it.
const PREFIX: &str = "whsec_";
const BYTES: usize = 32;

/// A new secret: `whsec_` and 32 random bytes in Base64.
pub(super) fn mint() -> Result<SecretValue> {
    let mut bytes = Zeroizing::new([0_u8; BYTES]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| {
        Error::Internal(format!(
            "the operating system gave no random bytes: {error}"
        ))
    })?;
    let text = format!("{PREFIX}{}", *Zeroizing::new(STANDARD.encode(*bytes)));
    SecretValue::parse(text).map_err(|error| Error::Internal(error.to_string()))
}

/// What signs.
pub struct Signer(Zeroizing<Vec<u8>>);

impl Signer {
    /// Takes a secret as it was shown; `None` for what is none.
    pub fn parse(secret: &str) -> Option<Self> {
        let bytes = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
        (!bytes.is_empty()).then(|| Self(Zeroizing::new(bytes)))
    }

    /// The signature of a message at a moment, in seconds since 1970.
    fn sign(&self, id: &str, at: i64, body: &str) -> Option<String> {
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(body.as_bytes());
        Some(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    }
}

/// The header `webhook-signature`: a signature by each secret, the newest first.
pub fn header(signers: &[Signer], id: &str, at: i64, body: &str) -> String {
    let signatures: Vec<String> = signers
        .iter()
        .filter_map(|signer| signer.sign(id, at, body))
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the specification's own libraries are tested with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_published_vector_is_signed_as_published() {
        let signer = Signer::parse(SECRET).unwrap();
        assert_eq!(header(&[signer], ID, AT, BODY), SIGNATURE);
    }

    #[test]
    fn another_id_time_body_or_secret_gives_another_signature() {
        let by = |secret: &str, id: &str, at: i64, body: &str| {
            header(&[Signer::parse(secret).unwrap()], id, at, body)
        };
        let other = mint().unwrap();
        for signature in [
            by(SECRET, "msg_x", AT, BODY),
            by(SECRET, ID, AT + 1, BODY),
            by(SECRET, ID, AT, "{}"),
            by(other.expose(), ID, AT, BODY),
        ] {
            assert_ne!(signature, SIGNATURE);
        }
    }

    #[test]
    fn two_secrets_give_two_signatures_with_a_space_between() {
        let newer = mint().unwrap();
        let signers = [newer.expose(), SECRET].map(|secret| Signer::parse(secret).unwrap());
        let both = header(&signers, ID, AT, BODY);
        assert_eq!(both.split(' ').nth(1), Some(SIGNATURE));
        assert_eq!(both.split(' ').count(), 2);
    }

    #[test]
    fn a_new_secret_has_32_bytes_and_is_never_the_same() {
        let (one, other) = (mint().unwrap(), mint().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(Signer::parse(one.expose()).unwrap().0.len(), BYTES);
        for none in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%"] {
            assert!(Signer::parse(none).is_none(), "{none}");
        }
    }
}
