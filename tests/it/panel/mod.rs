//! The panel as a browser without scripts sees it: pages, forms and redirects over the production router.

mod accounts;
mod calls;
mod endpoint_form;
mod endpoint_try;
mod endpoints;
mod audit;
mod configuration;
mod live;
mod log;
mod overview;
mod runs;
mod session;
mod sources;
mod visitor;

pub use self::visitor::Visitor;
