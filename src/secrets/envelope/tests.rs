//! Tests of the envelope.

use super::super::value::MAX_SECRET_BYTES;
use super::*;

const CONNECTION: Binding<'static> = Binding {
    organization: Uuid::from_u128(0x11),
    owner_kind: "connection",
    owner: Uuid::from_u128(0x22),
    field: "password",
    record: Uuid::from_u128(0x33),
    generation: 7,
};

fn epoch(number: i32) -> Epoch {
    Epoch::try_from(number).unwrap()
}

fn ring() -> Keyring {
    Keyring::of_bytes(&[(1, 0xa1), (2, 0xa2)])
}

fn secret(text: &str) -> SecretValue {
    SecretValue::parse(text.to_owned()).unwrap()
}

fn sealed(text: &str) -> Vec<u8> {
    seal(&ring(), epoch(2), &CONNECTION, &secret(text))
        .unwrap()
        .bytes
}

/// What opening gives, in a form that can be compared.
fn opened(binding: &Binding<'_>, record: &[u8]) -> Result<String, EnvelopeError> {
    open(&ring(), binding, record).map(|value| value.expose().to_owned())
}

#[test]
fn a_record_of_format_1_opens_in_every_later_release() {
    // Made from the layout in the module's header by another implementation of AES-GCM.
    let record: Vec<u8> = GOLDEN
        .as_bytes()
        .chunks(2)
        .map(|hex| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap())
        .collect();
    assert_eq!(record_epoch(&record), Some(epoch(2)));
    assert_eq!(opened(&CONNECTION, &record).as_deref(), Ok("correct horse"));
    assert_eq!(
        opened(&CONNECTION, &sealed("pass wörd\n")).as_deref(),
        Ok("pass wörd\n")
    );
}

#[test]
fn a_value_takes_the_smallest_class_that_holds_it() {
    let cases = [
        (1, Some(SizeClass::Bytes256)),
        (159, Some(SizeClass::Bytes256)),
        (160, Some(SizeClass::Bytes1024)),
        (927, Some(SizeClass::Bytes1024)),
        (928, Some(SizeClass::Bytes4096)),
        (3_999, Some(SizeClass::Bytes4096)),
        (4_000, Some(SizeClass::Bytes16384)),
        (16_000, Some(SizeClass::Bytes16384)),
        (16_287, Some(SizeClass::Bytes16384)),
        (16_288, None),
        (usize::MAX, None),
    ];
    for (length, class) in cases {
        assert_eq!(SizeClass::for_len(length), class, "{length}");
        if let (Some(class), true) = (class, length <= MAX_SECRET_BYTES) {
            let text = "s".repeat(length);
            let record = seal(&ring(), epoch(1), &CONNECTION, &secret(&text)).unwrap();
            assert_eq!(
                (record.class, record.bytes.len()),
                (class, class.bytes()),
                "{length}"
            );
            assert_eq!(opened(&CONNECTION, &record.bytes), Ok(text), "{length}");
        }
    }
}

#[test]
fn a_record_that_is_wrapped_anew_holds_the_same_value_under_the_other_epoch_alone() {
    for length in [1, 500, 3_000, 16_000] {
        let text = "s".repeat(length);
        let old = seal(&ring(), epoch(1), &CONNECTION, &secret(&text)).unwrap();
        let new = rewrap(&ring(), epoch(2), &CONNECTION, &old.bytes).unwrap();
        assert_eq!(new.len(), old.bytes.len());
        assert_eq!(record_epoch(&new), Some(epoch(2)));
        // All that was wrapped is other bytes; the value is where it was.
        let head = 1 + 4 + NONCE_BYTES + DEK_BYTES + TAG_BYTES;
        assert!(
            new[5..head]
                .windows(8)
                .all(|window| { !old.bytes[5..head].windows(8).any(|other| other == window) })
        );
        assert_eq!(new[head..], old.bytes[head..]);
        let only_new = Keyring::of_bytes(&[(2, 0xa2)]);
        let value = open(&only_new, &CONNECTION, &new).unwrap();
        assert_eq!(value.expose(), text);
        let only_old = Keyring::of_bytes(&[(1, 0xa1)]);
        assert_eq!(
            open(&only_old, &CONNECTION, &new).map(drop),
            Err(EnvelopeError::UnknownEpoch(epoch(2)))
        );
        // Done before: nothing to do.
        assert_eq!(rewrap(&only_new, epoch(2), &CONNECTION, &new).unwrap(), new);
    }
}

#[test]
fn what_does_not_open_is_not_wrapped_anew() {
    let record = seal(&ring(), epoch(1), &CONNECTION, &secret("secret"))
        .unwrap()
        .bytes;
    let to = |binding: &Binding<'_>, record: &[u8]| rewrap(&ring(), epoch(2), binding, record);
    let moved = Binding {
        owner: Uuid::from_u128(0x99),
        ..CONNECTION
    };
    let later = Binding {
        generation: 8,
        ..CONNECTION
    };
    for binding in [moved, later] {
        assert_eq!(to(&binding, &record), Err(EnvelopeError::DoesNotOpen));
    }
    for position in [5, 20, 60] {
        let mut changed = record.clone();
        changed[position] ^= 1;
        assert_eq!(to(&CONNECTION, &changed), Err(EnvelopeError::DoesNotOpen));
    }
    assert_eq!(
        to(&CONNECTION, &record[1..]),
        Err(EnvelopeError::DoesNotOpen)
    );
    assert_eq!(to(&CONNECTION, &[0; 256]), Err(EnvelopeError::DoesNotOpen));
    let lacking = Keyring::of_bytes(&[(1, 0xa1)]);
    assert_eq!(
        rewrap(&lacking, epoch(2), &CONNECTION, &record),
        Err(EnvelopeError::UnknownEpoch(epoch(2)))
    );
}

#[test]
fn a_record_does_not_open_in_any_other_place() {
    let other = Uuid::from_u128(0x99);
    let (owner, record) = (CONNECTION.record, CONNECTION.owner);
    let cases = [
        (
            "organization",
            Binding {
                organization: other,
                ..CONNECTION
            },
        ),
        (
            "kind of owner",
            Binding {
                owner_kind: "integration",
                ..CONNECTION
            },
        ),
        (
            "owner",
            Binding {
                owner: other,
                ..CONNECTION
            },
        ),
        (
            "field",
            Binding {
                field: "private_key",
                ..CONNECTION
            },
        ),
        (
            "empty field",
            Binding {
                field: "",
                ..CONNECTION
            },
        ),
        (
            "record",
            Binding {
                record: other,
                ..CONNECTION
            },
        ),
        (
            "later generation",
            Binding {
                generation: 8,
                ..CONNECTION
            },
        ),
        (
            "earlier generation",
            Binding {
                generation: 6,
                ..CONNECTION
            },
        ),
        (
            "negative generation",
            Binding {
                generation: -7,
                ..CONNECTION
            },
        ),
        (
            "owner and record swapped",
            Binding {
                owner,
                record,
                ..CONNECTION
            },
        ),
    ];
    let record = sealed("hunter2");
    for (case, binding) in cases {
        assert_eq!(
            opened(&binding, &record),
            Err(EnvelopeError::DoesNotOpen),
            "{case}"
        );
    }
}

#[test]
fn each_layer_binds_the_place_by_itself() {
    // With the data key in hand, the inner layer alone still refuses another place.
    let record = sealed("hunter2");
    let parts = Parts::of(&record).unwrap();
    let dek = unwrap_dek(&ring(), &CONNECTION, &parts).unwrap();
    let inner = |binding: &Binding<'_>| {
        let mut body = parts.ciphertext.to_vec();
        let (nonce, tag) = ((*parts.nonce).into(), (*parts.tag).into());
        let aad = value_aad(binding).unwrap();
        cipher(&dek).decrypt_inout_detached(&nonce, &aad, body.as_mut_slice().into(), &tag)
    };
    let raised = Binding {
        generation: 8,
        ..CONNECTION
    };
    assert!(inner(&CONNECTION).is_ok());
    assert!(inner(&raised).is_err());
    assert!(unwrap_dek(&ring(), &raised, &parts).is_err());
}

#[test]
fn places_that_read_alike_when_joined_are_different_places() {
    // With an id of sixteen `a` between them, all three join to the same bytes.
    let places = [
        ("kind", "aafield"),
        ("kinda", "afield"),
        ("kindaa", "field"),
    ];
    let owner = Uuid::from_bytes([b'a'; 16]);
    for (owner_kind, field) in places {
        let binding = Binding {
            owner_kind,
            owner,
            field,
            ..CONNECTION
        };
        let record = seal(&ring(), epoch(1), &binding, &secret("hunter2")).unwrap();
        for (owner_kind, field) in places {
            let other = Binding {
                owner_kind,
                field,
                ..binding
            };
            assert_eq!(
                opened(&other, &record.bytes).is_ok(),
                other == binding,
                "{other:?}"
            );
        }
    }
}

#[test]
fn every_single_changed_byte_closes_a_record() {
    let record = sealed("hunter2");
    for at in 0..record.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = record.clone();
            changed[at] ^= flip;
            let error = opened(&CONNECTION, &changed).unwrap_err();
            let expected = match record_epoch(&changed) {
                Some(named) if !ring().has(named) => EnvelopeError::UnknownEpoch(named),
                _ => EnvelopeError::DoesNotOpen,
            };
            assert_eq!(error, expected, "byte {at} ^ {flip:#x}");
            assert!(
                (1..5).contains(&at) || error == EnvelopeError::DoesNotOpen,
                "byte {at}"
            );
        }
    }
}

#[test]
fn a_record_that_names_another_epoch_of_the_ring_does_not_open() {
    let mut record = sealed("hunter2");
    record[4] = 1;
    assert_eq!(record_epoch(&record), Some(epoch(1)));
    assert_eq!(
        opened(&CONNECTION, &record),
        Err(EnvelopeError::DoesNotOpen)
    );
    // Not even where both epochs have the same key: the wrapping layer binds the number.
    let twins = Keyring::of_bytes(&[(1, 0xa2), (2, 0xa2)]);
    assert_eq!(
        open(&twins, &CONNECTION, &record).unwrap_err(),
        EnvelopeError::DoesNotOpen
    );
}

#[test]
fn a_record_of_another_length_is_refused() {
    let record = sealed(&"s".repeat(1_000));
    assert_eq!(record.len(), 4_096);
    for length in 0..record.len() {
        let cut = &record[..length];
        assert_eq!(
            opened(&CONNECTION, cut),
            Err(EnvelopeError::DoesNotOpen),
            "cut to {length}"
        );
    }
    for more in [1, 16_384 - 4_096, 20_000] {
        let mut longer = record.clone();
        longer.resize(record.len() + more, 0);
        assert_eq!(
            opened(&CONNECTION, &longer),
            Err(EnvelopeError::DoesNotOpen),
            "{more} more"
        );
    }
}

#[test]
fn parts_of_two_records_do_not_mix() {
    let (first, second) = (sealed("first"), sealed("second"));
    for cut in [17, 49, 65, 77, 240] {
        let mixed = [&first[..cut], &second[cut..]].concat();
        assert_eq!(
            opened(&CONNECTION, &mixed),
            Err(EnvelopeError::DoesNotOpen),
            "cut at {cut}"
        );
    }
    let elsewhere = Binding {
        field: "private_key",
        ..CONNECTION
    };
    let other = seal(&ring(), epoch(2), &elsewhere, &secret("other"))
        .unwrap()
        .bytes;
    assert_eq!(opened(&CONNECTION, &other), Err(EnvelopeError::DoesNotOpen));
    assert_eq!(opened(&elsewhere, &first), Err(EnvelopeError::DoesNotOpen));
}

#[test]
fn two_seals_of_one_value_share_neither_key_nor_nonce_nor_ciphertext() {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..200 {
        let record = sealed("hunter2");
        let parts = Parts::of(&record).unwrap();
        let dek = unwrap_dek(&ring(), &CONNECTION, &parts).unwrap();
        for (part, bytes) in [
            ("data key", dek.as_slice()),
            ("wrap nonce", parts.wrap_nonce),
            ("wrapped key", parts.wrapped),
            ("nonce", parts.nonce),
            ("ciphertext", parts.ciphertext),
        ] {
            assert!(seen.insert(bytes.to_vec()), "{part} was used twice");
        }
    }
}

#[test]
fn an_epoch_that_the_ring_lacks_is_named() {
    let missing = EnvelopeError::UnknownEpoch(epoch(3));
    assert_eq!(
        seal(&ring(), epoch(3), &CONNECTION, &secret("x")).unwrap_err(),
        missing
    );
    let later = Keyring::of_bytes(&[(3, 0xa3)]);
    let record = seal(&later, epoch(3), &CONNECTION, &secret("x")).unwrap();
    assert_eq!(opened(&CONNECTION, &record.bytes), Err(missing));
}

#[test]
fn another_key_of_the_same_epoch_does_not_open_a_record() {
    let other = Keyring::of_bytes(&[(2, 0xb2)]);
    assert_eq!(
        open(&other, &CONNECTION, &sealed("x")).unwrap_err(),
        EnvelopeError::DoesNotOpen
    );
}

#[test]
fn the_epoch_is_told_by_records_only() {
    let record = sealed("hunter2");
    let cases: [(&str, &[u8], Option<Epoch>); 7] = [
        ("a record", &record, Some(epoch(2))),
        ("its first five bytes", &record[..5], Some(epoch(2))),
        ("too short", &record[..4], None),
        ("nothing", &[], None),
        ("an overwritten slot", &[0; 256], None),
        ("another format", &[2, 0, 0, 0, 1], None),
        ("a negative epoch", &[1, 0xff, 0, 0, 0], None),
    ];
    for (case, bytes, expected) in cases {
        assert_eq!(record_epoch(bytes), expected, "{case}");
    }
    assert_eq!(
        opened(&CONNECTION, &[0; 256]),
        Err(EnvelopeError::DoesNotOpen)
    );
}

#[test]
fn a_frame_that_no_seal_writes_is_refused() {
    let cases: [(&str, &[u8]); 7] = [
        ("no length", &[0, 0, 0]),
        ("length beyond the frame", &[0, 0, 0, 3, b'a', b'b']),
        ("greatest length", &[0xff, 0xff, 0xff, 0xff, b'a']),
        ("empty value", &[0, 0, 0, 0, 0, 0]),
        ("padding that is not zero", &[0, 0, 0, 1, b'a', 0, 1]),
        ("not UTF-8", &[0, 0, 0, 1, 0xff, 0]),
        ("NUL in the value", &[0, 0, 0, 2, b'a', 0, 0]),
    ];
    for (case, frame) in cases {
        assert!(unframe(frame).is_none(), "{case}");
    }
    assert_eq!(unframe(&[0, 0, 0, 1, b'a', 0]).unwrap().expose(), "a");
}

#[test]
fn debug_shows_neither_value_nor_record() {
    let record = seal(&ring(), epoch(1), &CONNECTION, &secret("hunter2")).unwrap();
    assert_eq!(format!("{record:?}"), "Record { class: Bytes256, .. }");
    let opened = open(&ring(), &CONNECTION, &record.bytes);
    assert_eq!(format!("{opened:?}"), "Ok(SecretValue)");
}

/// "correct horse" under a data key of 00 to 1f and the key of epoch 2.
const GOLDEN: &str = "\
    0100000002404142434445464748494a4ba34f38b8dc2d226d50b57479a56ab543d9834faa835a38411299d28f3752617ea1d170\
    056f23fe189cc0dd59f4e6acb5505152535455565758595a5b92273679873fcb9439d54945a58ef1a6862ffdeb22719a222489e0\
    dbf040957451ef8add6b2693b469dae59ed582f9d7d12b76192a1d526d9fc6e404afc90492306adc9a89f3177122f7e40f9e464a\
    4387fd9f07f4f6066cf07b4dc11e108c06a7a45ac25afcf125172e39f26a660e5ee6501114c74d0453e4ccce7dad979187ceb986\
    1f005f6c08ccde1e40ccc51a56267b0aae2fc8a57f79fbf3e2aeb66cfcdb3befd8e63bb1057089dab6b3c7547240408a";
