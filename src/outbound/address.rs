//! Which addresses may be dialled.
//!
//! What must stay true: an IPv6 address that carries an IPv4 address is judged by both, since the operating system or a
//! gateway on the way may take it for the inner one. The standard library's `is_loopback` and its kin look at the outer
//! form only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// How an address may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is public, or listed.
    Allowed,
    /// It is this machine's or a private network's: it must be listed.
    Private,
    /// Never, listed or not: metadata services, link-local, reserved.
    Never,
}

/// Ranges that no list opens: what a cloud's metadata service, a neighbour without a router or nobody at all answers on.
const NEVER_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    // Metadata and platform services of Azure and of Alibaba Cloud.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(100, 100, 100, 200), 32),
];

const PRIVATE_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

const NEVER_V6: &[(Ipv6Addr, u32)] = &[
    // Local NAT64 and the translation of RFC 7915: which IPv4 address they mean is the network's secret.
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
    // Metadata services of AWS and of Google Cloud.
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0), 32),
];

const PRIVATE_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
];

/// Judges an address; `listed` are the ranges that the operator allows beside public ones.
pub(super) fn judge(address: IpAddr, listed: &[IpNet]) -> Verdict {
    match address {
        IpAddr::V4(address) => judge_v4(address, listed),
        IpAddr::V6(address) => match carried(address) {
            Some(inner) => judge_v4(inner, listed),
            None => judge_v6(address, listed),
        },
    }
}

fn judge_v4(address: Ipv4Addr, listed: &[IpNet]) -> Verdict {
    let is_in = |ranges: &[(Ipv4Addr, u32)]| {
        let within = |(range, bits): &(Ipv4Addr, u32)| {
            (address.to_bits() ^ range.to_bits()).leading_zeros() >= *bits
        };
        ranges.iter().any(within)
    };
    if is_in(NEVER_V4) {
        Verdict::Never
    } else if is_in(PRIVATE_V4) {
        unless_listed(IpAddr::V4(address), listed)
    } else {
        Verdict::Allowed
    }
}

fn judge_v6(address: Ipv6Addr, listed: &[IpNet]) -> Verdict {
    let is_in = |ranges: &[(Ipv6Addr, u32)]| {
        let within = |(range, bits): &(Ipv6Addr, u32)| {
            (address.to_bits() ^ range.to_bits()).leading_zeros() >= *bits
        };
        ranges.iter().any(within)
    };
    if address.is_unspecified() || is_in(NEVER_V6) {
        Verdict::Never
    } else if is_in(PRIVATE_V6) {
        unless_listed(IpAddr::V6(address), listed)
    } else {
        Verdict::Allowed
    }
}

fn unless_listed(address: IpAddr, listed: &[IpNet]) -> Verdict {
    if listed.iter().any(|range| range.contains(&address)) {
        Verdict::Allowed
    } else {
        Verdict::Private
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291, 2.5.5.2), compatible (2.5.5.1), NAT64 (RFC 6052)
/// or 6to4 (RFC 3056).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let inner = |shift: u32| {
        u32::try_from((bits >> shift) & 0xffff_ffff)
            .map(Ipv4Addr::from_bits)
            .ok()
    };
    match bits >> 32 {
        // `::` and `::1` are addresses of their own.
        0 if bits > 1 => inner(0),
        0xffff | 0x0064_ff9b_0000_0000_0000_0000 => inner(0),
        _ if bits >> 112 == 0x2002 => inner(80),
        _ => None,
    }
}

/// The address as it is dialled: the IPv4 address for one that stands for it, so that ranges and own addresses are
/// compared in one form.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => carried(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn of(text: &str, listed: &[IpNet]) -> Verdict {
        judge(text.parse().unwrap(), listed)
    }

    #[test]
    fn addresses_are_public_private_or_never_dialled() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "11.0.0.1",
            "9.255.255.255",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.167.1.1",
            "192.169.1.1",
            "168.63.129.17",
            "223.255.255.255",
            "198.17.255.255",
            "198.20.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ];
        let private = [
            "10.0.0.1",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2002:c0a8:101::5",
        ];
        let never = [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "100.100.100.200",
            "::",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "3fff::1",
            "5f00::1",
            "64:ff9b:1::a9fe:a9fe",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::ffff:0.0.0.0",
            "::ffff:224.0.0.1",
        ];
        for (expected, addresses) in [
            (Verdict::Allowed, &public[..]),
            (Verdict::Private, &private[..]),
            (Verdict::Never, &never[..]),
        ] {
            for address in addresses {
                assert_eq!(of(address, &[]), expected, "{address}");
            }
        }
    }

    #[test]
    fn a_list_opens_private_ranges_and_nothing_else() {
        let everything = [net("0.0.0.0/0"), net("::/0")];
        for address in [
            "10.0.0.1",
            "127.0.0.1",
            "::1",
            "fd12::1",
            "::ffff:192.168.1.1",
            "64:ff9b::a00:1",
        ] {
            assert_eq!(of(address, &everything), Verdict::Allowed, "{address}");
        }
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "0.0.0.0",
            "224.0.0.1",
            "fe80::1",
        ] {
            assert_eq!(of(address, &everything), Verdict::Never, "{address}");
        }
        let one = [net("10.1.0.0/16")];
        assert_eq!(of("10.1.2.3", &one), Verdict::Allowed);
        assert_eq!(of("::ffff:10.1.2.3", &one), Verdict::Allowed);
        assert_eq!(of("10.2.0.1", &one), Verdict::Private);
    }
}
