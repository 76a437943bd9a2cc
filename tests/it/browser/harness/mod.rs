//! The browser of the tests itself, on pages made for it: what it does like people, what it fails a test for.

mod complaints;
mod looks;
mod people;

use axum::{
    Router,
    response::{Html, IntoResponse},
    routing::get,
};

use super::support::Browser;
use crate::support::StandIn;

/// Whole HTML around this body.
fn html(body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=en><head><title>A page</title><link rel=icon href='data:,'>
         <meta name=viewport content='width=device-width'><meta name=color-scheme content='light dark'></head>
         <body><main><h1>A page</h1>{body}</main></body></html>"
    ))
}

/// A server of one page.
async fn serve(page: impl IntoResponse + Clone + Send + Sync + 'static) -> StandIn {
    StandIn::serve(Router::new().route("/", get(page))).await
}

/// A browser that shows this page.
async fn showing(body: &str) -> Browser {
    let browser = Browser::at(&serve(html(body)).await.url).open().await;
    browser.goto("/").await;
    browser
}

/// Why a test that ends now fails.
async fn failure(browser: Browser) -> String {
    let ended = tokio::spawn(browser.finish()).await;
    *ended.expect_err("the test fails").into_panic().downcast().expect("it says why")
}
