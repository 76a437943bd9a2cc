//! The panel as a browser without scripts sees it: pages, forms and redirects over the production router.

mod accounts;
mod calls;
mod endpoint_form;
mod endpoint_try;
mod endpoints;
mod live;
mod overview;
mod runs;
mod session;
mod visitor;
