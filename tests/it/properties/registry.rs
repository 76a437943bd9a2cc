//! Which addresses are not public, once more in other words than the guard's: what its own tests and the fuzz target hold
//! it against.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What is not public, as the registries write it. Of IPv6 only what lies within `2000::/3`.
pub const NOT_PUBLIC: &[&str] = &[
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

/// A network as it is written.
pub fn net(text: &str) -> IpNet {
    text.parse().expect("a network")
}

/// Whether an address is public, or in a network that is listed.
pub fn should_allow(address: IpAddr, listed: &[IpNet]) -> bool {
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
