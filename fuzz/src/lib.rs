//! What the fuzz targets share: the properties, which live with the tests, and the one sender they need.

#[path = "../../tests/it/properties/mod.rs"]
pub mod properties;

#[path = "../../tests/it/support/gong.rs"]
mod gong;

/// As the properties know it from the tests.
pub mod support {
    pub use super::gong::*;
}
