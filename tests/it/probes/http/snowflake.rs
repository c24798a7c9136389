//! Snowflake: the sign-in of its drivers, and its SQL API for a key pair. Neither has been tried on the real one.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reprieve::connectors::probes::{Failure, Found};
use reprieve::domain::kinds::Outcome;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::kit::{Answer, PUBLIC, Seen, Server, Wires, answer, detail, outcome, test_over};
use crate::support::json;
use crate::support::servers::{ca, certificate};

const HOST: &str = "my-org-acct.snowflakecomputing.com";

fn ask(server: &Server, settings: Value, secrets: &Value) -> Result<Found, Failure> {
    let wires = Wires::public(HOST, server.behind_tls(&certificate(HOST)));
    let mut all = json!({"account": "my_org-acct", "username": "ana", "ca_certificate": ca()});
    for (key, value) in settings.as_object().unwrap() {
        all[key] = value.clone();
    }
    let result = test_over(&wires, "snowflake", &all, secrets);
    assert!(
        wires
            .dialled()
            .iter()
            .all(|address| *address == (PUBLIC, 443).into())
    );
    result
}

/// The sign-in of the drivers: 200 with a code inside, whatever comes of it.
fn sign_in(seen: &Seen) -> Answer {
    if seen.path() == "/session" {
        return answer(200).json(json!({"success": true}));
    }
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    let refuse = |code: &str| {
        answer(200)
            .json(json!({"success": false, "code": code, "message": "hostile words", "data": {}}))
    };
    match body["data"]["PASSWORD"].as_str().unwrap() {
        "r1ght" => answer(200).json(json!({
            "success": true, "code": null, "message": null,
            "data": {"token": "ses5ion", "masterToken": "m", "serverVersion": "8.40.1", "parameters": []},
        })),
        "nowhere" => answer(403).text("<html>"),
        "page" => answer(200).text("<html>"),
        "silent" => answer(200).json(json!({"success": true})),
        other => refuse(other.strip_prefix("code-").unwrap_or("390100")),
    }
}

#[test]
fn a_password_signs_in_and_out_again() {
    let server = Server::start(sign_in);
    let settings = json!({"warehouse": "WH 1", "database": "D", "schema": "S", "role": "R"});
    let found = ask(&server, settings, &json!({"password": "r1ght"})).unwrap();
    assert_eq!(found.version.as_deref(), Some("8.40.1"));
    let seen = server.seen();
    assert_eq!(seen[0].header("host"), HOST);
    assert_eq!(seen[0].path(), "/session/v1/login-request");
    assert!(
        seen[0]
            .target
            .ends_with("&warehouse=WH+1&databaseName=D&schemaName=S&roleName=R"),
        "{}",
        seen[0].target
    );
    let body: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(body["data"]["LOGIN_NAME"], "ana");
    assert_eq!(body["data"]["ACCOUNT_NAME"], "my_org-acct");
    assert_eq!(
        (seen[1].method.as_str(), seen[1].target.as_str()),
        ("POST", "/session?delete=true")
    );
    assert_eq!(
        seen[1].header("authorization"),
        "Snowflake Token=\"ses5ion\""
    );
    assert!(seen.iter().all(|seen| !seen.target.contains("r1ght")));
}

#[test]
fn each_refusal_of_a_password_has_its_outcome() {
    let server = Server::start(sign_in);
    for (password, expected, words) in [
        ("wr0ng", Outcome::AuthFailed, "user name and password"),
        (
            "code-390106",
            Outcome::AuthFailed,
            "does not let this user in",
        ),
        ("code-390189", Outcome::ProtocolError, "Role"),
        ("code-390201", Outcome::ProtocolError, "warehouse"),
        ("code-390422", Outcome::AuthFailed, "network policy"),
        ("code-399999", Outcome::ProtocolError, "refuses the test"),
        (
            "code-39nothing",
            Outcome::ProtocolError,
            "not as Snowflake does",
        ),
        ("nowhere", Outcome::ProtocolError, "Check Account"),
        ("page", Outcome::ProtocolError, "not as Snowflake does"),
        ("silent", Outcome::ProtocolError, "not as Snowflake does"),
    ] {
        let result = ask(&server, json!({}), &json!({ "password": password }));
        assert_eq!(outcome(&result), expected, "{password}");
        assert!(detail(&result).contains(words), "{}", detail(&result));
        assert!(!detail(&result).contains("hostile"));
    }
}

/// Keys that protect nothing but this test. What OpenSSL made: `openssl genrsa 2048`, its PKCS#1 form, one with a passphrase, and the fingerprint as Snowflake's
/// documentation makes it: `openssl rsa -pubout -outform DER | openssl dgst -sha256 -binary | openssl enc -base64`.
const KEY: &str = include_str!("keys/rsa.pem");
const KEY_PKCS1: &str = include_str!("keys/rsa_pkcs1.pem");
const KEY_ENCRYPTED: &str = include_str!("keys/rsa_encrypted.pem");
const FINGERPRINT: &str = "LRiF7ealszQdemZ1CNTigAk2s5Btep2wAHgqvGgczKQ=";
const PUBLIC_KEY: &[u8] = include_bytes!("keys/rsa_public.der");

/// The SQL API. A token counts if its signature does.
fn sql_api(seen: &Seen) -> Answer {
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    let token = seen
        .header("authorization")
        .strip_prefix("Bearer ")
        .unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let claims: Value = serde_json::from_slice(&decode(parts[1])).unwrap();
    let signed = format!("{}.{}", parts[0], parts[1]);
    let genuine = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC_KEY)
        .verify(signed.as_bytes(), &decode(parts[2]))
        .is_ok();
    assert_eq!(seen.path(), "/api/v2/statements");
    assert_eq!(
        seen.header("x-snowflake-authorization-token-type"),
        "KEYPAIR_JWT"
    );
    let lives = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    let right = claims["iss"] == format!("MY_ORG-ACCT.ANA.SHA256:{FINGERPRINT}")
        && claims["sub"] == "MY_ORG-ACCT.ANA"
        && (1..=3600).contains(&lives);
    match body["role"].as_str() {
        _ if !genuine || !right => {
            answer(401).json(json!({"code": "390144", "message": "JWT token is invalid."}))
        }
        Some("none") => answer(422).json(json!({"code": "390189", "message": "hostile words"})),
        Some("slow") => answer(202).json(json!({"statementHandle": "h", "code": "333334"})),
        Some("page") => answer(200).text("<html>"),
        _ => answer(200).json(json!({"statementHandle": "h", "data": [["8.40.1"]]})),
    }
}

#[test]
fn a_key_signs_a_token_that_the_sql_api_takes() {
    let server = Server::start(sql_api);
    for key in [KEY, KEY_PKCS1] {
        // With a password beside it: the key goes first.
        let secrets = json!({"private_key": key, "password": "s3cr3t"});
        let found = ask(&server, json!({}), &secrets).unwrap();
        assert_eq!(found.version.as_deref(), Some("8.40.1"));
    }
    assert!(server.seen().iter().all(|seen| !seen.holds("s3cr3t")));
    let secrets = json!({"private_key": KEY});
    for (settings, expected) in [
        (json!({"role": "slow"}), Outcome::Ok),
        (json!({"role": "none"}), Outcome::ProtocolError),
        (json!({"role": "page"}), Outcome::ProtocolError),
        (json!({"username": "bob"}), Outcome::AuthFailed),
    ] {
        assert_eq!(
            outcome(&ask(&server, settings.clone(), &secrets)),
            expected,
            "{settings}"
        );
    }
    let body: Value = serde_json::from_str(&server.seen()[0].body).unwrap();
    assert_eq!(body["statement"], "SELECT CURRENT_VERSION()");
}

#[test]
fn a_key_that_can_not_be_used_is_said_to_before_anything_is_sent() {
    let server = Server::start(sql_api);
    let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (key, expected, words) in [
        (
            KEY_ENCRYPTED,
            Outcome::Unsupported,
            "passphrase can't be tested",
        ),
        ("no key", Outcome::AuthFailed, "Enter it again"),
        (elliptic.as_str(), Outcome::AuthFailed, "must be an RSA key"),
    ] {
        let result = ask(
            &server,
            json!({}),
            &json!({"private_key": key, "private_key_passphrase": "op3n"}),
        );
        assert_eq!(outcome(&result), expected, "{words}");
        assert!(detail(&result).contains(words), "{}", detail(&result));
    }
    assert!(server.seen().is_empty());
}
