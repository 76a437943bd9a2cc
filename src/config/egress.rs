//! Where endpoints may point.

use ipnet::IpNet;
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::env::{Env, networks};

/// The limits of the guarded way out.
#[derive(Debug, Clone, Default)]
pub struct EgressConfig {
    /// `ALLOWED_PRIVATE_NETWORKS`: networks that are not public but may be reached all the same.
    pub allowed_networks: Vec<IpNet>,
    /// `ALLOW_HTTP_ENDPOINTS`: whether a target may be `http:`.
    pub allow_http: bool,
    /// What `EXTRA_CA_FILE` holds: certificates (DER) trusted beside the system's.
    pub extra_ca: Vec<Vec<u8>>,
}

impl EgressConfig {
    pub(super) fn read(env: &mut Env) -> Self {
        Self {
            allowed_networks: env.read("ALLOWED_PRIVATE_NETWORKS", networks).unwrap_or_default(),
            allow_http: env.switch("ALLOW_HTTP_ENDPOINTS", false),
            extra_ca: env.read("EXTRA_CA_FILE", certificates).unwrap_or_default(),
        }
    }
}

fn certificates(path: &str) -> Result<Vec<Vec<u8>>, String> {
    let pem = std::fs::read(path).map_err(|error| format!("cannot read the file: {error}"))?;
    let certificates = CertificateDer::pem_slice_iter(&pem).map(|found| found.map(|der| der.to_vec()));
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|error| format!("not PEM: {error}"))?;
    if certificates.is_empty() { Err("the file holds no PEM certificate".to_owned()) } else { Ok(certificates) }
}
