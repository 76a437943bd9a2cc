//! Pictures of the pages with the demo's data: `.ci/screenshots` takes them anew. Without it they go nowhere, but every page
//! is seen with data that somebody made up to be seen.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{
    places::PLACES,
    support::{
        Browser, Demo,
        Scheme::{self, Dark, Light},
        Size::{self, Desktop, Phone},
    },
};

/// Each page at a desk by day and on the way by night, and what its file's name says of that.
const LOOKS: &[(Size, Scheme, &str)] = &[(Desktop, Light, ""), (Phone, Dark, "-phone")];

#[tokio::test]
#[ignore = "needs Chromium: .ci/browser"]
async fn every_page_can_be_pictured() {
    let nowhere = tempfile::tempdir().expect("a directory");
    let directory = env::var_os("SCREENSHOTS").map_or(nowhere.path().to_owned(), PathBuf::from);
    let demo = Demo::start().await;
    let mut browser = demo.browser().open().await;
    take(&mut browser, "/panel/sign-in", &directory.join("sign-in")).await;
    browser.sign_in(&demo.token).await;
    for place in PLACES {
        let path = place.path(async |path| demo.ask(&path).await).await;
        take(&mut browser, &path, &directory.join(place.name)).await;
    }
    browser.finish().await;
}

async fn take(browser: &mut Browser, path: &str, picture: &Path) {
    for (size, scheme, suffix) in LOOKS {
        browser.look(*size, *scheme).await;
        browser.goto(path).await;
        browser.assert_nothing_is_cut().await;
        browser.screenshot(Path::new(&format!("{}{suffix}.png", picture.display()))).await;
    }
}
