//! Gong: the shapes of its API and callbacks. Talking to the API comes here too; today calls arrive by callback and by
//! imported files.

pub mod shapes;
