use std::fmt::Write as _;

use super::*;

fn json(yaml: &str) -> String {
    to_json(yaml, 10_000).unwrap().to_string()
}

fn refusal(yaml: &str) -> String {
    to_json(yaml, 10_000).unwrap_err().to_string()
}

#[test]
fn keys_keep_their_order_and_quoted_words_stay_text() {
    assert_eq!(
        json("z: 1\na: '{}'\nm: \"1.0\"\nn: 'null'\ne: ''\nb: true\nnothing:\n"),
        r#"{"z":1,"a":"{}","m":"1.0","n":"null","e":"","b":true,"nothing":null}"#
    );
}

#[test]
fn numbers_are_never_rounded() {
    assert_eq!(
        json(
            "[123456789012345678901234567890, -9223372036854775809, 1.10, 0.1000000000000000055511]"
        ),
        "[123456789012345678901234567890,-9223372036854775809,1.10,0.1000000000000000055511]"
    );
}

#[test]
fn text_that_newer_yaml_takes_for_a_number_stays_text() {
    assert_eq!(
        json("tag: 1e5\nmode: 0o17\nday: 2020-01-01\n"),
        r#"{"tag":"1e5","mode":"0o17","day":"2020-01-01"}"#
    );
}

#[test]
fn every_string_survives_the_way_to_json() {
    let all: String = (0..0x300).filter_map(char::from_u32).collect();
    let mut written = String::new();
    push_json_text(&mut written, &all);
    assert_eq!(serde_json::from_str::<String>(&written).unwrap(), all);
    assert_eq!(
        json(r#"a: "\0\x1F\U0001F600""#),
        "{\"a\":\"\\u0000\\u001f\u{1F600}\"}"
    );
}

#[test]
fn block_text_and_comments_are_read_as_yaml_means_them() {
    assert_eq!(
        json("# note\nsql: |\n  SELECT 1\n  -- 2\nlong: >-\n  a\n  b # c\n"),
        r#"{"sql":"SELECT 1\n-- 2\n","long":"a b # c"}"#
    );
}

#[test]
fn an_alias_repeats_what_its_anchor_names() {
    assert_eq!(
        json("a: &x [1, {b: c}]\nd: *x\ne: [*x, *x]\n"),
        r#"{"a":[1,{"b":"c"}],"d":[1,{"b":"c"}],"e":[[1,{"b":"c"}],[1,{"b":"c"}]]}"#
    );
    assert_eq!(json("&k key: 1\nv: *k\n"), r#"{"key":1,"v":"key"}"#);
}

#[test]
fn an_alias_bomb_is_refused_before_it_grows() {
    let mut bomb = "a0: &a0 [lol,lol,lol,lol]\n".to_owned();
    for level in 1..40 {
        let inner = level - 1;
        writeln!(
            bomb,
            "a{level}: &a{level} [*a{inner},*a{inner},*a{inner},*a{inner}]"
        )
        .unwrap();
    }
    assert!(refusal(&bomb).contains("aliases make the document too large"));
}

#[test]
fn a_tower_of_aliases_is_refused() {
    let mut tower = "a0: &a0 [1]\n".to_owned();
    for level in 1..80 {
        writeln!(tower, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert!(refusal(&tower).contains("aliases nest the document too deep"));
}

#[test]
fn an_alias_to_its_own_surroundings_or_to_nothing_is_refused() {
    assert!(refusal("a: &a [1, *a]\n").contains("line 1: an alias refers to the very thing"));
    assert!(
        refusal("a: *nowhere\n").contains("line 1: an alias refers to an anchor that is not there")
    );
}

#[test]
fn sixty_four_levels_are_read_and_more_are_refused() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(json(&nested(64)), nested(64));
    assert!(refusal(&nested(65)).contains("nested too deep"));
    assert!(to_json(&"[".repeat(100_000), 10_000).is_err());
}

#[test]
fn what_an_export_never_holds_is_refused_with_its_line() {
    assert!(refusal("a: 1\nb: 2\na: 3\n").contains("line 3: a key that its mapping already has"));
    assert!(refusal("a: .nan\n").contains("line 1: a number that JSON can't hold"));
    assert!(refusal("a:\n- 1\n- -.inf\n").contains("line 3: a number that JSON can't hold"));
    assert!(refusal("a: !!python/object:os.system x\n").contains("line 1: a tag"));
    assert!(refusal("a: 1\n---\nb: 2\n").contains("a second document"));
    assert!(refusal("a: &a {b: 1}\nc:\n  <<: *a\n").contains("line 3: a merge key"));
    assert!(refusal("? [1, 2]\n: 3\n").contains("a key that is not plain text"));
    assert!(refusal("# only a comment\n").contains("the document is empty"));
    assert!(refusal("").contains("the document is empty"));
}

#[test]
fn a_document_that_grows_beyond_the_limit_is_refused() {
    assert!(to_json("[a,a,a,a]", 17).is_ok());
    assert!(
        to_json("[a,a,a,a]", 16)
            .unwrap_err()
            .to_string()
            .contains("too large")
    );
}

#[test]
fn broken_yaml_is_told_by_its_line_and_never_quoted() {
    let unclosed = "x: 'hunter2\n";
    let forbidden = "x: @hunter2\n";
    for broken in [
        unclosed,
        forbidden,
        "x: `hunter2\n",
        "hunter2: [\n",
        "- hunter2\nb: c\n",
        "x: \"\\hunter2\"\n",
    ] {
        let message = refusal(broken);
        assert!(message.starts_with("line "), "{message}");
        assert!(
            !message.contains("hunter2") && !message.contains('@'),
            "{message}"
        );
    }
}
