//! Pictures of the pages with the demo's data: `.ci/screenshots` takes them anew. Without it they go nowhere, but every page
//! is seen in every look that is pictured.

use std::{env, path::PathBuf};

use super::support::{
    Demo,
    Scheme::{self, Dark, Light},
    Size::{self, Desktop, Phone},
};

struct Picture {
    name: &'static str,
    path: &'static str,
    /// What the page says once it is whole.
    says: &'static str,
    size: Size,
    scheme: Scheme,
}

const fn picture(name: &'static str, path: &'static str, says: &'static str, size: Size, scheme: Scheme) -> Picture {
    Picture { name, path, says, size, scheme }
}

const PICTURES: &[Picture] = &[
    picture("documentation", "/docs/", "Where notifications go", Desktop, Light),
    picture("documentation-phone", "/docs/", "Where notifications go", Phone, Dark),
];

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn every_page_can_be_pictured() {
    let demo = Demo::start().await;
    let elsewhere = tempfile::tempdir().expect("a directory");
    let directory = env::var_os("SCREENSHOTS").map_or(elsewhere.path().to_owned(), PathBuf::from);
    let mut browser = demo.browser().open().await;
    for picture in PICTURES {
        browser.look(picture.size, picture.scheme).await;
        browser.goto(picture.path).await;
        browser.wait_for_text(picture.says).await;
        browser.screenshot(&directory.join(format!("{}.png", picture.name))).await;
    }
    browser.finish().await;
}
