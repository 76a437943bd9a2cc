//! The panel as a browser without scripts sees it: pages, forms and redirects over the production router.

mod audit;
mod configuration;
mod live;
mod log;
mod overview;
mod session;
mod sources;
mod visitor;
