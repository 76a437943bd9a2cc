//! How calls get in: a proven callback, an imported file, or a call that Gong's API listed, all through the one transaction of [`Intake::accept`].
//!
//! Proof comes before parsing, and what is proven is a type that nothing else can build. What happens to a call
//! afterwards is the pipeline's business.

mod accept;
mod callback;
mod calls;
pub mod gong;
pub mod import;
pub mod proof;

pub use self::{
    accept::{Accepted, Intake, accept_in},
    callback::{Callback, CallbackError},
    calls::record_calls,
};
