//! The guard against an oracle: what is public, said once more in other words.

#[path = "../../../tests/it/properties/registry.rs"]
mod registry;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::{prelude::*, sample::select};
use url::{Host, Url};

use self::registry::{NOT_PUBLIC, net, should_allow};
use super::guard::{Guard, system};
use crate::config::EgressConfig;

/// Forms that carry an IPv4 address in their last 32 bits.
const CARRIERS: &[&str] =
    &["::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "2a00::5efe:0:0", "2a00::200:5efe:0:0"];

fn guard(allowed: &[IpNet]) -> Guard {
    let config = EgressConfig { allowed_networks: allowed.to_vec(), allow_http: true, extra_ca: Vec::new() };
    Guard::new(&config, system())
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

#[test]
fn a_target_that_no_request_can_be_made_of_is_refused_when_it_is_typed() {
    let guard = guard(&[]);
    for target in ["https://./hook", "https://\"crm\".example/hook", "https://crm..example/"] {
        let refusal = guard.check(target).unwrap_err();
        assert!(refusal.contains("neither an address nor a name"), "{target}: {refusal}");
    }
    assert!(guard.check("https://crm_1.example/hook?a={b}").is_ok());
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
