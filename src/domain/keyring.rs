//! Secrets at rest: XChaCha20-Poly1305 under a ring of named keys.
//!
//! The first key seals, all of them open, so a key is rotated by putting a new one in front. A sealed value is bound to
//! the place it is stored in (its additional data): moved to another row it does not open.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};

/// The first byte of a sealed value, so that its form can change one day.
const FORM: u8 = 1;
const NONCE_BYTES: usize = 24;

/// The keys of `ENCRYPTION_KEYS`.
#[derive(Clone)]
pub struct KeyRing(Vec<(String, XChaCha20Poly1305)>);

/// Why a ring cannot be read or a value not opened. Never carries key or secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyRingError {
    /// The text is not `id:base64[,id:base64…]` with 32-byte keys.
    #[error("entry {0} is not of the form id:base64 with a key of 32 bytes (make one with: openssl rand -base64 32)")]
    BadEntry(usize),
    /// Two keys go by one id: which of them sealed a value could not be told.
    #[error("entry {0} has the id of an entry before it")]
    RepeatedId(usize),
    /// The value was sealed by a key that is no longer given.
    #[error("sealed with the key \"{0}\", which ENCRYPTION_KEYS no longer lists")]
    UnknownKey(String),
    /// The value was changed, cut, or belongs to another row.
    #[error("the sealed value is damaged or belongs to another row")]
    Damaged,
}

impl KeyRing {
    /// Reads `id:base64[,id:base64…]`.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let entry = |(index, entry): (usize, &str)| {
            let bad = || KeyRingError::BadEntry(index + 1);
            let (id, key) = entry.trim().split_once(':').ok_or_else(bad)?;
            let id_fits = !id.is_empty() && u8::try_from(id.len()).is_ok();
            let key = STANDARD.decode(key).ok().filter(|_| id_fits).ok_or_else(bad)?;
            let cipher = XChaCha20Poly1305::new_from_slice(&key).map_err(|_| bad())?;
            Ok((id.to_owned(), cipher))
        };
        let keys: Vec<(String, XChaCha20Poly1305)> =
            text.split(',').enumerate().map(entry).collect::<Result<_, _>>()?;
        let repeated = (1..keys.len()).find(|&index| keys[..index].iter().any(|(id, _)| *id == keys[index].0));
        repeated.map_or(Ok(Self(keys)), |index| Err(KeyRingError::RepeatedId(index + 1)))
    }

    /// Makes the text of a ring with one fresh key.
    #[must_use]
    pub fn generate() -> String {
        let mut key = [0u8; 32];
        rand::fill(&mut key);
        format!("k1:{}", STANDARD.encode(key))
    }

    /// Seals `plain` for the place `bound_to`.
    #[must_use]
    pub fn seal(&self, bound_to: &str, plain: &[u8]) -> Vec<u8> {
        let (id, cipher) = &self.0[0];
        let mut nonce = [0u8; NONCE_BYTES];
        rand::fill(&mut nonce);
        let payload = Payload { msg: plain, aad: bound_to.as_bytes() };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).expect("a value in memory is short enough to seal");
        let id_length = u8::try_from(id.len()).expect("checked when the ring was read");
        [&[FORM, id_length], id.as_bytes(), &nonce, &sealed].concat()
    }

    /// Whether a value was sealed by the key that seals now.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        split(sealed).is_some_and(|(id, ..)| id == self.0[0].0)
    }

    /// Opens what [`KeyRing::seal`] made for the same place.
    pub fn open(&self, bound_to: &str, sealed: &[u8]) -> Result<Vec<u8>, KeyRingError> {
        let (id, nonce, sealed) = split(sealed).ok_or(KeyRingError::Damaged)?;
        let (_, cipher) =
            self.0.iter().find(|(known, _)| known == id).ok_or_else(|| KeyRingError::UnknownKey(id.to_owned()))?;
        let payload = Payload { msg: sealed, aad: bound_to.as_bytes() };
        cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| KeyRingError::Damaged)
    }
}

fn split(sealed: &[u8]) -> Option<(&str, [u8; NONCE_BYTES], &[u8])> {
    let (&[form, id_length], rest) = sealed.split_first_chunk::<2>()?;
    let (id, rest) = rest.split_at_checked(usize::from(id_length)).filter(|_| form == FORM)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
    Some((std::str::from_utf8(id).ok()?, *nonce, sealed))
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_ring_opens_what_the_old_key_sealed_and_a_ring_without_it_names_the_key() {
        let old = KeyRing::generate();
        let sealed = KeyRing::parse(&old).unwrap().seal("endpoints/1", b"whsec_x");
        let new = KeyRing::generate().replace("k1:", "k2:");
        let rotated = KeyRing::parse(&format!("{new},{old}")).unwrap();
        assert_eq!(rotated.open("endpoints/1", &sealed).unwrap(), b"whsec_x");
        let lost = KeyRing::parse(&new).unwrap().open("endpoints/1", &sealed);
        assert_eq!(lost.unwrap_err(), KeyRingError::UnknownKey("k1".to_owned()));
    }

    #[test]
    fn a_sealed_value_does_not_open_in_another_row_nor_when_a_bit_of_it_changed() {
        let ring = KeyRing::parse(&KeyRing::generate()).unwrap();
        let mut sealed = ring.seal("endpoints/1", b"secret");
        assert_eq!(ring.open("endpoints/2", &sealed), Err(KeyRingError::Damaged));
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(ring.open("endpoints/1", &sealed), Err(KeyRingError::Damaged));
        assert_eq!(ring.open("endpoints/1", &sealed[..5]), Err(KeyRingError::Damaged));
    }

    #[test]
    fn a_bad_entry_is_named_by_its_place_only() {
        let good = KeyRing::generate();
        assert_eq!(KeyRing::parse(&format!("{good},k2:c2hvcnQ=")).unwrap_err(), KeyRingError::BadEntry(2));
        assert_eq!(KeyRing::parse("nonsense").unwrap_err(), KeyRingError::BadEntry(1));
    }
}
