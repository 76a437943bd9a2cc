//! The guard against an oracle: what is public, said once more in other words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::{prelude::*, sample::select};
use url::{Host, Url};

use super::guard::{Guard, system};
use crate::config::EgressConfig;

/// What is not public, once more, as the registries write it. Of IPv6 only what lies within `2000::/3`.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
];
/// Forms that carry an IPv4 address in their last 32 bits.
const CARRIERS: &[&str] =
    &["::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "2a00::5efe:0:0", "2a00::200:5efe:0:0"];

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn guard(allowed: &[IpNet]) -> Guard {
    let config = EgressConfig { allowed_networks: allowed.to_vec(), allow_http: true, extra_ca: Vec::new() };
    Guard::new(&config, system())
}

/// The rule in other words than the code's.
fn should_allow(address: IpAddr, listed: &[IpNet]) -> bool {
    let is_within = |range: &IpNet| (range.network()..=range.broadcast()).contains(&address.to_canonical());
    let is_special = || NOT_PUBLIC.iter().any(|range| is_within(&net(range)));
    let carried = |v6: Ipv6Addr| {
        let [.., a, b, c, d] = v6.octets();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    let is_public = match address.to_canonical() {
        IpAddr::V4(_) => !is_special(),
        IpAddr::V6(v6) if is_within(&net("64:ff9b::/96")) => should_allow(carried(v6), &[]),
        IpAddr::V6(v6) => {
            let tunnels = matches!(v6.segments()[4..6], [0 | 0x100 | 0x200 | 0x300, 0x5efe]);
            is_within(&net("2000::/3")) && !is_special() && (!tunnels || should_allow(carried(v6), &[]))
        }
    };
    is_public || listed.iter().any(is_within)
}

/// Any address, with those at the edges of special ranges and those inside other addresses as likely as the rest.
fn address() -> impl Strategy<Value = IpAddr> {
    let edge = (select(NOT_PUBLIC), 0..4_u8).prop_map(|(range, edge)| {
        let step = |address: IpAddr, by: i8| match address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits().wrapping_add_signed(by.into()))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits().wrapping_add_signed(by.into()))),
        };
        let range = net(range);
        match edge {
            0 => step(range.network(), -1),
            1 => range.network(),
            2 => range.broadcast(),
            _ => step(range.broadcast(), 1),
        }
    });
    let bare = prop_oneof![
        edge,
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
        (0x2000_u128..0x4000, any::<u128>())
            .prop_map(|(first, rest)| Ipv6Addr::from_bits(first << 112 | rest >> 16).into()),
    ];
    (bare, prop::option::of(select(CARRIERS))).prop_map(|(bare, carrier)| match (bare, carrier) {
        (IpAddr::V4(v4), Some(carrier)) => {
            let carrier: Ipv6Addr = carrier.parse().unwrap();
            Ipv6Addr::from_bits(carrier.to_bits() | u128::from(v4.to_bits())).into()
        }
        (bare, _) => bare,
    })
}

/// A network around any address.
fn network() -> impl Strategy<Value = IpNet> {
    (address(), any::<u8>()).prop_map(|(address, length)| {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        IpNet::new(address, length % (longest + 1)).unwrap().trunc()
    })
}

/// An IPv4 address as URLs may have it: one to four numbers in three bases, digits and dots in three scripts.
fn spelling(address: Ipv4Addr) -> impl Strategy<Value = String> {
    let number = (0..4_u8, 0..3_usize);
    (1..=4_usize, prop::array::uniform4(number), 0..3_u8, select(&[".", "。", "%2E"][..]), any::<bool>()).prop_map(
        move |(count, numbers, script, dot, ends_with_dot)| {
            let octets = address.octets();
            let last = octets[count - 1..].iter().fold(0_u32, |number, octet| number << 8 | u32::from(*octet));
            let values = octets[..count - 1].iter().map(|octet| u32::from(*octet)).chain([last]);
            let texts: Vec<String> = values.zip(numbers).map(|(value, how)| written(value, how, script)).collect();
            texts.join(dot) + if ends_with_dot { dot } else { "" }
        },
    )
}

fn written(value: u32, (base, zeros): (u8, usize), script: u8) -> String {
    let zeros = "0".repeat(zeros);
    let ascii = match base {
        0 => value.to_string(),
        1 => format!("0x{zeros}{value:x}"),
        2 => format!("0X{zeros}{value:X}"),
        _ => format!("0{zeros}{value:o}"),
    };
    let wide = |byte: u8| char::from_u32(u32::from(byte) - 0x21 + 0xff01).unwrap().to_string();
    match script {
        0 => ascii,
        1 => ascii.bytes().map(wide).collect(),
        _ => ascii.bytes().map(percent_encoding::percent_encode_byte).collect(),
    }
}

#[test]
fn an_allowed_ipv4_network_takes_its_mapped_form_along_and_no_form_that_is_translated_on_the_way() {
    let guard = guard(&[net("127.0.0.0/8"), net("fe80::/10")]);
    for allowed in ["127.0.0.1", "::ffff:127.0.0.1", "fe80::1"] {
        assert!(guard.allows(allowed.parse().unwrap()), "{allowed}");
    }
    for refused in ["64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "::ffff:0:127.0.0.1", "::1", "10.0.0.1"] {
        assert!(!guard.allows(refused.parse().unwrap()), "{refused}");
    }
    assert!(self::guard(&[net("64:ff9b::/96")]).allows("64:ff9b::7f00:1".parse().unwrap()), "unless it is listed");
}

proptest! {
    #[test]
    fn public_addresses_and_listed_ones_are_allowed_and_no_others(
        address in address(), listed in prop::collection::vec(network(), 0..4),
    ) {
        prop_assert_eq!(guard(&listed).allows(address), should_allow(address, &listed));
    }

    #[test]
    fn every_spelling_of_an_address_is_judged_as_that_address(
        (address, spelling) in address().prop_flat_map(|address| {
            let v4 = match address {
                IpAddr::V4(v4) => v4,
                IpAddr::V6(v6) => {
                    let [a, b, c, d, ..] = v6.octets();
                    Ipv4Addr::new(a, b, c, d)
                }
            };
            (Just(v4), spelling(v4))
        }),
    ) {
        let guard = guard(&[net("127.0.0.0/9")]);
        let [a, b, c, d] = address.octets();
        let mapped = [
            format!("[::ffff:{address}]"),
            format!("[0:0::0:FFFF:{a:02X}{b:02x}:{c:02x}{d:02X}]"),
        ];
        for host in mapped.iter().chain([&spelling]) {
            let checked = guard.check(&format!("http://{host}/"));
            prop_assert_eq!(checked.is_ok(), guard.allows(address.into()), "{}", host);
        }
        let url = Url::parse(&format!("http://{spelling}/")).unwrap();
        prop_assert_eq!(url.host(), Some(Host::Ipv4(address)));
    }
}
