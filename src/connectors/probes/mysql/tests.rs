//! Sign-ins with a server that is a list of bytes: what it says is given, what it heard is looked at.

use proptest::prelude::*;
use tokio::io::Join;

use super::*;

const PASSWORD: &str = "correct horse";
const NONCE: &scramble::Nonce = b"abcdefghijklmnopqrst";

type Scripted<'a> = Wire<Join<&'a [u8], Vec<u8>>>;

fn greeting(method: &str) -> Vec<u8> {
    [
        b"\x0a8.0.40\0\x1f\0\0\0abcdefgh\0\xff\xff\x2d\x02\0\xff\xff\x15".as_slice(),
        &[0; 10],
        b"ijklmnopqrst\0",
        method.as_bytes(),
        b"\0",
    ]
    .concat()
}

/// The payloads as a server would send them.
fn packets<T: AsRef<[u8]>>(payloads: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, payload) in payloads.iter().enumerate() {
        let payload = payload.as_ref();
        bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes()[..3]);
        bytes.push(u8::try_from(number * 2 % 256).unwrap());
        bytes.extend_from_slice(payload);
    }
    bytes
}

fn switch(method: &str) -> Vec<u8> {
    [b"\xfe", method.as_bytes(), b"\0", NONCE, b"\0"].concat()
}

/// What came of it, and what the server heard.
fn sign_in(server: &[u8], clear_text: bool) -> (Result<(), Failure>, Vec<u8>) {
    let mut wire: Scripted<'_> = Wire::new(tokio::io::join(server, Vec::new()));
    let login = Login {
        user: "bi",
        password: PASSWORD,
        database: Some("sales"),
        encrypted: clear_text,
        clear_text,
    };
    let done = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let greeting = wire.greeting().await?;
            wire.sign_in(&greeting, login).await?;
            wire.ask().await
        });
    (done, wire.stream.into_inner().1)
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_proof_of_the_servers_own_way_is_sent_at_once() {
    for (method, proof) in [
        (
            "mysql_native_password",
            scramble::native(PASSWORD.as_bytes(), NONCE),
        ),
        (
            "caching_sha2_password",
            scramble::caching_sha2(PASSWORD.as_bytes(), NONCE),
        ),
    ] {
        let server = packets(&[&greeting(method)[..], b"\0\0\0\x02\0\0\0", b"\x01"]);
        let (done, heard) = sign_in(&server, false);
        assert_eq!(done, Ok(()), "{method}");
        let length = u8::try_from(proof.len()).unwrap();
        let answer = [
            b"bi\0",
            &[length][..],
            &proof,
            b"sales\0",
            method.as_bytes(),
            b"\0",
        ];
        assert!(has(&heard, &answer.concat()), "{method}");
        assert!(heard.ends_with(b"\x09\0\0\0\x03SELECT 1"), "{method}");
    }
}

#[test]
fn the_server_may_want_the_proof_of_another_way() {
    let server = packets(&[
        greeting("caching_sha2_password"),
        switch("mysql_native_password"),
        b"\0\0\0".to_vec(),
        b"\x01".to_vec(),
    ]);
    let (done, heard) = sign_in(&server, false);
    assert_eq!(done, Ok(()));
    let proof = scramble::native(PASSWORD.as_bytes(), NONCE);
    assert!(has(&heard, &[b"\x14\0\0\x03", &proof[..]].concat()));
}

/// All the ways in which a server can ask for the password itself.
fn wishes_for_the_password() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let native = greeting("mysql_native_password");
    vec![
        (
            "mysql_clear_password",
            vec![native.clone(), b"\xfemysql_clear_password\0".to_vec()],
        ),
        (
            "dialog",
            vec![native.clone(), b"\xfedialog\0\x04Password: ".to_vec()],
        ),
        (
            "sha256_password",
            vec![native.clone(), switch("sha256_password")],
        ),
        (
            "caching_sha2_password",
            vec![greeting("caching_sha2_password"), b"\x01\x04".to_vec()],
        ),
        (
            "caching_sha2_password after a switch",
            vec![
                native,
                switch("caching_sha2_password"),
                b"\x01\x04".to_vec(),
            ],
        ),
    ]
}

#[test]
fn the_password_itself_is_sent_only_where_nobody_reads_along() {
    for (method, mut payloads) in wishes_for_the_password() {
        payloads.extend([b"\0\0\0".to_vec(), b"\x01".to_vec()]);
        let server = packets(&payloads);
        let in_clear = [PASSWORD.as_bytes(), b"\0"].concat();

        let (done, heard) = sign_in(&server, true);
        assert_eq!(done, Ok(()), "{method}");
        assert!(has(&heard, &in_clear), "{method}");

        let (done, heard) = sign_in(&server, false);
        assert_eq!(done, Err(Failure::clear_text()), "{method}");
        assert!(!has(&heard, PASSWORD.as_bytes()), "{method}");
    }
}

#[test]
fn a_server_that_names_a_clear_way_first_gets_a_proof_first() {
    let server = packets(&[greeting("mysql_clear_password")]);
    let (_, heard) = sign_in(&server, true);
    assert!(has(&heard, b"mysql_native_password"));
    assert!(!has(&heard, PASSWORD.as_bytes()));
}

#[test]
fn the_key_that_a_server_sends_is_never_used() {
    let key = b"\x01-----BEGIN PUBLIC KEY-----".to_vec();
    let server = packets(&[greeting("caching_sha2_password"), key]);
    let (done, heard) = sign_in(&server, false);
    assert_eq!(done, Err(foreign()));
    // The sign-in is the only packet: no key was asked for, and nothing answered this one.
    assert_eq!(heard.len(), 4 + usize::from(heard[0]));
}

#[test]
fn no_file_is_sent_to_a_server_that_asks_for_one() {
    let server = packets(&[
        &greeting("mysql_native_password")[..],
        b"\0\0\0",
        b"\xfb/etc/passwd",
    ]);
    let (done, heard) = sign_in(&server, true);
    assert_eq!(done, Err(foreign()));
    assert!(heard.ends_with(b"SELECT 1"));
}

#[test]
fn a_second_question_of_a_dialog_is_for_something_else_than_the_password() {
    for second in [&b"\x05One-time code: "[..], b"\x01\x05One-time code: "] {
        let server = packets(&[
            &greeting("mysql_native_password")[..],
            b"\xfedialog\0\x04Password: ",
            second,
        ]);
        let (done, _) = sign_in(&server, true);
        assert_eq!(done.unwrap_err().outcome, Outcome::Unsupported);
    }
}

#[test]
fn other_ways_than_a_password_are_unsupported_in_words() {
    for (payload, word) in [
        (switch("client_ed25519"), "ed25519"),
        (switch("parsec"), "PARSEC"),
        (switch("auth_gssapi_client"), "another way"),
        (b"\xfe".to_vec(), "another way"),
    ] {
        let server = packets(&[greeting("mysql_native_password"), payload]);
        let failure = sign_in(&server, true).0.unwrap_err();
        assert_eq!(failure.outcome, Outcome::Unsupported);
        assert!(failure.detail.contains(word), "{failure:?}");
        assert!(failure.met);
    }
}

#[test]
fn a_server_that_keeps_asking_is_left() {
    let mut payloads = vec![greeting("mysql_native_password")];
    payloads.resize(200, switch("mysql_native_password"));
    let server = packets(&payloads);
    let (done, heard) = sign_in(&server, true);
    assert_eq!(done, Err(foreign()));
    assert!(heard.len() < 500);
}

#[test]
fn refusals_become_outcomes_whatever_the_server_says_about_them() {
    use Outcome::{AuthFailed, ProtocolError, TlsFailed, Unreachable, Unsupported};
    for (code, outcome) in [
        (1045, AuthFailed),
        (1044, AuthFailed),
        (1130, AuthFailed),
        (1698, AuthFailed),
        (1820, AuthFailed),
        (1862, AuthFailed),
        (3118, AuthFailed),
        (4151, AuthFailed),
        (1049, ProtocolError),
        (1040, Unreachable),
        (1129, Unreachable),
        (1203, Unreachable),
        (3159, TlsFailed),
        (1251, Unsupported),
        (1524, Unsupported),
        (65535, ProtocolError),
        (7, ProtocolError),
    ] {
        let [low, high] = u16::to_le_bytes(code);
        let refusal = [&[0xff, low, high], b"#HY000<b>Call 555-0100</b>".as_slice()].concat();
        // Before the greeting, instead of an answer to the sign-in, and to the question after it.
        let hello = greeting("mysql_native_password");
        for before in [&[][..], &[&hello[..]], &[&hello[..], b"\0\0\0"]] {
            let mut payloads = before.to_vec();
            payloads.push(&refusal);
            let failure = sign_in(&packets(&payloads), false).0.unwrap_err();
            assert_eq!(failure.outcome, outcome, "{code}");
            assert!(!failure.detail.contains("555"), "{failure:?}");
            assert_eq!(failure.met, code >= 1000, "{code}");
        }
    }
}

#[test]
fn a_packet_that_says_it_is_huge_is_not_read() {
    let (done, heard) = sign_in(b"\xff\xff\xff\0\x0a8.0.40\0", false);
    assert_eq!((done, heard), (Err(foreign()), Vec::new()));
    let mut server = packets(&[greeting("mysql_native_password")]);
    server.extend_from_slice(b"\x01\x40\0\x02");
    server.resize(40_000, 0);
    assert_eq!(sign_in(&server, false).0, Err(foreign()));
}

#[test]
fn another_protocol_is_told_from_this_one() {
    for server in [
        &b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        b"220 mail.example.com ESMTP Postfix\r\n",
        b"E\0\0\0\x5bSFATAL\0C0A000\0Munsupported frontend protocol\0\0",
        b"+OK ready\r\n",
        b"\x15\x03\x03\0\x02\x02\x46",
    ] {
        let (done, heard) = sign_in(server, false);
        let failure = done.unwrap_err();
        assert_eq!(failure.outcome, Outcome::ProtocolError, "{server:?}");
        assert!(!failure.met);
        assert_eq!(heard, b"", "{server:?}");
    }
}

#[test]
fn what_would_end_a_text_too_early_is_not_sent() {
    let server = packets(&[greeting("mysql_native_password")]);
    let mut wire: Scripted<'_> = Wire::new(tokio::io::join(&server, Vec::new()));
    let login = Login {
        user: "bi\0\x01x",
        password: PASSWORD,
        database: None,
        encrypted: true,
        clear_text: true,
    };
    let done = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let greeting = wire.greeting().await?;
            wire.sign_in(&greeting, login).await
        });
    assert_eq!(done.unwrap_err().outcome, Outcome::AuthFailed);
    assert_eq!(wire.stream.into_inner().1, b"");
}

#[test]
fn the_version_is_mariadbs_own() {
    assert_eq!(
        own_version("5.5.5-10.11.14-MariaDB-0+deb12u2"),
        "10.11.14-MariaDB-0+deb12u2"
    );
    assert_eq!(own_version("11.8.2-MariaDB"), "11.8.2-MariaDB");
    assert_eq!(own_version("8.0.40"), "8.0.40");
    assert_eq!(own_version("5.5.5"), "5.5.5");
}

/// Payloads that come far: they begin as a server's do.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), 0..60);
    let method = prop_oneof![
        Just("mysql_native_password"),
        Just("caching_sha2_password"),
        Just("sha256_password"),
        Just("mysql_clear_password"),
        Just("dialog"),
        Just("client_ed25519"),
        Just(""),
    ];
    let first = prop_oneof![
        Just(0u8),
        Just(1),
        Just(10),
        Just(0xfe),
        Just(0xff),
        any::<u8>()
    ];
    prop_oneof![
        (first, noise.clone()).prop_map(|(first, rest)| [&[first], &rest[..]].concat()),
        (method.clone(), noise).prop_map(|(method, rest)| [
            b"\xfe",
            method.as_bytes(),
            b"\0",
            &rest
        ]
        .concat()),
        method.clone().prop_map(switch),
        method.prop_map(greeting),
        Just(b"\x01\x04".to_vec()),
        Just(b"\x01\x03".to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_in_an_outcome(server in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let (done, heard) = sign_in(&server, false);
        prop_assert!(done.is_err());
        prop_assert!(!has(&heard, PASSWORD.as_bytes()));
    }

    #[test]
    fn no_answers_of_a_server_make_the_password_leave(
        payloads in proptest::collection::vec(payload(), 0..8),
        tail in proptest::collection::vec(any::<u8>(), 0..10),
    ) {
        let mut server = packets(&[greeting("caching_sha2_password")]);
        server.extend(packets(&payloads));
        server.extend(tail);
        let (_, heard) = sign_in(&server, false);
        prop_assert!(!has(&heard, PASSWORD.as_bytes()));
    }
}
