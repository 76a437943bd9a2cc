//! How the domain's ids and words are stored: ids as `uuid`, words as `text`.

use sqlx::{
    Decode, Postgres, Type,
    error::BoxDynError,
    postgres::{PgTypeInfo, PgValueRef},
};
use uuid::Uuid;

use crate::domain::{
    access::Role,
    delivery::DeliveryStatus,
    endpoint::EndpointChannel,
    ids::Id,
    run::{RunState, Stage},
};

impl<K> Type<Postgres> for Id<K> {
    fn type_info() -> PgTypeInfo {
        <Uuid as Type<Postgres>>::type_info()
    }
}

impl<'r, K> Decode<'r, Postgres> for Id<K> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(<Uuid as Decode<Postgres>>::decode(value)?.into())
    }
}

macro_rules! stored_as_text {
    ($($word:ty),+) => {$(
        impl Type<Postgres> for $word {
            fn type_info() -> PgTypeInfo {
                <str as Type<Postgres>>::type_info()
            }
        }
        impl<'r> Decode<'r, Postgres> for $word {
            fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                Ok(<&str as Decode<Postgres>>::decode(value)?.parse()?)
            }
        }
    )+};
}

stored_as_text!(DeliveryStatus, EndpointChannel, Role, RunState, Stage);
