//! What tests in a browser stand on.

mod axe;
mod browser;
mod command;
mod driver;
mod hands;
mod layout;
mod look;
mod page;
mod picture;
mod site;
mod watch;

pub use self::{
    browser::{Browser, BrowserBuilder},
    look::{Scheme, Size},
    page::{Page, Role},
    site::{Demo, Site},
};
