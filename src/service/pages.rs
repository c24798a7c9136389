//! Pages of lists: keyset, never OFFSET, with opaque tokens.
//!
//! A token names the list, the filter it was made for and where the next page begins. It needs no key (promise
//! 12): whoever alters one only chooses another place to begin within their own organization.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::error::{Error, Result};

const DEFAULT_SIZE: i64 = 50;
const MAX_SIZE: i64 = 200;

/// What a caller asked of a list: how many rows, and from where.
#[derive(Debug, Clone)]
pub struct PageQuery {
    size: i64,
    token: Option<String>,
}

/// Where a page begins: after this key.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<K>(pub K);

impl PageQuery {
    /// Checks the size.
    pub fn new(size: Option<i64>, token: Option<String>) -> Result<Self> {
        let size = size.unwrap_or(DEFAULT_SIZE);
        if !(1..=MAX_SIZE).contains(&size) {
            return Err(Error::field(
                "page_size",
                "out_of_range",
                "page_size goes from 1 to 200.",
            ));
        }
        Ok(Self { size, token })
    }

    /// A page as large as a bulk request may be.
    pub fn whole(rows: usize, token: Option<String>) -> Self {
        Self {
            size: i64::try_from(rows).unwrap_or(MAX_SIZE),
            token,
        }
    }

    /// Rows on a page.
    pub fn limit(&self) -> i64 {
        self.size
    }

    /// Where this page begins, from its token; a token of another list or filter is refused.
    pub fn cursor<K: DeserializeOwned>(
        &self,
        list: &str,
        filter: &impl std::fmt::Debug,
    ) -> Result<Option<Cursor<K>>> {
        let Some(token) = &self.token else {
            return Ok(None);
        };
        let refused = || {
            Error::field(
                "page_token",
                "invalid_page_token",
                "This page_token is not one of this list and filter; begin again without it.",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let (of, key): (String, K) = serde_json::from_slice(&bytes).map_err(|_| refused())?;
        if of != fingerprint(list, filter) {
            return Err(refused());
        }
        Ok(Some(Cursor(key)))
    }

    /// Cuts the row that was read beyond the page; answers whether there was one.
    pub fn cut<T>(&self, rows: &mut Vec<T>) -> bool {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        more
    }

    /// The token of the next page.
    pub fn next<K: Serialize>(
        &self,
        list: &str,
        filter: &impl std::fmt::Debug,
        more: bool,
        end: Option<Cursor<K>>,
    ) -> Option<String> {
        let Cursor(key) = end.filter(|_| more)?;
        serde_json::to_vec(&(fingerprint(list, filter), key))
            .ok()
            .map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn fingerprint(list: &str, filter: &impl std::fmt::Debug) -> String {
    let digest = Sha256::digest(format!("{list} {filter:?}"));
    URL_SAFE_NO_PAD.encode(digest.get(..9).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_the_list_and_filter_it_was_made_for() {
        let first = PageQuery::new(Some(2), None).unwrap();
        let token = first.next("a", &"f", true, Some(Cursor(7_i64)));
        let next = PageQuery::new(Some(2), token.clone()).unwrap();
        assert_eq!(next.cursor::<i64>("a", &"f").unwrap().unwrap().0, 7);
        assert!(next.cursor::<i64>("b", &"f").is_err());
        assert!(next.cursor::<i64>("a", &"g").is_err());
        for broken in ["", "x", "AAAA", "%%%"] {
            let page = PageQuery::new(None, Some(broken.to_owned())).unwrap();
            assert!(page.cursor::<i64>("a", &"f").is_err());
        }
    }

    #[test]
    fn a_page_has_1_to_200_rows() {
        for (size, fits) in [
            (0, false),
            (1, true),
            (200, true),
            (201, false),
            (-1, false),
        ] {
            assert_eq!(PageQuery::new(Some(size), None).is_ok(), fits);
        }
        let mut rows = vec![1, 2, 3];
        assert!(PageQuery::new(Some(2), None).unwrap().cut(&mut rows));
        assert_eq!(rows, [1, 2]);
    }
}
