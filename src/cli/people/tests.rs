//! What people type and read, without a database.

use serde_json::json;

use super::advice::Refusal;
use super::moments::{moment, shown, until};
use super::pages::Listed;
use super::words::quoted;
use crate::domain::clock::Ts;

fn at(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

#[test]
fn a_moment_is_read_as_utc_or_as_a_length_of_time() {
    let now = at("2026-11-22T09:30:00Z");
    for (text, expected) in [
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20 17:00", "2026-11-20T17:00:00Z"),
        ("2026-11-20T17:00", "2026-11-20T17:00:00Z"),
        ("2026-11-20 17:00:05", "2026-11-20T17:00:05Z"),
        ("2026-11-20T17:00:05.5+01:00", "2026-11-20T16:00:05.5Z"),
        ("3h", "2026-11-22T06:30:00Z"),
        ("2d", "2026-11-20T09:30:00Z"),
    ] {
        assert_eq!(moment(text, now, -1).unwrap(), at(expected), "{text}");
    }
    assert_eq!(moment("7d", now, 1).unwrap(), at("2026-11-29T09:30:00Z"));
    for text in [
        "",
        "yesterday",
        "2026-13-01",
        "17:00",
        "2026-11-20 25:00",
        "-3h",
    ] {
        let refusal = moment(text, now, -1).unwrap_err().to_string();
        assert!(refusal.contains("2026-11-20 17:00"), "{text}: {refusal}");
    }
    // What is shown can be typed.
    assert_eq!(moment(&shown(now), now, -1).unwrap(), now);
}

#[test]
fn the_time_until_a_purge_is_rounded_up() {
    let now = at("2026-11-22T09:30:00Z");
    for (then, expected) in [
        ("2026-12-22T09:29:59Z", "in 30 days"),
        ("2026-11-24T10:31:00Z", "in 3 days"),
        ("2026-11-24T09:29:00Z", "in 48 hours"),
        ("2026-11-22T09:35:00Z", "in 1 hour"),
        ("2026-11-22T09:30:00Z", "due"),
        ("2026-11-01T09:30:00Z", "due"),
    ] {
        assert_eq!(until(at(then), now), expected, "{then}");
    }
}

#[test]
fn a_name_is_one_word_of_a_command() {
    for (name, word) in [
        ("prod", "prod"),
        ("prod 2", "'prod 2'"),
        ("it's", r"'it'\''s'"),
        ("-rf", "'-rf'"),
        ("$(x)", "'$(x)'"),
        ("", "''"),
        ("a\u{1b}[2J", "'a\\u{1b}[2J'"),
    ] {
        assert_eq!(quoted(name), word);
    }
}

#[test]
fn a_refusal_says_what_to_type_next() {
    let entry = "019365f0-2b1c-7d3e-8f4a-5b6c7d8e9f00";
    let words = |document| serde_json::from_value::<Refusal>(document).unwrap().words();
    for (document, expected) in [
        (
            json!({"code": "name_taken", "detail": "It is taken.", "suggested_name": "prod 2"}),
            "It is taken. Try --name 'prod 2'.".to_owned(),
        ),
        (
            json!({"code": "parent_in_trash", "detail": "So it is.", "entry_id": entry}),
            format!("So it is. Restore both with --with-ancestors, or first the other: reprieve trash restore {entry}"),
        ),
        (
            json!({"code": "missing_scope", "detail": "This needs the scope trash:purge.", "scope": "trash:purge"}),
            "This needs the scope trash:purge. The API key lacks it; ask for one made with: reprieve key create --name NAME --scope trash:purge".to_owned(),
        ),
        (
            json!({"code": "purge_protected", "detail": "Not before its date.", "purge_at": "2026-12-22T09:30:00Z"}),
            "Not before its date. That is 2026-12-22 09:30 UTC.".to_owned(),
        ),
        (
            json!({"code": "min_retention", "detail": "Kept for 7 days.", "keep_until": "2026-12-22T09:30:00Z"}),
            "Kept for 7 days. It may go from 2026-12-22 09:30 UTC on.".to_owned(),
        ),
        (
            json!({"code": "held", "detail": "A hold keeps it."}),
            "A hold keeps it. Its holds must be released first: reprieve trash show lists them, reprieve trash release ends one.".to_owned(),
        ),
        (
            json!({"code": "braked", "detail": "Much went.", "brake_id": entry}),
            format!("Much went. Look who deleted what (reprieve trash list), and then release the brake: reprieve brakes release {entry}"),
        ),
        (
            json!({"code": "not_in_trash", "detail": "1 of them is not.", "ids": [entry]}),
            "1 of them is not. Nothing was done: reprieve trash list shows what there is.".to_owned(),
        ),
        (
            json!({"code": "invalid_input", "detail": "2 fields are not valid.",
                "errors": [{"pointer": "/name", "code": "x", "detail": "Too long."}, {"pointer": "", "code": "y", "detail": "No."}]}),
            "name: Too long.; No.".to_owned(),
        ),
        // A server that is newer than this program.
        (json!({"code": "brand_new", "detail": "Something\nelse."}), "Something\\nelse.".to_owned()),
    ] {
        assert_eq!(words(document), expected);
    }
}

#[test]
fn a_list_is_read_page_by_page_until_there_are_enough() {
    let all: Vec<u32> = (0..450).collect();
    let collect = |limit| {
        Listed::collect(limit, |page| {
            let from: usize = page.token.map_or(0, |token| token.parse().unwrap());
            let to = (from + usize::try_from(page.size).unwrap()).min(all.len());
            assert!((1..=200).contains(&page.size));
            let next = (to < all.len()).then(|| to.to_string());
            Ok(json!({ "data": &all[from..to], "next_page_token": next }).to_string())
        })
        .unwrap()
    };
    for (limit, more) in [
        (1, true),
        (200, true),
        (201, true),
        (450, false),
        (1000, false),
    ] {
        let listed = collect(limit);
        let rows: Vec<u32> = listed.parsed().unwrap();
        let expected = all.len().min(usize::try_from(limit).unwrap());
        assert_eq!(rows, all[..expected], "{limit}");
        assert_eq!(listed.more, more, "{limit}");
    }
}
