//! Where endpoints may point.

use std::path::PathBuf;

use ipnet::IpNet;

use super::env::Env;

/// The limits of the guarded way out.
#[derive(Debug, Clone, Default)]
pub struct EgressConfig {
    /// `ALLOWED_PRIVATE_NETWORKS`: networks that are not public but may be reached all the same.
    pub allowed_networks: Vec<IpNet>,
    /// `ALLOW_HTTP_ENDPOINTS`: whether a target may be `http:`.
    pub allow_http: bool,
    /// `EXTRA_CA_FILE`: PEM certificates trusted beside the system's.
    pub extra_ca_file: Option<PathBuf>,
}

impl EgressConfig {
    pub(super) fn read(env: &mut Env) -> Self {
        let networks = |text: &str| {
            let network = |text: &str| {
                text.trim().parse().map_err(|_| format!("{:?} is not a network such as 10.0.0.0/8", text.trim()))
            };
            text.split(',').map(network).collect::<Result<Vec<IpNet>, _>>()
        };
        let readable_file = |text: &str| match std::fs::File::open(text) {
            Ok(_) => Ok(PathBuf::from(text)),
            Err(error) => Err(format!("cannot read the file: {error}")),
        };
        Self {
            allowed_networks: env.read("ALLOWED_PRIVATE_NETWORKS", networks).unwrap_or_default(),
            allow_http: env.switch("ALLOW_HTTP_ENDPOINTS", false),
            extra_ca_file: env.read("EXTRA_CA_FILE", readable_file),
        }
    }
}
