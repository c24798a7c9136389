//! Archives made to do harm.

use std::io::Cursor;

use super::super::{Limits, read, read_within};
use super::{files, refusal, with, zip};

#[test]
fn paths_that_play_tricks_are_refused() {
    for path in [
        "/etc/x.yaml",
        "top/../../x.yaml",
        "top/./x.yaml",
        "top//x.yaml",
        "C:/x.yaml",
        "top\\x.yaml",
        "a\u{1}b",
    ] {
        let message = refusal(&with(path, "a: 1"));
        assert!(
            message.starts_with("entry number 6 of the archive has"),
            "{path:?}: {message}"
        );
    }
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let mut files = files();
    files[3].1.push(0xff);
    assert!(refusal(&files).starts_with("`top/charts/orders.yaml`: is not valid UTF-8"));
    let mut bytes = zip(&super::files());
    let name = b"top/charts/orders.yaml";
    let places: Vec<_> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(name))
        .collect();
    for at in places {
        bytes[at] = 0xff;
    }
    assert!(
        read(Cursor::new(bytes))
            .unwrap_err()
            .to_string()
            .contains("has a name that is not valid UTF-8")
    );
}

#[test]
fn limits_count_what_really_comes_out() {
    let limits = Limits {
        entries: 5,
        entry_bytes: 1_000,
        total_bytes: 100_000,
    };
    let refusal = |files: &[(String, Vec<u8>)], limits| {
        read_within(Cursor::new(zip(files)), limits)
            .unwrap_err()
            .to_string()
    };
    assert!(read_within(Cursor::new(zip(&files())), limits).is_ok());
    assert!(
        refusal(
            &files(),
            Limits {
                entries: 4,
                ..limits
            }
        )
        .contains("more than 4 entries")
    );
    let message = refusal(
        &files(),
        Limits {
            entry_bytes: 200,
            ..limits
        },
    );
    assert!(
        message.contains("is larger than 200 bytes when unpacked"),
        "{message}"
    );
    let message = refusal(
        &files(),
        Limits {
            total_bytes: 1_200,
            ..limits
        },
    );
    assert!(
        message.contains("takes the archive beyond 1200 bytes"),
        "{message}"
    );

    // The archive claims that the chart unpacks to ten bytes.
    let mut bytes = zip(&with("top/charts/orders.yaml", &"a: 1\n".repeat(500)));
    let size = 2_500_u32.to_le_bytes();
    let places: Vec<_> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(&size))
        .collect();
    assert_eq!(places.len(), 2);
    for at in places {
        bytes[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let message = read_within(Cursor::new(bytes), limits)
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("`top/charts/orders.yaml`: "),
        "{message}"
    );
}

#[test]
fn one_path_twice_is_refused() {
    let twin = "top/charts/twin_1.yaml";
    assert_eq!(twin.len(), "top/charts/orders.yaml".len());
    let mut bytes = zip(&with(twin, "a: 1"));
    for at in 0..bytes.len() {
        if bytes[at..].starts_with(twin.as_bytes()) {
            bytes[at..at + twin.len()].copy_from_slice(b"top/charts/orders.yaml");
        }
    }
    let message = read(Cursor::new(bytes)).unwrap_err().to_string();
    assert!(
        message.contains("lists the same path more than once"),
        "{message}"
    );
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::try_from(below).unwrap()).unwrap()
    };
    let whole = zip(&files());
    for length in 0..whole.len() {
        let _ = read(Cursor::new(&whole[..length]));
    }
    for _ in 0..4_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            bytes[at] = [0, 0xff, b'P', u8::try_from(random(256)).unwrap()][random(4)];
        }
        let _ = read(Cursor::new(bytes));
    }
    // The same for the text inside, with an archive that is in order.
    for _ in 0..4_000 {
        let mut files = files();
        let which = random(files.len());
        let text = &mut files[which].1;
        for _ in 0..=random(3) {
            let at = random(text.len());
            match random(3) {
                0 => text.truncate(at.max(1)),
                1 => text.insert(at, b"\0:{}[]&*!|>'\"%@#-?,\n\t ~.<="[random(26)]),
                _ => text[at] = u8::try_from(random(256)).unwrap(),
            }
        }
        let _ = read(Cursor::new(zip(&files)));
    }
}
