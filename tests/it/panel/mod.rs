//! The panel as a browser without scripts sees it: pages, forms and redirects over the production router.

mod accounts;
mod audit;
mod calls;
mod configuration;
mod endpoint_form;
mod endpoint_try;
mod endpoints;
mod live;
mod log;
mod overview;
mod runs;
mod session;
mod sources;
mod visitor;
