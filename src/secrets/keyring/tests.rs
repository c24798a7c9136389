//! Tests of the keyring and its files.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use rustix::fs::{FileType, Mode, mknodat};
use tempfile::TempDir;

use super::*;

const KEY: [u8; 32] = *b"KEYBYTESKEYBYTESKEYBYTESKEYBYTES";

/// A folder `keys` as an installation has it, with the given files, in a temporary one.
fn folder(files: &[(&str, &[u8])]) -> (TempDir, PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("keys");
    fs::create_dir(&dir).unwrap();
    chmod(&dir, 0o700);
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).unwrap();
        chmod(&dir.join(name), 0o600);
    }
    (outer, dir)
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn bytes(ring: &Keyring, epoch: Epoch) -> [u8; 32] {
    *ring.kek(epoch).unwrap().bytes()
}

/// The refusal as an operator reads it, which must hold nothing of a key.
fn refusal(result: Result<impl Sized, KeyringError>, case: &str) -> String {
    let Err(error) = result else {
        panic!("{case}: was accepted")
    };
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(
            !shown.contains("KEYBYTES") && !shown.contains("75, 69, 89"),
            "{case}: {shown}"
        );
    }
    error.to_string()
}

#[test]
fn an_epoch_is_1_or_more_everywhere() {
    for (number, valid) in [
        (i32::MIN, false),
        (-1, false),
        (0, false),
        (1, true),
        (i32::MAX, true),
    ] {
        assert_eq!(Epoch::try_from(number).is_ok(), valid, "{number}");
        let parsed = serde_json::from_str::<Epoch>(&number.to_string());
        assert_eq!(parsed.is_ok(), valid, "{number}");
        if let Ok(epoch) = parsed {
            assert_eq!((epoch.get(), i32::from(epoch)), (number, number));
            assert_eq!(serde_json::to_string(&epoch).unwrap(), epoch.to_string());
        }
    }
    assert!(Epoch::FIRST < Epoch(2));
}

#[test]
fn a_folder_without_keys_is_no_ring() {
    let (outer, dir) = folder(&[]);
    assert!(
        Keyring::read(&outer.path().join("missing"))
            .unwrap()
            .is_none()
    );
    assert!(Keyring::read(&dir).unwrap().is_none());
    let (_outer, dir) = folder(&[
        ("README", b"x"),
        ("epoch-1.key.00.new", &KEY),
        ("epoch-1.key~", &KEY),
    ]);
    assert!(Keyring::read(&dir).unwrap().is_none());
}

#[test]
fn a_ring_holds_every_key_of_its_folder() {
    let (_outer, dir) = folder(&[
        ("epoch-2.key", &[2; 32]),
        ("epoch-10.key", &[10; 32]),
        ("notes", b"x"),
    ]);
    chmod(&dir.join("epoch-10.key"), 0o400);
    let ring = Keyring::read(&dir).unwrap().unwrap();
    assert_eq!(ring.newest(), Epoch(10));
    for (number, held) in [(1, false), (2, true), (9, false), (10, true)] {
        assert_eq!(ring.has(Epoch(number)), held, "{number}");
        assert_eq!(ring.check_value(Epoch(number)).is_some(), held, "{number}");
    }
    assert_eq!(
        (bytes(&ring, Epoch(2)), bytes(&ring, Epoch(10))),
        ([2; 32], [10; 32])
    );
    assert_eq!(format!("{ring:?}"), "Keyring [Epoch(2), Epoch(10)]");
}

#[test]
fn a_folder_of_keys_may_be_reached_by_a_link() {
    let (outer, dir) = folder(&[("epoch-1.key", &KEY)]);
    let link = outer.path().join("link");
    symlink(&dir, &link).unwrap();
    assert!(Keyring::read(&link).unwrap().unwrap().has(Epoch::FIRST));
}

#[test]
fn a_key_file_that_is_not_beyond_doubt_is_refused_with_its_repair() {
    type Spoil = fn(&Path);
    #[rustfmt::skip]
    let cases: [(&str, Spoil, &[&str]); 14] = [
        ("empty", |key| fs::write(key, b"").unwrap(), &["holds 0 bytes", "backup"]),
        ("short", |key| fs::write(key, &KEY[..31]).unwrap(), &["holds 31 bytes"]),
        ("long", |key| fs::write(key, [&KEY[..], b"\n"].concat()).unwrap(), &["holds 33 bytes"]),
        ("zeros", |key| fs::write(key, [0; 32]).unwrap(), &["zeros only", "backup"]),
        ("group readable", |key| chmod(key, 0o640), &["mode 0640", "chmod 600 "]),
        ("world readable", |key| chmod(key, 0o604), &["mode 0604", "chmod 600 "]),
        ("group writable", |key| chmod(key, 0o620), &["mode 0620", "chmod 600 "]),
        ("link", |key| {
            fs::rename(key, key.with_extension("real")).unwrap();
            symlink(key.with_extension("real"), key).unwrap();
        }, &["symbolic link", "put the key file itself"]),
        ("dangling link", |key| {
            fs::remove_file(key).unwrap();
            symlink("nowhere", key).unwrap();
        }, &["symbolic link"]),
        ("folder", |key| {
            fs::remove_file(key).unwrap();
            fs::create_dir(key).unwrap();
        }, &["not a regular file"]),
        ("pipe", |key| {
            fs::remove_file(key).unwrap();
            mknodat(CWD, key, FileType::Fifo, Mode::RWXU, 0).unwrap();
        }, &["not a regular file"]),
        ("bad name", |key| fs::rename(key, key.with_file_name("epoch-01.key")).unwrap(), &["epoch-01.key", "rename it"]),
        ("open folder", |key| chmod(key.parent().unwrap(), 0o755), &["mode 0755", "chmod 700 "]),
        ("file as folder", |key| {
            let dir = key.parent().unwrap();
            fs::remove_dir_all(dir).unwrap();
            fs::write(dir, b"x").unwrap();
        }, &["is not a folder"]),
    ];
    for (case, spoil, reasons) in cases {
        let (_outer, dir) = folder(&[("epoch-1.key", &KEY)]);
        spoil(&dir.join("epoch-1.key"));
        let shown = refusal(Keyring::read(&dir), case);
        assert!(shown.contains(dir.to_str().unwrap()), "{case}: {shown}");
        for reason in reasons {
            assert!(shown.contains(reason), "{case}: {shown}");
        }
    }
}

#[test]
fn a_name_that_ends_like_a_key_must_be_one() {
    let bad: [&[u8]; 12] = [
        b"epoch-0.key",
        b"epoch--1.key",
        b"epoch-+1.key",
        b"epoch-1 .key",
        b"epoch-2147483648.key",
        b"epoch-.key",
        b"epoch-x.key",
        b"Epoch-1.key",
        b"master.key",
        b".key",
        b"epoch-1.old.key",
        b"\xff.key",
    ];
    for name in bad {
        let (_outer, dir) = folder(&[("epoch-1.key", &KEY)]);
        fs::write(dir.join(OsStr::from_bytes(name)), KEY).unwrap();
        let shown = refusal(Keyring::read(&dir), &name.escape_ascii().to_string());
        assert!(shown.contains("is not the name of a key file"), "{shown}");
    }
}

#[test]
fn another_users_key_is_refused() {
    let (_outer, dir) = folder(&[("epoch-1.key", &KEY)]);
    let path = dir.join("epoch-1.key");
    let user = effective_user();
    // Giving a file away takes privileges; without them the service takes the part of the other user.
    let (result, expected) = if chown(&path, Some(user + 1), None).is_ok() {
        (Keyring::read(&dir).map(drop), user)
    } else {
        (
            files::read_key(CWD, &path, path.clone(), user + 1).map(drop),
            user + 1,
        )
    };
    let shown = refusal(result, "other user");
    assert!(
        shown.contains(&format!("run `chown {expected} ")),
        "{shown}"
    );
}

#[test]
fn one_key_can_be_given_by_its_path() {
    let (_outer, dir) = folder(&[("handed-over", &KEY)]);
    let path = dir.join("handed-over");
    let ring = Keyring::from_file(&path, Epoch(4)).unwrap();
    assert_eq!(
        (ring.newest(), ring.has(Epoch(4)), ring.has(Epoch(1))),
        (Epoch(4), true, false)
    );
    assert_eq!(bytes(&ring, Epoch(4)), KEY);

    chmod(&path, 0o644);
    assert!(refusal(Keyring::from_file(&path, Epoch(4)), "open").contains("chmod 600 "));
    let link = dir.join("link");
    symlink(&path, &link).unwrap();
    assert!(refusal(Keyring::from_file(&link, Epoch(4)), "link").contains("symbolic link"));
    let missing = dir.join("missing");
    assert!(refusal(Keyring::from_file(&missing, Epoch(4)), "missing").contains("cannot open"));
}

#[test]
fn the_first_key_is_private_random_and_read_back_alike() {
    let (outer, _) = folder(&[]);
    let dirs = [outer.path().join("a"), outer.path().join("b")];
    let made: Vec<Keyring> = dirs
        .iter()
        .map(|dir| Keyring::create(dir).unwrap())
        .collect();
    assert_ne!(bytes(&made[0], Epoch::FIRST), bytes(&made[1], Epoch::FIRST));
    for (dir, made) in dirs.iter().zip(&made) {
        assert_eq!(names(dir), ["epoch-1.key"]);
        assert_eq!(fs::metadata(dir).unwrap().mode() & 0o7777, 0o700);
        let file = fs::metadata(dir.join("epoch-1.key")).unwrap();
        assert_eq!(
            (file.mode() & 0o7777, file.len(), file.nlink()),
            (0o600, 32, 1)
        );
        let read = Keyring::read(dir).unwrap().unwrap();
        assert_eq!(bytes(&read, Epoch::FIRST), bytes(made, Epoch::FIRST));
        assert_eq!(format!("{made:?}"), "Keyring [Epoch(1)]");
    }
}

#[test]
fn a_key_is_never_made_over_or_beside_another() {
    for existing in ["epoch-1.key", "epoch-2.key"] {
        let (_outer, dir) = folder(&[(existing, &KEY)]);
        for _ in 0..2 {
            let shown = refusal(Keyring::create(&dir), existing);
            assert!(
                shown.contains(existing) && shown.contains("not overwritten"),
                "{shown}"
            );
        }
        assert_eq!(names(&dir), [existing]);
        assert_eq!(fs::read(dir.join(existing)).unwrap(), KEY);
    }
    // One who looked before the other wrote is stopped by the link.
    let (_outer, dir) = folder(&[("epoch-1.key", &KEY)]);
    let handle = files::open_folder(&dir, effective_user()).unwrap().unwrap();
    let late = files::write_key(&handle, &dir, Epoch::FIRST, &Kek::generate().unwrap());
    assert!(refusal(late, "late").contains("not overwritten"));
    assert_eq!(names(&dir), ["epoch-1.key"]);
    assert_eq!(fs::read(dir.join("epoch-1.key")).unwrap(), KEY);
}

#[test]
fn of_many_who_make_the_first_key_at_once_one_wins() {
    let (outer, _) = folder(&[]);
    let dir = outer.path().join("new");
    let made: Vec<Keyring> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Keyring::create(&dir)))
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap().ok())
            .collect()
    });
    assert_eq!(made.len(), 1);
    let read = Keyring::read(&dir).unwrap().unwrap();
    assert_eq!(bytes(&read, Epoch::FIRST), bytes(&made[0], Epoch::FIRST));
    assert_eq!(names(&dir), ["epoch-1.key"]);
}

#[test]
fn a_missing_parent_and_an_open_folder_stop_the_first_key() {
    let (_outer, dir) = folder(&[]);
    assert!(refusal(Keyring::create(&dir.join("a/b")), "parent").contains("cannot create"));
    chmod(&dir, 0o750);
    assert!(refusal(Keyring::create(&dir), "open").contains("chmod 700 "));
    assert!(names(&dir).is_empty());
}

#[test]
fn a_check_value_depends_on_the_key_and_on_the_epoch() {
    let value = |n, byte| {
        Keyring::of_bytes(&[(n, byte)])
            .check_value(Epoch(n))
            .unwrap()
    };
    assert_eq!(value(1, 0x0b), value(1, 0x0b));
    assert_ne!(value(1, 0x0b), value(1, 0x0c));
    assert_ne!(value(1, 0x0b), value(2, 0x0b));
    // Computed under 32 bytes of 0b by another implementation of HMAC-SHA256.
    assert_eq!(value(1, 0x0b), CHECK_VALUE);
}

#[rustfmt::skip]
const CHECK_VALUE: [u8; 32] = [
    0x04, 0xff, 0x26, 0x13, 0x14, 0x5f, 0x85, 0x21, 0xa1, 0x11, 0x3d, 0x2a, 0xd4, 0x29, 0xc5, 0x39,
    0x5f, 0xa5, 0xba, 0xc4, 0xf5, 0x08, 0x4c, 0xe7, 0xd8, 0x18, 0x63, 0x37, 0x5f, 0xdc, 0xda, 0x21,
];

#[test]
fn a_rotation_adds_a_private_key_beside_the_others_and_overwrites_none() {
    let (_outer, dir) = folder(&[("epoch-1.key", &KEY)]);
    let two = Epoch::FIRST.next();
    Keyring::add(&dir, two).unwrap();
    let ring = Keyring::read(&dir).unwrap().unwrap();
    assert_eq!(ring.epochs().collect::<Vec<_>>(), [Epoch::FIRST, two]);
    assert_eq!(bytes(&ring, Epoch::FIRST), KEY);
    assert_ne!(bytes(&ring, two), KEY);
    assert_eq!(ring.newest(), two);
    let file = dir.join("epoch-2.key");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let before = fs::read(&file).unwrap();
    assert!(refusal(Keyring::add(&dir, two), "twice").contains("not overwritten"));
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(names(&dir).len(), 2, "a draft is left");
}

#[test]
fn a_destroyed_key_leaves_nothing_also_where_a_process_died_half_way() {
    let (_outer, dir) = folder(&[("epoch-1.key", &KEY), ("epoch-2.key", &KEY)]);
    assert!(!Keyring::is_half_destroyed(&dir, Epoch::FIRST));
    Keyring::destroy(&dir, Epoch::FIRST).unwrap();
    assert_eq!(names(&dir), ["epoch-2.key"]);
    Keyring::destroy(&dir, Epoch::FIRST).unwrap();

    let two = Epoch::FIRST.next();
    fs::rename(dir.join("epoch-2.key"), dir.join("epoch-2.key.destroyed")).unwrap();
    assert!(Keyring::is_half_destroyed(&dir, two));
    assert!(
        Keyring::read(&dir).unwrap().is_none(),
        "it is no key any more"
    );
    Keyring::destroy(&dir, two).unwrap();
    assert_eq!(names(&dir), Vec::<String>::new());
    Keyring::destroy(&dir.join("elsewhere"), two).unwrap();
}

#[test]
fn a_destroyed_key_is_overwritten_before_it_is_removed() {
    let (_outer, dir) = folder(&[("epoch-1.key", &KEY), ("epoch-2.key", &KEY)]);
    // A second name for the same file shows what became of its bytes.
    fs::hard_link(dir.join("epoch-1.key"), dir.join("witness")).unwrap();
    Keyring::destroy(&dir, Epoch::FIRST).unwrap();
    assert_eq!(fs::read(dir.join("witness")).unwrap(), [0; 32]);
}

#[test]
fn a_ring_without_a_key_has_the_others() {
    let ring = Keyring::of_bytes(&[(1, 1), (2, 2)]);
    let ring = ring.without(epoch_of(2)).unwrap();
    assert_eq!(
        (ring.newest(), ring.has(epoch_of(2))),
        (Epoch::FIRST, false)
    );
    assert!(ring.without(Epoch::FIRST).is_none());
}

fn epoch_of(number: i32) -> Epoch {
    Epoch::try_from(number).unwrap()
}
