//! Checks at the start that everything sealed can be opened, and seals anew what an older key sealed, so that a key can
//! leave `ENCRYPTION_KEYS` once a process has started with the new one in front.

use anyhow::Context;
use sqlx::PgPool;
use tracing::info;
use uuid::Uuid;

use crate::{
    db::sealed::{self, Place, SealedRow},
    domain::keyring::KeyRing,
};

const BATCH: i64 = 500;

/// Opens everything. Fails by naming what a lost key has sealed: better now than with the first delivery.
pub async fn check_seals(pool: &PgPool, key_ring: &KeyRing) -> anyhow::Result<()> {
    open_all(pool, key_ring).await.map(drop)
}

/// Does the same, and seals anew what an older key has sealed.
pub async fn renew_seals(pool: &PgPool, key_ring: &KeyRing) -> anyhow::Result<()> {
    let outdated = open_all(pool, key_ring).await?;
    for (place, sealed, plain) in &outdated {
        let anew = key_ring.seal(&place.bound_to(), plain);
        sealed::replace_sealed(pool, *place, sealed, &anew).await?;
    }
    if !outdated.is_empty() {
        info!(count = outdated.len(), "sealed anew what an older key of ENCRYPTION_KEYS had sealed");
    }
    Ok(())
}

/// Opens everything and returns what an older key has sealed, with its contents.
async fn open_all(pool: &PgPool, key_ring: &KeyRing) -> anyhow::Result<Vec<(Place, Vec<u8>, Vec<u8>)>> {
    let mut outdated = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let rows = sealed::list_sealed(pool, after, BATCH).await?;
        let Some(last) = rows.last() else { return Ok(outdated) };
        after = last.place.id();
        for SealedRow { place, name, sealed } in rows {
            let bound_to = place.bound_to();
            let plain = key_ring
                .open(&bound_to, &sealed)
                .with_context(|| format!("ENCRYPTION_KEYS: {bound_to} ({name}) cannot be opened"))?;
            if !key_ring.is_current(&sealed) {
                outdated.push((place, sealed, plain));
            }
        }
    }
}
