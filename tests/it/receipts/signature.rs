//! A receipt is good as it was signed, and in no other way.

use super::*;

/// A deleted connection's receipt and the keys of its organization.
fn signed(app: &TestApp) -> (Value, Value) {
    let entry = app.delete_connection(&app.sample_connection("prod"));
    (receipt(&app.admin, &entry), keys(&app.admin))
}

/// The same bytes with one bit of one byte turned.
fn turned(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

on_both! {
    fn anybody_can_check_it_with_the_public_key_alone(app: &TestApp) {
        let (receipt, keys) = signed(app);
        assert!(fits(&receipt, &keys));
        let Checked { receipt: said, key } = checked(&receipt, &keys).unwrap();
        assert_eq!(said.deletion.id.to_string(), text(&receipt["receipt"]["deletion"]["id"]));
        assert_eq!(json!(key.id), receipt["key_id"]);
        assert_eq!(receipt["unsigned"], Value::Null);
    }

    fn a_receipt_that_is_altered_in_any_byte_is_refused(app: &TestApp) {
        let (receipt, keys) = signed(app);
        let with = |member: &str, bytes: &[u8]| {
            let mut altered = receipt.clone();
            altered[member] = json!(STANDARD.encode(bytes));
            altered
        };
        let refused = |altered: &Value| matches!(checked(altered, &keys), Err(Refusal::Altered(_)));
        let (payload, signature) = (payload(&receipt), STANDARD.decode(text(&receipt["signature"])).unwrap());
        assert!(checked(&with("payload", &payload), &keys).is_ok());
        for at in 0..payload.len() {
            let altered = with("payload", &turned(&payload, at));
            assert!(refused(&altered) && !fits(&altered, &keys), "byte {at} of the payload");
        }
        assert_eq!(signature.len(), 64);
        for at in 0..signature.len() {
            let altered = with("signature", &turned(&signature, at));
            assert!(refused(&altered) && !fits(&altered, &keys), "byte {at} of the signature");
        }
        assert!(refused(&with("payload", &[&payload[..], b" "].concat())), "longer");
        assert!(refused(&with("payload", payload.split_last().unwrap().1)), "shorter");
        assert!(refused(&with("signature", &[])), "no signature at all");
    }

    fn no_byte_of_the_file_can_change_what_it_says(app: &TestApp) {
        let (receipt, keys) = signed(app);
        let (file, keys) = (receipt.to_string().into_bytes(), keys.to_string().into_bytes());
        let said = receipts::check(&file, &keys).unwrap().receipt;
        let mut harmless = 0;
        for at in 0..file.len() {
            if let Ok(checked) = receipts::check(&turned(&file, at), &keys) {
                assert_eq!(checked.receipt, said, "byte {at}");
                harmless += 1;
            }
        }
        // What is left is the name of a member that may be missing.
        assert!(harmless <= "unsigned".len(), "{harmless} bytes can be turned");
    }

    fn what_is_there_to_be_read_can_not_lie(app: &TestApp) {
        let (mut receipt, keys) = signed(app);
        receipt["receipt"]["state"] = json!("purged");
        assert!(fits(&receipt, &keys), "it is not under the signature");
        assert!(matches!(checked(&receipt, &keys), Err(Refusal::ReadPartAltered)));
    }

    fn another_key_is_refused(app: &TestApp) {
        let (receipt, ours) = signed(app);
        let theirs = keys(&app.other_organization("other"));
        assert!(matches!(checked(&receipt, &theirs), Err(Refusal::UnknownKey { known: 1, .. })));
        // Under the name of ours it does not fit either.
        let mut swapped = theirs;
        swapped["data"][0]["id"] = ours["data"][0]["id"].clone();
        assert!(matches!(checked(&receipt, &swapped), Err(Refusal::Altered(_))));
        let mut none = ours;
        none["data"] = json!([]);
        assert!(matches!(checked(&receipt, &none), Err(Refusal::UnknownKey { known: 0, .. })));
    }

    fn a_receipt_from_outside_the_time_of_its_key_is_refused(app: &TestApp) {
        let (receipt, keys) = signed(app);
        let with = |member: &str, at: &str| {
            let mut keys = keys.clone();
            keys["data"][0][member] = json!(at);
            keys
        };
        let later = with("created_at", "2090-01-01T00:00:00Z");
        assert!(matches!(checked(&receipt, &later), Err(Refusal::OutsideOfKey(_))));
        let sooner = with("retired_at", "2020-01-01T00:00:00Z");
        assert!(matches!(checked(&receipt, &sooner), Err(Refusal::OutsideOfKey(_))));
        assert!(checked(&receipt, &with("retired_at", "2090-01-01T00:00:00Z")).is_ok());
    }
}
