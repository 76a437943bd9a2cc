//! The panel as a browser without scripts sees it: pages, forms and redirects over the production router.

mod accounts;
mod calls;
mod live;
mod overview;
mod runs;
mod session;
mod visitor;
