//! The packets of a sign-in: what a server says, taken apart, and what a client says, put together.
//!
//! Whatever bytes arrive, taking them apart ends in a value or in nothing.

use super::scramble::Nonce;

/// What a client and a server agree on (the documentation's `CLIENT_...`). What is not named here is never offered, above
/// all `LOCAL_FILES`, by which a server could ask for any file of this machine.
mod capability {
    pub(super) const LONG_PASSWORD: u32 = 1;
    pub(super) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(super) const PROTOCOL_41: u32 = 1 << 9;
    pub(super) const SSL: u32 = 1 << 11;
    pub(super) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(super) const PLUGIN_AUTH: u32 = 1 << 19;
}

/// The largest packet we would take, as we tell the server.
const LARGEST: u32 = 1 << 24;
/// `utf8mb4_general_ci`.
const CHARSET: u8 = 45;

/// The first packet of a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) version: String,
    pub(super) nonce: Nonce,
    /// Whether TLS is to be had.
    pub(super) tls: bool,
    /// Whether the ways of signing in have names.
    named_methods: bool,
    /// The way that it would like.
    pub(super) method: Vec<u8>,
}

/// What a server says after its greeting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// Signed in, or done.
    Ok,
    /// Refused; of its reasons only the number is read.
    Error(u16),
    /// It wants another way of signing in, with what that way needs.
    Switch { method: &'a [u8], data: &'a [u8] },
    /// It says or asks something more within the way of signing in.
    More(&'a [u8]),
    /// Anything else.
    Other(u8),
}

/// Reads a number of the protocol: the least byte comes first.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Up to a zero byte, which has to be there.
    fn text(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|&byte| byte == 0)?;
        let text = self.take(end)?;
        self.take(1)?;
        Some(text)
    }

    /// Up to a zero byte, or all there is.
    fn last_text(&mut self) -> &'a [u8] {
        self.text().unwrap_or(self.0)
    }
}

impl Greeting {
    /// A greeting of version 10 of the protocol, by a server of version 4.1 (2004) or later.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        if reader.u8()? != 10 {
            return None;
        }
        let version = String::from_utf8_lossy(reader.text()?).into_owned();
        let _thread = reader.take(4)?;
        let first: [u8; 8] = reader.array()?;
        let _filler = reader.u8()?;
        let low = reader.u16()?;
        let _charset_and_status = reader.take(3)?;
        let high = reader.u16()?;
        let capabilities = u32::from(high) << 16 | u32::from(low);
        let has = |capability: u32| capabilities & capability == capability;
        if !has(capability::PROTOCOL_41 | capability::SECURE_CONNECTION) {
            return None;
        }
        let _length_of_data_and_reserved = reader.take(11)?;
        let second: [u8; 12] = reader.array()?;
        let mut nonce = [0; 20];
        for (to, from) in nonce.iter_mut().zip(first.iter().chain(&second)) {
            *to = *from;
        }
        // A zero byte ends the random bytes.
        let _end = reader.u8();
        let named_methods = has(capability::PLUGIN_AUTH);
        Some(Self {
            version,
            nonce,
            tls: has(capability::SSL),
            named_methods,
            method: if named_methods {
                reader.last_text().to_vec()
            } else {
                Vec::new()
            },
        })
    }

    /// Asks to go on encrypted. Nothing of who signs in is in it.
    pub(super) fn ask_for_tls(&self, database: Option<&str>) -> Vec<u8> {
        self.answer(true, database)
    }

    /// Signs in. Neither the user name nor the database may have a zero byte in it, see [`is_text`].
    pub(super) fn sign_in(
        &self,
        encrypted: bool,
        user: &str,
        database: Option<&str>,
        method: &str,
        proof: &[u8],
    ) -> Vec<u8> {
        let mut packet = self.answer(encrypted, database);
        packet.extend_from_slice(user.as_bytes());
        packet.push(0);
        // No proof is longer than 32 bytes.
        packet.push(u8::try_from(proof.len()).unwrap_or_default());
        packet.extend_from_slice(proof);
        if let Some(database) = database {
            packet.extend_from_slice(database.as_bytes());
            packet.push(0);
        }
        if self.named_methods {
            packet.extend_from_slice(method.as_bytes());
            packet.push(0);
        }
        packet
    }

    /// What both begin with.
    fn answer(&self, encrypted: bool, database: Option<&str>) -> Vec<u8> {
        let wanted = |wanted: bool, capability: u32| if wanted { capability } else { 0 };
        let capabilities = capability::LONG_PASSWORD
            | capability::PROTOCOL_41
            | capability::SECURE_CONNECTION
            | wanted(database.is_some(), capability::CONNECT_WITH_DB)
            | wanted(encrypted, capability::SSL)
            | wanted(self.named_methods, capability::PLUGIN_AUTH);
        let mut packet = Vec::with_capacity(128);
        packet.extend_from_slice(&capabilities.to_le_bytes());
        packet.extend_from_slice(&LARGEST.to_le_bytes());
        packet.push(CHARSET);
        packet.extend_from_slice(&[0; 23]);
        packet
    }
}

impl<'a> Word<'a> {
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        Some(match reader.u8()? {
            0x00 => Self::Ok,
            0x01 => Self::More(reader.0),
            0xff => Self::Error(reader.u16()?),
            // Without a name it is the way of servers before 4.1.
            0xfe => Self::Switch {
                method: reader.text().unwrap_or_default(),
                data: reader.0,
            },
            other => Self::Other(other),
        })
    }
}

/// The random bytes that come with the wish for another way: 20 of them, and a zero byte that some leave out.
pub(super) fn nonce(data: &[u8]) -> Option<Nonce> {
    Reader(data).array()
}

/// Whether a text can be in a packet: a zero byte would end it, and what follows would be read as something else.
pub(super) fn is_text(text: &str) -> bool {
    !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What MariaDB 10.11 said to a client.
    pub(super) fn greeting() -> Vec<u8> {
        [
            b"\x0a5.5.5-10.11.14-MariaDB-0+deb12u2\0".as_slice(),
            b"\x1f\0\0\0",
            b"abcdefgh",
            b"\0",
            b"\xfe\xff\x2d\x02\0\xff\x81\x15",
            b"\0\0\0\0\0\0\x1d\0\0\0",
            b"ijklmnopqrst\0",
            b"mysql_native_password\0",
        ]
        .concat()
    }

    #[test]
    fn a_greeting_is_taken_apart() {
        assert_eq!(
            Greeting::read(&greeting()).unwrap(),
            Greeting {
                version: "5.5.5-10.11.14-MariaDB-0+deb12u2".to_owned(),
                nonce: *b"abcdefghijklmnopqrst",
                tls: true,
                named_methods: true,
                method: b"mysql_native_password".to_vec(),
            }
        );
    }

    /// Nothing is read beyond the end, wherever that is.
    #[test]
    fn a_greeting_that_was_cut_off_is_none_unless_only_the_name_is_missing() {
        let whole = greeting();
        let name = whole.len() - b"\0mysql_native_password\0".len();
        for length in 0..whole.len() {
            let read = Greeting::read(&whole[..length]);
            assert_eq!(read.is_some(), length >= name, "{length}");
        }
    }

    #[test]
    fn a_server_of_before_2004_is_not_understood() {
        let mut old = greeting();
        old[0] = 9;
        assert_eq!(Greeting::read(&old), None);
        let mut without_41 = greeting();
        let capabilities = whole_version() + 4 + 8 + 1;
        without_41[capabilities + 1] &= !0x02;
        assert_eq!(Greeting::read(&without_41), None);
    }

    /// The length of what precedes the number of the connection.
    fn whole_version() -> usize {
        greeting().iter().position(|&byte| byte == 0).unwrap() + 1
    }

    #[test]
    fn a_sign_in_offers_no_files_and_no_more_than_it_needs() {
        let greeting = Greeting::read(&greeting()).unwrap();
        let packet = greeting.sign_in(
            false,
            "bi",
            Some("sales"),
            "mysql_native_password",
            b"proof",
        );
        let capabilities = u32::from_le_bytes(packet[..4].try_into().unwrap());
        let local_files = 1 << 7;
        assert_eq!(capabilities & local_files, 0);
        assert_eq!(capabilities, 0x0008_8209);
        assert_eq!(
            &packet[32..],
            b"bi\0\x05proofsales\0mysql_native_password\0"
        );
        let packet = greeting.sign_in(true, "bi", None, "x", b"");
        assert_eq!(packet[..4], 0x0008_8a01_u32.to_le_bytes());
        assert_eq!(&packet[32..], b"bi\0\0x\0");
        assert_eq!(packet[..32], greeting.ask_for_tls(None));
    }

    #[test]
    fn words_of_a_server_are_told_apart() {
        for (payload, word) in [
            (&b"\0\0\0\x02\0\0\0"[..], Some(Word::Ok)),
            (b"\xff\x15\x04#28000Access denied", Some(Word::Error(1045))),
            (b"\xff\x10\x04", Some(Word::Error(1040))),
            (b"\xff\x10", None),
            (b"\xff", None),
            (b"", None),
            (
                b"\xfedialog\0\x02Password: ",
                Some(Word::Switch {
                    method: b"dialog",
                    data: b"\x02Password: ",
                }),
            ),
            (
                b"\xfe",
                Some(Word::Switch {
                    method: b"",
                    data: b"",
                }),
            ),
            (b"\x01\x04", Some(Word::More(b"\x04"))),
            (b"\xfb/etc/passwd", Some(Word::Other(0xfb))),
        ] {
            assert_eq!(Word::read(payload), word, "{payload:?}");
        }
    }
}
