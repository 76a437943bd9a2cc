//! The panel's cookies: of the session, of a visit to the sign-in page, and of the word that a page says after a change.

use axum::response::Response;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use http::{HeaderValue, header, request::Parts};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::app::App;

/// What a page says once, about what was just done.
#[derive(Debug, Clone)]
pub struct Flash {
    /// Whether it went as wanted.
    pub is_good: bool,
    /// What happened.
    pub text: String,
}

/// The cookies of a request, and how to set others.
#[derive(Debug, Clone)]
pub struct Cookies {
    jar: CookieJar,
    /// Whether the browser came by https.
    is_secure: bool,
}

impl Cookies {
    /// Reads those of a request.
    pub fn new(app: &App, parts: &Parts) -> Self {
        Self { jar: CookieJar::from_headers(&parts.headers), is_secure: came_by_https(app, parts) }
    }

    /// The session's.
    pub fn session(&self) -> Option<&str> {
        self.get("session")
    }

    /// That of a visit to the sign-in page, which proves its form.
    pub fn visit(&self) -> Option<&str> {
        self.get("visit")
    }

    /// What the page before wants to be said.
    pub fn flash(&self) -> Option<Flash> {
        let text = percent_decode_str(self.get("flash")?).decode_utf8().ok()?;
        let (kind, text) = text.split_once(':')?;
        Some(Flash { is_good: kind == "good", text: text.to_owned() })
    }

    /// Sets the session's. It ends with the session, which the server knows, or with the browser.
    pub fn keep_session(&self, response: &mut Response, secret: &str) {
        self.set(response, "session", secret.to_owned(), SameSite::Lax);
    }

    /// Sets that of a visit.
    pub fn keep_visit(&self, response: &mut Response, secret: &str) {
        self.set(response, "visit", secret.to_owned(), SameSite::Strict);
    }

    /// Leaves a word for the next page.
    pub fn keep_flash(&self, response: &mut Response, flash: &Flash) {
        let text = format!("{}:{}", if flash.is_good { "good" } else { "bad" }, flash.text);
        self.set(response, "flash", utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string(), SameSite::Lax);
    }

    /// Removes one.
    pub fn forget(&self, response: &mut Response, name: &str) {
        let mut cookie = self.cookie(name, String::new(), SameSite::Lax);
        cookie.make_removal();
        append(response, &cookie);
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.jar.get(&self.full_name(name)).map(Cookie::value)
    }

    fn set(&self, response: &mut Response, name: &str, value: String, same_site: SameSite) {
        append(response, &self.cookie(name, value, same_site));
    }

    fn cookie(&self, name: &str, value: String, same_site: SameSite) -> Cookie<'static> {
        Cookie::build((self.full_name(name), value))
            .path("/")
            .http_only(true)
            .secure(self.is_secure)
            .same_site(same_site)
            .build()
    }

    /// Behind https with the prefix that no other host and no plain connection can set.
    fn full_name(&self, name: &str) -> String {
        if self.is_secure { format!("__Host-aftercall-{name}") } else { format!("aftercall-{name}") }
    }
}

fn append(response: &mut Response, cookie: &Cookie<'_>) {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// A proxy says so, or the request is for `PUBLIC_URL`'s host, which is https. Whoever lies about it only harms a session
/// of its own.
fn came_by_https(app: &App, parts: &Parts) -> bool {
    let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(scheme) = text(header::HeaderName::from_static("x-forwarded-proto")) {
        return scheme.rsplit(',').next().unwrap_or_default().trim().eq_ignore_ascii_case("https");
    }
    let host = text(header::HOST).unwrap_or_default();
    app.config.service.public_url.as_ref().is_some_and(|url| {
        url.scheme() == "https" && url[url::Position::BeforeHost..url::Position::AfterPort].eq_ignore_ascii_case(host)
    })
}
