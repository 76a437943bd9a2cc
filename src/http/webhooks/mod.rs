//! Where sources send their callbacks, one file per kind of source.

pub mod gong;
