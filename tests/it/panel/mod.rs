//! The panel as a browser without scripts sees it: pages, forms and redirects over the production router.

mod live;
mod overview;
mod session;
mod visitor;
