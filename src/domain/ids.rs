//! Identifiers: UUIDv7, so that new rows land at the right edge of an index, shown with a prefix that says of what.

use std::{
    cmp, fmt, hash,
    marker::PhantomData,
    str::FromStr,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// What an [`Id`] identifies.
pub trait Kind: 'static {
    /// The letters before the underscore.
    const PREFIX: &'static str;
}

/// The identifier of a `K`, for instance `evt_019a…`.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

/// Marks the ids of events.
#[derive(Debug)]
pub enum EventKind {}
/// Marks the ids of runs.
#[derive(Debug)]
pub enum RunKind {}
/// Marks the ids of endpoints.
#[derive(Debug)]
pub enum EndpointKind {}
/// Marks the ids of deliveries.
#[derive(Debug)]
pub enum DeliveryKind {}
/// Marks the ids of sources.
#[derive(Debug)]
pub enum SourceKind {}
/// Marks the ids of access tokens.
#[derive(Debug)]
pub enum TokenKind {}
/// Marks the ids of audit entries.
#[derive(Debug)]
pub enum AuditKind {}

impl Kind for EventKind {
    const PREFIX: &'static str = "evt";
}
impl Kind for RunKind {
    const PREFIX: &'static str = "run";
}
impl Kind for EndpointKind {
    const PREFIX: &'static str = "ep";
}
impl Kind for DeliveryKind {
    const PREFIX: &'static str = "dlv";
}
impl Kind for SourceKind {
    const PREFIX: &'static str = "src";
}
impl Kind for TokenKind {
    const PREFIX: &'static str = "tok";
}
impl Kind for AuditKind {
    const PREFIX: &'static str = "aud";
}

/// Identifies an event.
pub type EventId = Id<EventKind>;
/// Identifies a run.
pub type RunId = Id<RunKind>;
/// Identifies an endpoint.
pub type EndpointId = Id<EndpointKind>;
/// Identifies a delivery.
pub type DeliveryId = Id<DeliveryKind>;
/// Identifies a source.
pub type SourceId = Id<SourceKind>;
/// Identifies an access token.
pub type TokenId = Id<TokenKind>;
/// Identifies an audit entry.
pub type AuditId = Id<AuditKind>;

const PREFIXES: [&str; 7] = [
    EventKind::PREFIX,
    RunKind::PREFIX,
    EndpointKind::PREFIX,
    DeliveryKind::PREFIX,
    SourceKind::PREFIX,
    TokenKind::PREFIX,
    AuditKind::PREFIX,
];

/// Where ids of ours stand in a text, as byte ranges in order.
#[must_use]
pub fn places(text: &str) -> Vec<(usize, usize)> {
    let id = |(dash, _): (usize, &str)| {
        let (before, behind) = (text.get(..dash)?, text.as_bytes().get(dash + 1..)?);
        let prefix = PREFIXES.into_iter().find(|prefix| before.ends_with(prefix))?;
        let start = dash - prefix.len();
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let stands_alone =
            !text.get(..start)?.ends_with(is_word) && !text.get(dash + 33..).unwrap_or_default().starts_with(is_word);
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (stands_alone && behind.get(..32)?.iter().all(is_hex)).then_some((start, dash + 33))
    };
    text.match_indices('_').filter_map(id).collect()
}

/// The Gong connection that the environment configures.
pub const DEFAULT_SOURCE: SourceId = Id { uuid: Uuid::nil(), kind: PhantomData };

impl<K> Id<K> {
    /// Makes a new one, larger than those this process made before.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "an id that is new each time is no default value")]
    pub fn new() -> Self {
        Uuid::now_v7().into()
    }

    /// Makes a new one that begins with this time, to the millisecond: what was made in a span of time is then found by its
    /// id. Of one millisecond, a later one of this process is the larger.
    #[must_use]
    pub fn at(at: DateTime<Utc>) -> Self {
        static MADE: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(u64::from(rand::random::<u32>())));
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        let count = MADE.fetch_add(1, Ordering::Relaxed) & 0x3ff_ffff_ffff; // what fits in front of 32 random bits
        let (upper, lower) = (count >> 30, count & 0x3fff_ffff);
        Uuid::from_u64_pair(
            millis << 16 | 0x7000 | upper,
            0x8000_0000_0000_0000 | lower << 32 | u64::from(rand::random::<u32>()),
        )
        .into()
    }

    /// The bare UUID, as it is stored.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<K> From<Uuid> for Id<K> {
    fn from(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.uuid.simple())
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Says that a text is not an id of the kind that was expected.
#[derive(Debug, thiserror::Error)]
#[error("not an id of the form {prefix}_<32 hex digits>")]
pub struct InvalidId {
    prefix: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_'));
        digits
            .filter(|digits| digits.len() == 32 && !digits.bytes().any(|byte| byte.is_ascii_uppercase()))
            .and_then(|digits| Uuid::try_parse(digits).ok())
            .map(Self::from)
            .ok_or(InvalidId { prefix: K::PREFIX })
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_time_begin_with_it_and_keep_the_order_they_were_made_in() {
        let at = "2031-05-06T10:00:00.123456Z".parse().unwrap();
        let made: Vec<EventId> = (0..1000).map(|_| EventId::at(at)).collect();
        assert!(made.is_sorted_by(|one, next| one < next));
        for id in made {
            assert_eq!(id.uuid().as_u128() >> 80, 1_935_828_000_123);
            assert_eq!((id.uuid().get_version_num(), id.uuid().get_variant()), (7, uuid::Variant::RFC4122));
        }
    }

    #[test]
    fn an_id_reads_back_as_it_was_shown_and_only_under_its_own_prefix() {
        let id = EventId::new();
        assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        assert!(id.to_string().parse::<RunId>().is_err());
        assert!("evt_1".parse::<EventId>().is_err());
        assert!("evt_019a0000-0000-7000-8000-00000000000".parse::<EventId>().is_err());
    }
}
