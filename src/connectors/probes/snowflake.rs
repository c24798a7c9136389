//! Snowflake: by password as its own drivers sign in, by key pair through the SQL API.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use uuid::Uuid;

use super::http::{bearer, json as read, refusal, value};
use super::{Failure, Found, Target};
use crate::domain::clock::Ts;
use crate::domain::kinds::Outcome;
use crate::outbound::http::{Call, Reply};
use crate::outbound::{Dialer, Tls};
use crate::secrets::value::SecretValue;

const TOKEN_TYPE: HeaderName = HeaderName::from_static("x-snowflake-authorization-token-type");

/// How long a signed token holds, in seconds: what Snowflake's own drivers take.
const LIFETIME: i64 = 60;

/// `rsaEncryption` with no parameters (RFC 8017, A.1), as it stands before a public key (RFC 5280, 4.1.2.7).
const RSA: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// Signs in, by the key if there is one.
pub(super) async fn probe(dialer: &Dialer, target: &Target<'_>) -> Result<Found, Failure> {
    let (Some(account), Some(user)) = (target.text("account"), target.text("username")) else {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "Account and user name are needed for a test.",
        ));
    };
    let server = Server {
        dialer,
        root: root(target, account).ok_or_else(foreign)?,
        tls: target.tls(),
    };
    match (target.secret("private_key"), target.secret("password")) {
        (Some(pem), _) => server.by_key(target, &signed(pem, account, user)?).await,
        (None, Some(password)) => server.by_password(target, account, user, password).await,
        (None, None) => Err(Failure::answered(
            Outcome::Unsupported,
            "A password or a private key is needed for a test.",
        )),
    }
}

struct Server<'a> {
    dialer: &'a Dialer,
    root: Url,
    tls: Tls,
}

/// The answer of a sign-in, and of a statement that was refused.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    success: bool,
    code: Option<String>,
    data: Option<Session>,
}

#[derive(Deserialize)]
struct Session {
    token: Option<SecretValue>,
    #[serde(rename = "serverVersion")]
    server_version: Option<String>,
}

/// The answer of a statement; `data` are rows of text.
#[derive(Deserialize)]
struct Rows {
    #[serde(rename = "statementHandle")]
    _handle: String,
    data: Option<Vec<Vec<Option<String>>>>,
}

impl Server<'_> {
    /// The sign-in of Snowflake's own drivers; there is no other for passwords. It opens a session, which is closed.
    async fn by_password(
        &self,
        target: &Target<'_>,
        account: &str,
        user: &str,
        password: &str,
    ) -> Result<Found, Failure> {
        let mut url = self.at("/session/v1/login-request");
        url.query_pairs_mut()
            .append_pair("requestId", &Uuid::new_v4().to_string());
        for (parameter, setting) in [
            ("warehouse", "warehouse"),
            ("databaseName", "database"),
            ("schemaName", "schema"),
            ("roleName", "role"),
        ] {
            if let Some(text) = target.text(setting) {
                url.query_pairs_mut().append_pair(parameter, text);
            }
        }
        let body = json!({"data": {
            "CLIENT_APP_ID": "Reprieve",
            "CLIENT_APP_VERSION": env!("CARGO_PKG_VERSION"),
            "ACCOUNT_NAME": account,
            "LOGIN_NAME": user,
            "PASSWORD": password,
            // A warehouse that is not there is an error then, not a silence.
            "SESSION_PARAMETERS": {"CLIENT_VALIDATE_DEFAULT_PARAMETERS": true},
        }});
        let reply = self.dialer.call_with(post(url, &body), &self.tls).await?;
        if !reply.status.is_success() {
            return Err(not_taken(&reply));
        }
        let answer: Answer = read(&reply, "Snowflake")?;
        if !answer.success {
            return Err(refused(answer.code.as_deref()).unwrap_or_else(foreign));
        }
        let session = answer.data.ok_or_else(foreign)?;
        if let Some(token) = session.token {
            self.sign_out(&token).await;
        }
        Ok(version(session.server_version.as_deref()))
    }

    /// A session that stays open ends by itself; it is only polite not to leave one.
    async fn sign_out(&self, token: &SecretValue) {
        let Ok(token) = value(&format!("Snowflake Token=\"{}\"", token.expose())) else {
            return;
        };
        let mut url = self.at("/session");
        url.set_query(Some("delete=true"));
        let mut call = post(url, &json!({}));
        call.headers.push((AUTHORIZATION, token));
        let leaving = self.dialer.call_with(call, &self.tls);
        let _ = tokio::time::timeout(Duration::from_secs(1), leaving).await;
    }

    /// The SQL API, with a question that needs no warehouse to run.
    async fn by_key(&self, target: &Target<'_>, token: &str) -> Result<Found, Failure> {
        let mut body = Map::new();
        body.insert("statement".to_owned(), "SELECT CURRENT_VERSION()".into());
        body.insert("timeout".to_owned(), 5.into());
        for setting in ["warehouse", "database", "schema", "role"] {
            if let Some(text) = target.text(setting) {
                body.insert(setting.to_owned(), text.into());
            }
        }
        let mut call = post(self.at("/api/v2/statements"), &Value::Object(body));
        call.headers.push(bearer(token)?);
        call.headers
            .push((TOKEN_TYPE, HeaderValue::from_static("KEYPAIR_JWT")));
        let reply = self.dialer.call_with(call, &self.tls).await?;
        if !reply.status.is_success() {
            return Err(not_taken(&reply));
        }
        let rows: Rows = read(&reply, "Snowflake")?;
        // 202: it runs still. Who is let run it has signed in.
        let version_text = rows.data.into_iter().flatten().flatten().next().flatten();
        Ok(version(version_text.as_deref()))
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.root.clone();
        url.set_path(path);
        url
    }
}

fn version(text: Option<&str>) -> Found {
    text.map(Found::version).unwrap_or_default()
}

fn foreign() -> Failure {
    Failure::protocol("Snowflake")
}

/// The address of the account. Certificates know no underscores, so an account's are hyphens there.
fn root(target: &Target<'_>, account: &str) -> Option<Url> {
    let host = target.text("host").map_or_else(
        || format!("{}.snowflakecomputing.com", account.replace('_', "-")),
        str::to_owned,
    );
    Url::parse(&format!("https://{host}/")).ok()
}

fn post(url: Url, body: &Value) -> Call {
    Call {
        method: Method::POST,
        headers: vec![
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ],
        body: body.to_string().into_bytes(),
        ..Call::get(url)
    }
}

/// A JSON Web Token (RFC 7519, RS256) that says who it is, by the fingerprint of the key.
fn signed(pem: &str, account: &str, user: &str) -> Result<String, Failure> {
    let key = key(pem)?;
    let fingerprint = BASE64_STANDARD.encode(Sha256::digest(public_key(&key)));
    let subject = format!("{}.{}", locator(account), user.to_uppercase());
    let now = Ts::now().utc().timestamp();
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let claims = json!({
        "iss": format!("{subject}.SHA256:{fingerprint}"),
        "sub": subject,
        "iat": now,
        "exp": now + LIFETIME,
    });
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&header), part(&claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut signature,
    )
    .map_err(|_| unreadable())?;
    Ok(format!(
        "{text}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(signature)
    ))
}

/// What a token calls an account: without region, in capitals.
fn locator(account: &str) -> String {
    let separator = if account.contains(".global") {
        '-'
    } else {
        '.'
    };
    account
        .split(separator)
        .next()
        .unwrap_or_default()
        .to_uppercase()
}

fn key(pem: &str) -> Result<RsaKeyPair, Failure> {
    if pem.contains("ENCRYPTED") {
        return Err(Failure::answered(
            Outcome::Unsupported,
            "A private key with a passphrase can't be tested. The connection can be used; whether it works shows then.",
        ));
    }
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(der)) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(unreadable()),
    }
    .map_err(|_| unreadable())
}

fn unreadable() -> Failure {
    Failure::answered(
        Outcome::AuthFailed,
        "The private key can't be read. It must be an RSA key of 2,048 bits or more in PEM form. Enter it again.",
    )
}

/// The public key in the form whose digest Snowflake shows (`RSA_PUBLIC_KEY_FP`).
fn public_key(key: &RsaKeyPair) -> Vec<u8> {
    let mut bits = vec![0];
    bits.extend_from_slice(key.public().as_ref());
    der(0x30, &[RSA, &der(0x03, &bits)].concat())
}

/// An element of DER: tag, length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let digits: Vec<u8> = length
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    let mut element = vec![tag];
    match digits.as_slice() {
        [] => element.push(0),
        [short] if *short < 0x80 => element.push(*short),
        // A length has at most eight digits.
        long => {
            element.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            element.extend_from_slice(long);
        }
    }
    element.extend_from_slice(content);
    element
}

/// An answer that is no success by its status; what it is about is in its code, where it has one.
fn not_taken(reply: &Reply) -> Failure {
    let code = read(reply, "Snowflake")
        .ok()
        .and_then(|answer: Answer| answer.code);
    refused(code.as_deref()).unwrap_or_else(|| match reply.status.as_u16() {
        // So it answers for accounts that there are not.
        403 => Failure::answered(
            Outcome::ProtocolError,
            "Snowflake answers that there is no such account, or none to reach from here. Check Account.",
        ),
        _ => refusal(reply.status, "Check Account."),
    })
}

/// What Snowflake refused, by its code. Its words stay unread.
fn refused(code: Option<&str>) -> Option<Failure> {
    let code = code?.parse::<u32>().ok()?;
    let (outcome, detail) = match code {
        390_100 => (
            Outcome::AuthFailed,
            "Snowflake refuses this user name and password.".to_owned(),
        ),
        390_144 => (
            Outcome::AuthFailed,
            "Snowflake refuses the signature of this key. Check that the user has its public key, and the account's name."
                .to_owned(),
        ),
        390_189 => (
            Outcome::ProtocolError,
            "The user has no role of this name. Correct the setting Role.".to_owned(),
        ),
        390_201 => (
            Outcome::ProtocolError,
            "The warehouse, database or schema is not there, or not for this role. Correct the settings."
                .to_owned(),
        ),
        390_422 => (
            Outcome::AuthFailed,
            "Snowflake's network policy does not let this user in from here.".to_owned(),
        ),
        // Expired or temporarily locked passwords, users that are disabled, a second factor that is asked for.
        390_101..=390_199 => (
            Outcome::AuthFailed,
            format!("Snowflake does not let this user in, with the code {code}. Its documentation says what it stands for."),
        ),
        _ => (
            Outcome::ProtocolError,
            format!("Snowflake refuses the test with the code {code}. Its documentation says what it stands for."),
        ),
    };
    Some(Failure::answered(outcome, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_named_without_its_region() {
        for (account, expected) in [
            ("xy12345.eu-central-1.aws", "XY12345"),
            ("myorg-account1", "MYORG-ACCOUNT1"),
            ("acme-x1a2b3.global", "ACME"),
        ] {
            assert_eq!(locator(account), expected);
        }
    }

    #[test]
    fn lengths_are_written_as_der_has_them() {
        assert_eq!(der(0x03, &[]), [3, 0]);
        assert_eq!(der(0x03, &[7; 127])[..2], [3, 127]);
        assert_eq!(der(0x03, &[7; 128])[..3], [3, 0x81, 128]);
        assert_eq!(der(0x30, &[7; 300])[..4], [0x30, 0x82, 1, 44]);
    }
}
