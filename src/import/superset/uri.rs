//! Takes a `SQLAlchemy` URI apart: `dialect+driver://username:password@host:port/database?query`.
//!
//! Not a URL parser's work: a password may hold `#`, `?` and `/` as they are, and a host may be none. The parts are
//! cut where `SQLAlchemy` cuts them, so that Superset and we mean the same by one text. What must stay true: no part of
//! the text is lost, and none of it shows in an error.

use zeroize::Zeroizing;

use super::error::Problem;

/// The parts of a URI, percent-decoded. Whoever reads one takes it, so what is left over is what nobody knows.
pub(super) struct Parts {
    pub(super) dialect: String,
    pub(super) username: Option<String>,
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    /// What follows the first `/`, still percent-encoded: its own slashes may mean something.
    pub(super) path: String,
    pub(super) query: Vec<(String, Zeroizing<String>)>,
}

impl Parts {
    pub(super) fn parse(uri: &str) -> Result<Self, Problem> {
        let (name, rest) = uri
            .trim()
            .split_once("://")
            .ok_or(fault("does not begin with `dialect://`"))?;
        let dialect = name
            .split_once('+')
            .map_or(name, |(dialect, _driver)| dialect);
        let known_form = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if dialect.is_empty() || dialect.len() > 40 || !dialect.bytes().all(known_form) {
            return Err(fault("does not begin with `dialect://`"));
        }

        let (username, password, rest) = split_user(rest);
        let (rest, query) = split_at_first(rest, '?');
        let (address, path) = split_at_first(rest, '/');
        let (host, port) = split_port(address)?;
        if host.contains('@') {
            return Err(fault("has an `@` in its password or host: write it as %40"));
        }
        Ok(Self {
            dialect: dialect.to_ascii_lowercase(),
            username: non_empty(username)?,
            password: match password {
                Some(text) if !text.is_empty() => Some(decode(text)?),
                _ => None,
            },
            host: non_empty(host)?,
            port,
            path: path.to_owned(),
            query: split_query(query)?,
        })
    }

    /// Takes a query parameter out, by any of its names.
    pub(super) fn take_query(&mut self, names: &[&str]) -> Option<Zeroizing<String>> {
        let at = self
            .query
            .iter()
            .position(|(name, value)| names.contains(&name.as_str()) && !value.is_empty())?;
        Some(self.query.remove(at).1)
    }

    /// Takes the path as one name.
    pub(super) fn take_path(&mut self) -> Result<Option<String>, Problem> {
        non_empty(&std::mem::take(&mut self.path))
    }

    /// Takes the path as two names, `first/second`.
    pub(super) fn take_path_pair(&mut self) -> Result<(Option<String>, Option<String>), Problem> {
        let path = std::mem::take(&mut self.path);
        let (first, second) = split_at_first(&path, '/');
        Ok((non_empty(first)?, non_empty(second)?))
    }
}

/// A problem of the URI.
pub(super) fn fault(fault: &'static str) -> Problem {
    Problem::BadUri { fault }
}

/// The username ends at the first `:`, the password at the first `@` after it.
fn split_user(rest: &str) -> (&str, Option<&str>, &str) {
    let head_length = rest.find([':', '/', '?']).unwrap_or(rest.len());
    let (head, tail) = rest.split_at_checked(head_length).unwrap_or((rest, ""));
    if let Some((password, address)) = tail.strip_prefix(':').and_then(|tail| tail.split_once('@'))
    {
        return (head, Some(password), address);
    }
    match head.rfind('@').and_then(|at| rest.split_at_checked(at)) {
        Some((username, address)) => (username, None, address.strip_prefix('@').unwrap_or(address)),
        None => ("", None, rest),
    }
}

fn split_port(address: &str) -> Result<(&str, Option<u16>), Problem> {
    let (host, port) = match address
        .strip_prefix('[')
        .and_then(|address| address.split_once(']'))
    {
        Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or(rest)),
        None => split_at_first(address, ':'),
    };
    let port = match port {
        "" => None,
        text => match text.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(fault("has a port that is not a number from 1 to 65535")),
        },
    };
    Ok((host, port))
}

fn split_query(query: &str) -> Result<Vec<(String, Zeroizing<String>)>, Problem> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = split_at_first(pair, '=');
            // Only in a query does a plus stand for a space.
            let spaced = |text: &str| Zeroizing::new(text.replace('+', " "));
            Ok((decode(&spaced(name))?.to_string(), decode(&spaced(value))?))
        })
        .collect()
}

fn split_at_first(text: &str, separator: char) -> (&str, &str) {
    text.split_once(separator).unwrap_or((text, ""))
}

fn non_empty(text: &str) -> Result<Option<String>, Problem> {
    if text.is_empty() {
        Ok(None)
    } else {
        Ok(Some(decode(text)?.to_string()))
    }
}

/// Percent-decoding. A `%` that begins no code stays what it is, as with `SQLAlchemy`.
fn decode(text: &str) -> Result<Zeroizing<String>, Problem> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                bytes.push(hex_value(*high) * 16 + hex_value(*low));
                after
            }
            _ => {
                bytes.push(byte);
                after
            }
        };
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(fault("has a percent code that is not valid UTF-8")),
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str) -> Parts {
        Parts::parse(uri)
            .map_err(|problem| problem.to_string())
            .unwrap()
    }

    fn password(parts: &Parts) -> Option<&str> {
        parts.password.as_ref().map(|text| text.as_str())
    }

    #[test]
    fn all_parts_are_found_and_decoded() {
        let parts = parts(
            "PostgreSQL+psycopg2://us%40er:p%2Fw%3A%20+@db.example:5433/sal%65s?sslmode=require&a=b+c%2B",
        );
        assert_eq!(parts.dialect, "postgresql");
        assert_eq!(parts.username.as_deref(), Some("us@er"));
        assert_eq!(password(&parts), Some("p/w: +"));
        assert_eq!(parts.host.as_deref(), Some("db.example"));
        assert_eq!(parts.port, Some(5433));
        assert_eq!(parts.path, "sal%65s");
        let query: Vec<_> = parts
            .query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(query, [("sslmode", "require"), ("a", "b c+")]);
    }

    #[test]
    fn a_password_may_hold_what_would_end_another_part() {
        let parts = parts("mysql://root:a/b?c#d:e@host/db");
        assert_eq!(password(&parts), Some("a/b?c#d:e"));
        assert_eq!(parts.host.as_deref(), Some("host"));
    }

    #[test]
    fn a_username_may_be_a_mail_address() {
        assert_eq!(
            parts("trino://ann@corp.example:pw@host/c")
                .username
                .as_deref(),
            Some("ann@corp.example")
        );
        assert_eq!(
            parts("trino://ann@host:8080/c").username.as_deref(),
            Some("ann")
        );
    }

    #[test]
    fn every_part_but_the_dialect_may_be_missing() {
        let bare = parts("bigquery://");
        assert!(
            bare.host.is_none()
                && bare.username.is_none()
                && bare.path.is_empty()
                && bare.query.is_empty()
        );
        let only_query = parts("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx;PWD%3Da%40b");
        assert_eq!(only_query.query[0].1.as_str(), "DRIVER=x;PWD=a@b");
        assert_eq!(
            parts("redshift://host?x=a:b@c").host.as_deref(),
            Some("host")
        );
    }

    #[test]
    fn an_ipv6_address_keeps_its_colons() {
        let parts = parts("postgresql://u:p@[2001:db8::1]:5432/x");
        assert_eq!(
            (parts.host.as_deref(), parts.port),
            (Some("2001:db8::1"), Some(5432))
        );
    }

    #[test]
    fn a_percent_sign_that_begins_no_code_stays() {
        assert_eq!(password(&parts("mysql://u:100%@h/")), Some("100%"));
        assert_eq!(password(&parts("mysql://u:%zz%4@h/")), Some("%zz%4"));
    }

    #[test]
    fn a_uri_that_can_not_be_read_is_refused_without_repeating_it() {
        for uri in [
            "hunter2",
            "",
            "hun ter2://x",
            "mysql://u:p@h:hunter2/",
            "mysql://u:p@h:0/",
            "mysql://u:p@h:99999/",
            "mysql://u:hun@ter2@h/",
            "mysql://u:%ff%fehunter2@h/",
        ] {
            let message = Parts::parse(uri)
                .err()
                .map(|problem| problem.to_string())
                .unwrap();
            assert!(
                message.starts_with("its `sqlalchemy_uri` ") && !message.contains("ter2"),
                "{message}"
            );
        }
    }
}
