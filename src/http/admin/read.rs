//! How fields of requests are read where serde takes more, or less, than JSON Schema means.

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Number;

use crate::http::extract;

/// What becomes of a limit: null lifts it, and nothing leaves it as it is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum LimitChange {
    #[default]
    Keep,
    Lift,
    Set(i32),
}

impl LimitChange {
    /// The limit after the change.
    pub fn of(self, now: Option<i32>) -> Option<i32> {
        match self {
            Self::Keep => now,
            Self::Lift => None,
            Self::Set(limit) => Some(limit),
        }
    }
}

impl<'de> Deserialize<'de> for LimitChange {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(whole(from)?.map_or(Self::Lift, Self::Set))
    }
}

/// A whole number, however it is written: 60 and 60.0 are the same to JSON Schema.
pub fn whole<'de, D: Deserializer<'de>, T: TryFrom<i64>>(from: D) -> Result<Option<T>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(from)? else { return Ok(None) };
    let value = number.as_i64().or_else(|| {
        let value = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 1e15)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough, as checked")]
        Some(value as i64)
    });
    let value = value.and_then(|value| T::try_from(value).ok());
    value.map(Some).ok_or_else(|| D::Error::custom("must be a whole number in range"))
}

/// One of a few words: text, not an object with the word for a key.
pub fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    T::deserialize(text.into_deserializer())
}

/// A time as RFC 3339 has it: serde would take more, years of five digits for one.
pub fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    extract::moment(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// A time that may be left out or null.
pub fn optional_moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| extract::moment(&text)).transpose().map_err(D::Error::custom)
}

/// An object: serde would take an array for a struct, its fields one after the other.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    struct Object<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    from.deserialize_map(Object(std::marker::PhantomData))
}

/// An object that may be left out or null.
pub fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    struct Inner<T>(T);
    impl<'de, T: Deserialize<'de>> Deserialize<'de> for Inner<T> {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            object(from).map(Self)
        }
    }
    Ok(Option::<Inner<T>>::deserialize(from)?.map(|inner| inner.0))
}
