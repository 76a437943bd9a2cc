//! Everything that is sealed, of all tenants: for checking the keys and for sealing anew when they were rotated.

use sqlx::PgPool;
use uuid::Uuid;

use crate::domain::ids::{EndpointId, SourceId};

/// A sealed value and where it stands.
#[derive(Debug)]
pub struct SealedRow {
    /// Where it stands.
    pub place: Place,
    /// What people call it.
    pub name: String,
    /// The value.
    pub sealed: Vec<u8>,
}

/// Where a sealed value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Target, secret and headers of an endpoint.
    Endpoint(EndpointId),
    /// Keys of a source.
    Source(SourceId),
}

impl Place {
    /// The key of the row.
    #[must_use]
    pub fn id(self) -> Uuid {
        match self {
            Self::Endpoint(id) => id.uuid(),
            Self::Source(id) => id.uuid(),
        }
    }

    /// What a value in this place is bound to when it is sealed: elsewhere it does not open.
    #[must_use]
    pub fn bound_to(self) -> String {
        match self {
            Self::Endpoint(id) => format!("endpoints/{id}"),
            Self::Source(id) => format!("sources/{id}"),
        }
    }
}

/// Lists what is sealed after the one with this id: so many at most, in the order of their ids.
pub async fn list_sealed(pool: &PgPool, after: Uuid, limit: i64) -> sqlx::Result<Vec<SealedRow>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", name AS "name!", sealed AS "sealed!", of_source AS "of_source!"
           FROM (SELECT id, name, sealed, false AS of_source FROM endpoints WHERE deleted_at IS NULL
                 UNION ALL
                 SELECT id, name, sealed, true FROM sources WHERE sealed IS NOT NULL AND deleted_at IS NULL) s
           WHERE id > $1 ORDER BY id LIMIT $2"#,
        after,
        limit,
    );
    let row = |id: Uuid, of_source| if of_source { Place::Source(id.into()) } else { Place::Endpoint(id.into()) };
    let rows = rows.fetch_all(pool).await?.into_iter();
    Ok(rows.map(|r| SealedRow { place: row(r.id, r.of_source), name: r.name, sealed: r.sealed }).collect())
}

/// Puts a value that was sealed anew in the place of the old one, unless somebody has changed it since.
pub async fn replace_sealed(pool: &PgPool, place: Place, old: &[u8], new: &[u8]) -> sqlx::Result<()> {
    let query = match place {
        Place::Endpoint(id) => {
            sqlx::query!("UPDATE endpoints SET sealed = $3 WHERE id = $1 AND sealed = $2", id.uuid(), old, new)
        }
        Place::Source(id) => {
            sqlx::query!("UPDATE sources SET sealed = $3 WHERE id = $1 AND sealed = $2", id.uuid(), old, new)
        }
    };
    query.execute(pool).await?;
    Ok(())
}
