//! What a text looks like: whether it carries a secret, whether it is a host or a URL.
//!
//! What must stay true: what passes as a host or a URL means the same to every reader. Other
//! programs read these values later, so a text that two of them could take for two different
//! hosts is refused. These are checks of the text only; which addresses may be dialled is judged
//! after the name is resolved.

use std::net::IpAddr;

use url::{Host, Url, form_urlencoded};

const LONGEST_HOST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// How the names of secret parameters end, in lower case without punctuation.
const SECRET_ENDINGS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "secretkey",
    "accesskey",
    "privatekey",
    "credential",
    "credentials",
    "signature",
];
/// Names of secret parameters that are too short to be looked for as an ending.
const SECRET_NAMES: &[&str] = &["pass", "sig", "key"];

/// Whether there is a private key, a user of a URL or the value of a secret parameter in it.
pub(super) fn contains_secret(text: &str) -> bool {
    text.contains("PRIVATE KEY-----") || contains_userinfo(text) || assigns_secret(text)
}

/// Whether an authority (what stands between `//` and the path) of any URL in it has a user.
fn contains_userinfo(text: &str) -> bool {
    let ends = |c: char| matches!(c, '/' | '\\' | '?' | '#') || c.is_whitespace();
    text.split("://").skip(1).any(|rest| {
        rest.split(ends)
            .next()
            .is_some_and(|authority| authority.contains('@'))
    })
}

/// Whether a secret parameter gets a value anywhere in it: in the query of a URL, or in a
/// whole connection string that was put into one field.
fn assigns_secret(text: &str) -> bool {
    let separates = |c: char| matches!(c, '?' | '&' | '#' | ';' | ',') || c.is_whitespace();
    text.split('=')
        .zip(text.split('=').skip(1))
        .any(|(before, after)| {
            let name = before
                .trim_end()
                .rsplit(separates)
                .next()
                .unwrap_or_default();
            let empty = after.is_empty() || after.starts_with(['&', ';', '#']);
            !empty && is_secret_name(name)
        })
}

fn is_secret_name(name: &str) -> bool {
    let decoded: String = form_urlencoded::parse(name.as_bytes())
        .map(|(name, _)| name.into_owned())
        .collect();
    let plain: String = decoded
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    SECRET_NAMES.contains(&plain.as_str())
        || SECRET_ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

/// A host name or a strict IP address. `127.1`, `0x7f.1` and `2130706433` are neither, although
/// resolvers take them for 127.0.0.1: a name whose last label is a number is refused.
pub(crate) fn is_host(text: &str) -> bool {
    let last = text
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let number = last.chars().all(|c| c.is_ascii_digit())
        || hex.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
    text.parse::<IpAddr>().is_ok() || (is_dotted_name(text) && !number)
}

/// A host name by its letters alone: labels of letters, digits, hyphens and underscores.
pub(super) fn is_dotted_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LONGEST_LABEL
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    text.len() <= LONGEST_HOST
        && text
            .strip_suffix('.')
            .unwrap_or(text)
            .split('.')
            .all(is_label)
}

/// An absolute `http` or `https` URL. The parser forgives what other parsers read differently
/// (backslashes, spaces, a third slash, an escaped host), so those are refused before it runs.
pub(crate) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let clear = !authority.is_empty()
        && !authority.contains('%')
        && !text.contains(|c: char| c == '\\' || c.is_whitespace());
    web && clear
        && Url::parse(text).is_ok_and(|url| match url.host() {
            Some(Host::Domain(domain)) => is_host(domain),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => false,
        })
}

/// A path that stays below the URL it is appended to, whoever reads it: one slash first, and nothing that a parser or the
/// server behind it could take for another host or for a way up.
pub(super) fn is_url_path(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or_default();
    let lower = path.to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '#');
    path.starts_with('/')
        && text.chars().all(plain)
        && !path.contains("//")
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
        && !["%2e", "%2f", "%5c"]
            .iter()
            .any(|code| lower.contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts are separated by bars, which are part of none of them.
    fn all(takes: fn(&str) -> bool, texts: &str) {
        for text in texts.split('|') {
            assert!(takes(text), "{text:?}");
        }
    }

    fn none(takes: fn(&str) -> bool, texts: &str) {
        for text in texts.split('|') {
            assert!(!takes(text), "{text:?}");
        }
    }

    #[test]
    fn a_host_is_one_name_or_one_strict_address() {
        all(
            is_host,
            "localhost|db.example.com|db.example.com.|my_db-1|3com.example",
        );
        all(is_host, "10.0.0.7|::1|2001:db8::5");
        all(is_host, &"a".repeat(63));
    }

    #[test]
    fn whatever_could_be_more_than_a_host_is_none() {
        none(
            is_host,
            "| |.|a..b|.a|-a|a-|a b|a,b|a@b|a%41|a\0|/tmp|a/b|a\\b|b\u{fc}cher.example",
        );
        none(
            is_host,
            "db.example:5432|https://db.example|[::1]|fe80::1%eth0",
        );
        none(is_host, &"a".repeat(64));
        none(is_host, &"a.".repeat(127));
    }

    #[test]
    fn a_number_that_resolvers_take_for_an_address_is_no_host() {
        none(is_host, "127.1|0x7f.1|2130706433|017700000001|0xa9fea9fe|0");
        none(is_host, "1.2.3.4.|256.1.1.1|evil.0x|a.7");
    }

    #[test]
    fn a_part_of_a_host_name_cannot_change_the_host() {
        all(
            is_dotted_name,
            "xy12345.eu-central-1.aws|org-account|us-east-1|EU|42",
        );
        none(
            is_dotted_name,
            "|evil.example/|evil.example#|evil.example?x|a:1|::1|a@b|a b|a%2f|a\\b",
        );
    }

    #[test]
    fn a_url_is_absolute_and_of_the_web() {
        all(
            is_url,
            "https://api.example.com|http://localhost:8080/v1/|https://[::1]:8443/",
        );
        all(
            is_url,
            "HTTPS://api.example.com/a?b=c#d|https://api.example.com/@me",
        );
        none(
            is_url,
            "|api.example.com|ftp://a.example|file:///etc/passwd|https:a.b|https://",
        );
        none(
            is_url,
            "https://?a|javascript://a.example|https://a.example:99999",
        );
    }

    #[test]
    fn a_url_that_two_readers_take_for_two_hosts_is_none() {
        none(
            is_url,
            "https:///a.example|https://good.example\\.evil.example| https://a.b",
        );
        none(
            is_url,
            "https://a b.example|https://ev%69l.example|https://a,b|https://a.b\n",
        );
        none(is_url, "ht\ttps://a.example");
    }

    #[test]
    fn a_path_stays_below_its_url() {
        all(
            is_url_path,
            "/|/me|/v1/users/me|/me?fields=id,name|/a.b/..c|/me/|/%20|/v1/?next=//a/../b",
        );
        none(
            is_url_path,
            "|me|?a=b|//evil.example|/a//b|/../a|/a/..|/./a|/a/.|/%2e%2e/a|/.%2E/a|/a%2fb|/a%5Cb|/a\\b|\\a|/a b|/a#b|/\u{fc}",
        );
        none(is_url_path, "https://evil.example|@evil.example|:80/a|/a\n");
    }

    #[test]
    fn a_secret_in_a_url_is_found() {
        all(
            contains_secret,
            "https://me:pw@a.b|https://me@a.b|https://@a.b|s3://k:s@b",
        );
        all(
            contains_secret,
            "https://a.b/?token=abc|https://a.b/?x=1&API_KEY=abc",
        );
        all(
            contains_secret,
            "https://a.b/?pass%77ord=abc|https://a.b/#access_token=abc",
        );
        all(
            contains_secret,
            "https://a.b/?X-Amz-Signature=abc|https://a.b/?client-secret=abc",
        );
        all(
            contains_secret,
            "https://a.b/?key=abc|https://good.example\\@evil.example/?pwd=x",
        );
    }

    #[test]
    fn a_secret_in_other_text_is_found() {
        all(
            contains_secret,
            "postgres://me:pw@db/shop|dbname=shop password=pw",
        );
        all(
            contains_secret,
            "Server=db;Password = pw|-----BEGIN RSA PRIVATE KEY-----\nMII",
        );
    }

    #[test]
    fn ordinary_text_is_not_taken_for_a_secret() {
        none(
            contains_secret,
            "|shop|password|me@example.com|DOMAIN\\me|openid email|Z\u{fc}rich",
        );
        none(
            contains_secret,
            "/sql/1.0/warehouses/abc|s3://results/year=2026/|https://a.b/@me",
        );
        none(
            contains_secret,
            "https://a.b/authorize?response_type=token|https://a.b/?token=",
        );
        none(
            contains_secret,
            "https://a.b/?token=&x=1|https://a.b/?page=2",
        );
    }
}
