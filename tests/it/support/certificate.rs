//! Certificates for servers of tests, made when they are needed: no key lies in the tree, and none runs out.
//!
//! What aws-lc-rs cannot do is write X.509 (RFC 5280), so the few fields that a client looks at are put together here.

use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio_rustls::TlsAcceptor;

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
/// `ecdsa-with-SHA256`, `commonName`, `subjectAltName`.
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A certificate that vouches for itself, for 127.0.0.1.
pub struct Certificate {
    pub der: Vec<u8>,
    /// PKCS#8.
    pub key: Vec<u8>,
}

impl Certificate {
    /// For a server that listens on 127.0.0.1.
    pub fn of_loopback() -> Self {
        Self::of_address([127, 0, 0, 1])
    }

    pub fn of_address(address: [u8; 4]) -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref()).expect("reads");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("encodes");

        let algorithm = tlv(SEQUENCE, &[&tlv(OBJECT_ID, &[ECDSA_SHA256])]);
        let common_name = tlv(SEQUENCE, &[&tlv(OBJECT_ID, &[COMMON_NAME]), &tlv(0x0c, &[b"aftercall tests"])]);
        let name = tlv(SEQUENCE, &[&tlv(0x31, &[&common_name])]);
        let validity = tlv(SEQUENCE, &[&tlv(0x17, &[b"200101000000Z"]), &tlv(0x18, &[b"21200101000000Z"])]);
        let names = tlv(0x04, &[&tlv(SEQUENCE, &[&tlv(0x87, &[&address])])]);
        let extension = tlv(SEQUENCE, &[&tlv(OBJECT_ID, &[SUBJECT_ALT_NAME]), &names]);
        let told = tlv(
            SEQUENCE,
            &[
                &tlv(0xa0, &[&tlv(0x02, &[&[2]])]), // version 3
                &tlv(0x02, &[&[1]]),                // serial number
                &algorithm,
                &name, // the issuer
                &validity,
                &name, // the subject
                public.as_ref(),
                &tlv(0xa3, &[&tlv(SEQUENCE, &[&extension])]),
            ],
        );
        let signature = pair.sign(&random, &told).expect("signs");
        let der = tlv(SEQUENCE, &[&told, &algorithm, &tlv(0x03, &[&[0], signature.as_ref()])]);
        Self { der, key: key.as_ref().to_vec() }
    }

    /// What a server protects its connections with.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor_of(&[])
    }

    /// The same for a server that speaks these protocols, the first one rather than the others.
    pub fn acceptor_of(&self, protocols: &[&[u8]]) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let chain = vec![CertificateDer::from(self.der.clone())];
        let key = PrivateKeyDer::try_from(self.key.clone()).expect("PKCS#8");
        let config = config.expect("versions").with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.expect("they fit");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// As `EXTRA_CA_FILE` wants it.
    pub fn pem(&self) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(&self.der))
    }
}

/// One value of DER: tag, length, content.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut value = vec![tag];
    let length = content.len();
    let bytes = u16::try_from(length).expect("small").to_be_bytes();
    match length {
        0..128 => value.push(bytes[1]),
        128..256 => value.extend([0x81, bytes[1]]),
        _ => value.extend([0x82, bytes[0], bytes[1]]),
    }
    value.extend(content);
    value
}
