//! Texts that prove who holds them, `<prefix><organization>_<id>_<secret>`: API keys, the codes of re-entry links and
//! their cookies. The organization leads the look-up; only a digest of the 256-bit secret is stored (a slow hash would
//! buy nothing and cost every request).

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::error::{Error, Result};
use crate::domain::ids::OrgId;

const SECRET_BYTES: usize = 32;

/// A token as it was made, or as somebody sent it; then nothing has proved it yet.
pub(super) struct Token {
    pub(super) org: OrgId,
    pub(super) id: Uuid,
    secret: Zeroizing<String>,
}

impl Token {
    /// A new one.
    pub(super) fn mint(org: OrgId, id: Uuid) -> Result<Self> {
        let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|error| {
            Error::Internal(format!(
                "the operating system gave no random bytes: {error}"
            ))
        })?;
        Ok(Self {
            org,
            id,
            secret: Zeroizing::new(hex(bytes.as_slice())),
        })
    }

    /// Takes a text apart; `None` for anything else.
    pub(super) fn parse(prefix: &str, text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(prefix)?.splitn(3, '_');
        let (org, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let uuid = |part: &str| {
            (part.len() == 32)
                .then(|| Uuid::try_parse(part).ok())
                .flatten()
        };
        (secret.len() == SECRET_BYTES * 2).then_some(())?;
        Some(Self {
            org: OrgId(uuid(org)?),
            id: uuid(id)?,
            secret: Zeroizing::new(secret.to_owned()),
        })
    }

    /// The text, which is shown once.
    pub(super) fn text(&self, prefix: &str) -> String {
        let (org, id) = (self.org.0.simple(), self.id.simple());
        format!("{prefix}{org}_{id}_{}", *self.secret)
    }

    /// The secret part, which is stored nowhere.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// What is stored.
    pub(super) fn digest(&self) -> String {
        hex(&Sha256::digest(&*self.secret))
    }

    /// Whether this is the token of a stored digest. One that is unknown is compared too, so that it takes as long.
    pub(super) fn matches(&self, stored: Option<&str>) -> bool {
        let stored = stored.unwrap_or_default();
        self.digest().as_bytes().ct_eq(stored.as_bytes()).into()
    }
}

/// Bytes as lower case digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_token_of_its_own_kind_parses() {
        let (org, id) = (Uuid::now_v7().simple(), Uuid::now_v7().simple());
        let secret = "ab".repeat(SECRET_BYTES);
        let whole = format!("rpv_{org}_{id}_{secret}");
        assert!(Token::parse("rpv_", &whole).is_some());
        assert!(Token::parse("rpe_", &whole).is_none());
        for broken in [
            "",
            "rpv_",
            "rpv___",
            whole.trim_start_matches('r'),
            whole.trim_end_matches('b'),
            &format!("rpv_{org}_{id}"),
            &format!("rpv_{org}_x_{secret}"),
            &format!("{whole}0"),
        ] {
            assert!(Token::parse("rpv_", broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn a_token_reads_back_and_matches_its_own_digest_alone() {
        let made = Token::mint(OrgId::mint(), Uuid::now_v7()).unwrap();
        let other = Token::mint(made.org, made.id).unwrap();
        let read = Token::parse("rpe_", &made.text("rpe_")).unwrap();
        assert_eq!((read.org, read.id), (made.org, made.id));
        assert!(read.matches(Some(&made.digest())));
        assert!(!read.matches(Some(&other.digest())));
        assert!(!read.matches(None));
    }
}
