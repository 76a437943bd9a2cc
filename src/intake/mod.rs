//! How calls get in: a proven callback or an imported file, both through the one transaction of [`Intake::accept`].
//!
//! Proof comes before parsing, and what is proven is a type that nothing else can build. What happens to a call
//! afterwards is the pipeline's business.

mod accept;
mod callback;
mod calls;
pub mod import;
pub mod proof;

pub use self::{
    accept::{Accepted, Intake},
    callback::{Callback, CallbackError},
};
