//! Files that are refused: each with the line and the code of what is wrong, and nothing of them written.

use std::io::Write as _;

use reprieve::domain::ids::ImportId;
use reprieve::service::caller::Caller;
use reprieve::service::transfer::{self, Stop};
use serde_json::Value;

use super::*;

/// Line, pointer and code of each.
type Problems = Vec<(u64, String, String)>;

/// Imports bytes the way the API and the command line do; the problems: line, pointer, code.
#[track_caller]
fn problems(app: &TestApp, bytes: &[u8], validate_only: bool) -> Problems {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let caller = Caller::command_line(app.org);
    let outcome = transfer::import_ndjson(
        &app.services,
        &caller,
        ImportId::mint(),
        &file,
        validate_only,
        &(),
        &|_, _, _| Ok(()),
    );
    match outcome {
        Err(Stop::Refused(faults)) => faults
            .into_iter()
            .map(|fault| {
                assert!(
                    !fault.detail.is_empty() && !fault.detail.contains("hunter2"),
                    "{fault:?}"
                );
                (fault.line.unwrap_or(0), fault.pointer, fault.code)
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn one(line: u64, pointer: &str, code: &str) -> Problems {
    vec![(line, pointer.to_owned(), code.to_owned())]
}

fn of(values: &[Value]) -> String {
    file(&lines(values))
}

/// A connection, a model, two pieces of content and a link: a file that is as it must be.
fn good() -> Vec<Value> {
    vec![
        connection(1),
        with(model(2, 1), "external_id", "m"),
        with(content(3, 1), "model_id", id(2)),
        content(4, 1),
        json!({"type": "link", "from_id": id(3), "to_id": id(4), "created_at": AT}),
    ]
}

/// The same with a line changed.
fn changed(index: usize, field: &str, value: impl Into<Value>) -> String {
    let mut values = good();
    values[index] = with(values[index].clone(), field, value);
    of(&values)
}

fn without(index: usize, field: &str) -> String {
    let mut values = good();
    values[index].as_object_mut().unwrap().remove(field);
    of(&values)
}

on_both! {
    fn a_file_that_is_damaged_is_refused_at_the_line(app: &TestApp) {
        let good = of(&good());
        let last = u64::try_from(good.lines().count()).unwrap();
        let text = |lines: &[&str]| format!("{}\n", lines.join("\n")).into_bytes();
        let all: Vec<&str> = good.lines().collect();
        let mut not_utf8 = good.clone().into_bytes();
        let at = good.find("model 2").unwrap();
        not_utf8[at] = 0xff;
        let mut nul = good.clone().into_bytes();
        nul[at] = 0;
        let digest = good.rfind("sha256\":\"").unwrap() + 9;
        let mut counted = good.clone();
        counted = counted.replace("\"content\":2", "\"content\":3");
        let long = format!("{HEADER}\n{{\"type\":\"content\",\"name\":\"{}\"}}\n{}\n", "x".repeat(2 << 20), all[all.len() - 1]);
        let cases: Vec<(&str, Vec<u8>, Problems)> = vec![
            ("empty", Vec::new(), one(1, "", "truncated")),
            ("the header alone", text(&all[..1]), one(2, "", "truncated")),
            ("without its last line", text(&all[..all.len() - 1]), one(last, "", "truncated")),
            ("cut within a line", good.as_bytes()[..at + 3].to_vec(), one(3, "", "truncated")),
            ("cut within the last line", good.as_bytes()[..good.len() - 10].to_vec(), one(last, "", "truncated")),
            ("a line changed", good.replace("model 2", "model 9").into_bytes(), one(last, "/sha256", "checksum_mismatch")),
            ("another checksum", [&good.as_bytes()[..digest], &[b'0'; 64], &good.as_bytes()[digest + 64..]].concat(), one(last, "/sha256", "checksum_mismatch")),
            ("other counts", counted.into_bytes(), one(last, "/counts", "counts_mismatch")),
            ("something after the end", format!("{good}{{}}\n").into_bytes(), one(last + 1, "", "trailing_data")),
            ("a byte order mark", [b"\xef\xbb\xbf", good.as_bytes()].concat(), one(1, "", "byte_order_mark")),
            ("the line ends of another system", good.replace('\n', "\r\n").into_bytes(), one(1, "", "carriage_return")),
            ("another format", good.replace("\"format\":1", "\"format\":2").into_bytes(), one(1, "/format", "unsupported_format")),
            ("another format with more in it", good.replace("\"format\":1", "\"format\":2,\"compressed\":true").into_bytes(), one(1, "/format", "unsupported_format")),
            ("no format", good.replace("\"format\":1,", "").into_bytes(), one(1, "/format", "unsupported_format")),
            ("no header", text(&all[1..]), one(1, "", "no_header")),
            ("something else", b"PK\x03\x04".to_vec(), one(1, "", "truncated")),
            ("something else with lines", b"id,name\n1,x\n".to_vec(), one(1, "", "malformed_json")),
            ("an array", b"[]\n".to_vec(), one(1, "", "wrong_type")),
            ("not UTF-8", not_utf8, [one(3, "", "invalid_utf8"), one(last, "/sha256", "checksum_mismatch")].concat()),
            ("a NUL", nul, [one(3, "", "malformed_json"), one(last, "/sha256", "checksum_mismatch")].concat()),
            ("a line of two megabytes", long.into_bytes(), one(2, "", "line_too_long")),
        ];
        for (what, bytes, expected) in cases {
            let found = problems(app, &bytes, false);
            // Of the damaged lines, what the checksum says on top is no news.
            let found: Vec<_> = if expected.len() == 1 && expected[0].2 == "line_too_long" { found[..1].to_vec() } else { found };
            assert_eq!(found, expected, "{what}");
        }
        assert_eq!(rows(app), [0; 10]);
    }

    fn a_line_that_is_wrong_is_told_by_its_field(app: &TestApp) {
        let extra = |index: usize, text: &str| {
            let mut all = lines(&good());
            all[index] = all[index].replacen('{', &format!("{{{text},"), 1);
            file(&all)
        };
        for (what, text, expected) in [
            ("a type that is none", of(&[json!({"type": "widget"})]), one(2, "/type", "unknown_type")),
            ("no type", of(&[json!({"id": id(1)})]), one(2, "", "required")),
            ("a field that is none", changed(0, "colour", "red"), one(2, "/colour", "unknown_field")),
            ("a secret beside the settings", changed(0, "password", "hunter2"), one(2, "/password", "unknown_field")),
            ("a field twice", extra(1, "\"id\":1"), one(3, "/id", "duplicate_key")),
            ("a field missing", without(0, "name"), one(2, "/name", "required")),
            ("another type of value", changed(0, "version", "one"), one(2, "/version", "wrong_type")),
            ("no id", changed(0, "id", "one"), one(2, "/id", "invalid_value")),
            ("a version that is none", changed(1, "version", 0), one(3, "/version", "out_of_range")),
            ("no moment", changed(1, "created_at", "today"), one(3, "/created_at", "invalid_value")),
            ("no name", changed(0, "name", ""), one(2, "/name", "empty")),
            ("a kind that is none", changed(1, "kind", "A B"), one(3, "/kind", "invalid_format")),
            ("an external id that is none", changed(3, "external_id", ""), one(5, "/external_id", "empty")),
            ("a NUL in a name", extra(0, "\"metadata_text\":\"\\u0000\""), one(2, "/metadata_text", "nul_character")),
            ("a NUL in a body", changed(3, "body", "\u{0}"), one(5, "/body", "nul_character")),
            ("no body", without(3, "body"), one(5, "/body", "required")),
            ("two bodies", changed(3, "body_text", "{}"), one(5, "/body", "ambiguous")),
            ("a body in text that is none", with_text(3, "{\"a\":"), one(5, "/body_text", "malformed_json")),
            ("a body in text with a key twice", with_text(3, "{\"a\":1,\n\"a\":2}"), one(5, "/body_text", "duplicate_key")),
            ("a body that is too long", changed(3, "body", "x".repeat(256 * 1024)), one(5, "/body", "too_long")),
            ("metadata that are no object", changed(0, "metadata", json!([])), one(2, "/metadata", "not_an_object")),
            ("tags that are none", changed(0, "tags", json!({"a b": "x"})), one(2, "/tags/a b", "invalid_key")),
            ("a connector that is none", changed(0, "connector", "abacus"), one(2, "/connector", "unknown_connector")),
            ("another integration", changed(0, "integration", "mine"), one(2, "/integration", "unknown_integration")),
            ("a secret in the settings", changed(0, "settings", json!({"host": "h.example", "database": "d", "username": "u", "password": "hunter2"})), one(2, "/settings/password", "secret_in_settings")),
            ("a setting missing", changed(0, "settings", json!({"host": "h.example", "database": "d"})), one(2, "/settings/username", "missing_setting")),
            ("a value among the facts of secrets", changed(0, "secrets", json!({"password": {"source_hint": null, "set_at": AT, "set_by": "x", "value": "hunter2"}})), one(2, "/secrets/password/value", "unknown_field")),
            ("what is live with an entry", changed(3, "entry_id", id(9)), one(5, "/entry_id", "unknown_field")),
            ("another state", of(&[connection(1), with(entry(8, 5, 1), "state", "lost")]), one(3, "/state", "not_allowed_value")),
            ("a purge before the deletion", of(&[connection(1), with(entry(8, 5, 1), "purge_at", "2020-01-01T00:00:00Z"), trashed(content(5, 1), 8)]), one(3, "/purge_at", "out_of_range")),
            ("closed and in the trash", of(&[connection(1), with(entry(8, 5, 1), "closed_at", AT), trashed(content(5, 1), 8)]), one(3, "/closed_at", "not_allowed_value")),
            ("a value in the shape of secrets", of(&[connection(1), with(entry(8, 5, 1), "secret_shape", json!({"password": {"label": "x", "required": true, "set": true, "value": "hunter2"}}))]), one(3, "/secret_shape/password/value", "unknown_field")),
            ("nobody who deleted", of(&[connection(1), with(entry(8, 5, 1), "deleted_by", "a b")]), one(3, "/deleted_by", "invalid_format")),
            ("what is in the trash without an entry", of(&[connection(1), with(trashed(content(5, 1), 8), "entry_id", Value::Null)]), one(3, "/entry_id", "required")),
        ] {
            assert_eq!(problems(app, text.as_bytes(), false), expected, "{what}");
        }
        let mut two = good();
        two[1] = with(two[1].clone(), "kind", "A B");
        two[3] = with(with(two[3].clone(), "name", " "), "version", -1);
        let expected = [one(3, "/kind", "invalid_format"), one(5, "/name", "surrounding_whitespace"), one(5, "/version", "out_of_range")].concat();
        assert_eq!(problems(app, of(&two).as_bytes(), false), expected);
        let many: Vec<Value> = (1..300).map(|number| with(connection(number), "version", 0)).collect();
        assert_eq!(problems(app, of(&many).as_bytes(), false).len(), 100);
        assert_eq!(rows(app), [0; 10]);
    }

    fn lines_that_do_not_fit_each_other_are_refused(app: &TestApp) {
        let base = |model: Value, base: u64| with(model, "base_model_id", id(base));
        let trash = || vec![connection(1), entry(8, 5, 1), trashed(content(5, 1), 8)];
        let linked = |kind: &str, from: u64, to: u64, entry: Option<u64>| {
            let line = json!({"type": kind, "from_id": id(from), "to_id": id(to), "created_at": AT});
            entry.map_or(line.clone(), |entry| with(line, "entry_id", id(entry)))
        };
        for (what, values, expected) in [
            ("an id twice", vec![connection(1), content(3, 1), content(3, 1)], one(4, "/id", "duplicate_id")),
            ("ids in another order", vec![connection(1), content(4, 1), content(3, 1)], one(4, "/id", "out_of_order")),
            ("types in another order", vec![connection(1), content(3, 1), model(4, 1)], one(4, "/id", "out_of_order")),
            ("no connection", vec![model(2, 1)], one(2, "/connection_id", "missing_parent")),
            ("content without its connection", vec![connection(1), content(3, 7)], one(3, "/connection_id", "missing_parent")),
            ("no model", vec![connection(1), with(content(3, 1), "model_id", id(2))], one(3, "/model_id", "missing_parent")),
            ("a model of another connection", vec![connection(1), connection(7), model(2, 7), with(content(3, 1), "model_id", id(2))], one(5, "/model_id", "missing_parent")),
            ("a base of another connection", vec![connection(1), connection(7), model(2, 7), base(model(3, 1), 2)], one(5, "/base_model_id", "missing_parent")),
            ("a later base of another connection", vec![connection(1), connection(7), base(model(2, 7), 3), model(3, 1)], one(4, "/base_model_id", "missing_parent")),
            ("no base", vec![connection(1), base(model(2, 1), 9)], one(3, "/base_model_id", "missing_parent")),
            ("a base that is itself", vec![connection(1), base(model(2, 1), 2)], one(3, "/base_model_id", "cycle")),
            ("bases in a ring", vec![connection(1), base(model(2, 1), 4), base(model(3, 1), 2), base(model(4, 1), 3)], one(3, "/base_model_id", "cycle")),
            ("a link to nothing", vec![connection(1), content(3, 1), linked("link", 3, 4, None)], one(4, "/to_id", "missing_parent")),
            ("a name twice", vec![connection(1), with(connection(2), "name", "CONNECTION 1")], one(3, "/name", "duplicate_name")),
            ("an external id twice", vec![connection(1), with(connection(2), "external_id", "ext-1")], one(3, "/external_id", "duplicate_external_id")),
            ("an external id of content twice", vec![connection(1), with(content(3, 1), "external_id", "x"), content(4, 1), with(content(5, 1), "external_id", "x")], one(5, "/external_id", "duplicate_external_id")),
            ("no integration", vec![with(connection(1), "integration_id", id(9))], one(2, "/integration_id", "missing_parent")),
            ("another integration", vec![integration(9, "mine"), with(connection(11), "integration_id", id(9))], one(3, "/integration_id", "missing_parent")),
            ("the key of another connector", vec![integration(9, "mysql")], one(2, "/key", "reserved")),
            ("a key twice", vec![integration(8, "mine"), integration(9, "mine")], one(3, "/key", "duplicate_key")),
            ("facts of a secret of nobody", vec![connection(1), entry(8, 5, 1), trashed(content(5, 1), 8), json!({"type": "trash_secret", "entry_id": id(8), "owner_kind": "connection", "owner_id": id(1), "field": "password", "source_hint": null, "set_at": AT, "set_by": "x"})], one(5, "/owner_id", "missing_parent")),
            ("no entry", vec![connection(1), trashed(content(5, 1), 8)], one(3, "/entry_id", "missing_parent")),
            ("an entry that is closed", vec![connection(1), with(with(entry(8, 5, 1), "state", "purged"), "closed_at", AT), trashed(content(5, 1), 8)], one(4, "/entry_id", "missing_parent")),
            ("too few rows", trash()[..2].to_vec(), one(3, "", "entry_incomplete")),
            ("too many rows", [trash(), vec![trashed(content(6, 1), 8)]].concat(), one(3, "", "entry_incomplete")),
            ("not the row it is about", vec![connection(1), entry(8, 6, 1), trashed(content(5, 1), 8)], one(3, "/root_id", "entry_incomplete")),
            ("live and in the trash", vec![connection(1), content(5, 1), entry(8, 5, 1), trashed(content(5, 1), 8)], one(5, "/id", "duplicate_id")),
            ("a row of another connection", vec![connection(1), entry(8, 5, 1), trashed(content(5, 9), 8)], one(4, "/connection_id", "missing_parent")),
            ("a link without an end in its entry", [trash(), vec![linked("trash_link", 3, 4, Some(8))]].concat(), one(5, "", "missing_parent")),
            ("a hold on nothing", vec![json!({"type": "hold", "id": id(1), "entry_id": id(2), "owner": "x", "reason": "", "ends_at": null, "created_at": AT})], one(2, "/entry_id", "missing_parent")),
        ] {
            assert_eq!(problems(app, of(&values).as_bytes(), false), expected, "{what}");
            assert_eq!(problems(app, of(&values).as_bytes(), true), expected, "{what}, only validated");
        }
        // What refers to a row that could not be read is not told as well.
        let orphans = vec![with(connection(1), "version", 0), model(2, 1), content(3, 1)];
        assert_eq!(problems(app, of(&orphans).as_bytes(), false), one(2, "/version", "out_of_range"));
        assert_eq!(rows(app), [0; 10]);
    }

    fn what_is_there_already_is_named_by_its_line_and_nothing_is_written(app: &TestApp) {
        let whole = [good(), vec![entry(8, 5, 1), trashed(content(5, 1), 8)]].concat();
        import(&app.admin, &of(&whole));
        let before = rows(app);
        assert_eq!(before, [1, 1, 2, 1, 1, 0, 0, 1, 0, 0]);
        let fresh = |number: u64| with(with(connection(number), "name", "fresh"), "external_id", Value::Null);
        for (what, values, expected) in [
            ("the same file again", whole.clone(), [one(2, "/id", "id_taken"), one(3, "/id", "id_taken"), one(4, "/id", "id_taken"), one(5, "/id", "id_taken"), one(7, "/id", "id_taken"), one(8, "/id", "in_trash")].concat()),
            ("a name", vec![fresh(20), with(connection(21), "name", "Connection 1")], one(3, "/name", "name_taken")),
            ("an external id", vec![fresh(20), with(connection(21), "external_id", "ext-1")], one(3, "/external_id", "external_id_taken")),
            ("an id of a model", vec![fresh(1 << 20), model(2, 1 << 20)], one(3, "/id", "id_taken")),
            ("an id in the trash", vec![fresh(20), content(5, 20)], one(3, "/id", "in_trash")),
            ("an id that is live", vec![fresh(20), entry(9, 3, 1), trashed(content(3, 1), 9)], one(4, "/id", "id_taken")),
            ("an entry", vec![fresh(20), with(with(entry(8, 5, 1), "state", "purged"), "closed_at", AT)], one(3, "/id", "id_taken")),
        ] {
            assert_eq!(problems(app, of(&values).as_bytes(), false), expected, "{what}");
            assert_eq!(problems(app, of(&values).as_bytes(), true), expected, "{what}, only validated");
            assert_eq!(refused(&app.admin, "", &of(&values)), expected, "{what}, by the API");
        }
        assert_eq!(rows(app), before);
        // Two organizations may have the same ids: they never meet.
        import(&app.other_organization("south"), &of(&whole));
        assert_eq!(rows(app), before.iter().map(|count| count * 2).collect::<Vec<_>>());
    }

    fn every_batch_of_a_file_is_compared_and_written(app: &TestApp) {
        // More than two batches of each, the last conflict in the last batch.
        let mut values = vec![connection(1)];
        values.extend((2..1_203).map(|number| if number % 2 == 0 && number < 1_200 { with(model(number, 1), "base_model_id", id(number + 1)) } else { model(number, 1) }));
        values.extend((2_000..3_201).map(|number| with(content(number, 1), "model_id", id(number - 1_998))));
        import(&app.admin, &of(&values));
        assert_eq!(rows(app)[..3], [1, 1_201, 1_201]);
        assert_eq!(app.sql().count("models WHERE base_model_id IS NOT NULL"), 599);
        let fresh = with(with(connection(10_000), "name", "fresh"), "external_id", Value::Null);
        let mut again = vec![fresh];
        again.extend((10_001..11_100).map(|number| content(number, 10_000)));
        again.insert(1, content(3_200, 10_000));
        assert_eq!(problems(app, of(&again).as_bytes(), false), one(3, "/id", "id_taken"));
        again.remove(1);
        again.insert(1, model(1_202, 10_000));
        assert_eq!(problems(app, of(&again).as_bytes(), false), one(3, "/id", "id_taken"));
        assert_eq!(rows(app)[..3], [1, 1_201, 1_201]);
    }
}

/// A line whose body is this text.
fn with_text(index: usize, text: &str) -> String {
    let mut values = good();
    values[index].as_object_mut().unwrap().remove("body");
    values[index] = with(values[index].clone(), "body_text", text);
    of(&values)
}
