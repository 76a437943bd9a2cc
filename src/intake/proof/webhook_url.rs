//! Compares the URL in a token with the addresses under which we are known.
//!
//! Differences that lead to the same place do not count: letter case of scheme and host, a default port, one trailing
//! slash, percent-encoding. A different query does: it can route a callback.

use percent_encoding::percent_decode_str;
use url::Url;

/// Whether `claimed` leads to the same place as one of `ours`.
pub(super) fn is_one_of(claimed: &str, ours: &[Url]) -> bool {
    let decoded = percent_decode_str(claimed).decode_utf8_lossy();
    // The rule's text may have been pasted percent-encoded as a whole.
    let claimed = Url::parse(claimed).or_else(|_| Url::parse(&decoded));
    claimed.is_ok_and(|claimed| ours.iter().any(|ours| same_place(&claimed, ours)))
}

fn same_place(one: &Url, other: &Url) -> bool {
    let origin = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    let path = |url: &Url| {
        let path = percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
        path.strip_suffix('/').map(str::to_owned).unwrap_or(path)
    };
    origin(one) == origin(other) && path(one) == path(other) && one.query_pairs().eq(other.query_pairs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_the_same_place_are_the_same() {
        let ours = [Url::parse("https://hooks.example.test/webhooks/gong?c=blue%20sky").unwrap()];
        for same in [
            "https://hooks.example.test/webhooks/gong?c=blue%20sky",
            "HTTPS://Hooks.Example.TEST:443/webhooks/gong/?c=blue+sky",
            "https://hooks.example.test/webhooks/g%6Fng?c=blue sky",
            "https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Fgong%3Fc%3Dblue%20sky",
        ] {
            assert!(is_one_of(same, &ours), "{same}");
        }
    }

    #[test]
    fn another_scheme_host_port_path_or_query_is_another_place() {
        let ours = [Url::parse("https://hooks.example.test/webhooks/gong?c=blue").unwrap()];
        for other in [
            "http://hooks.example.test/webhooks/gong?c=blue",
            "https://evil.example.test/webhooks/gong?c=blue",
            "https://hooks.example.test:8443/webhooks/gong?c=blue",
            "https://hooks.example.test/webhooks/gong/src_1?c=blue",
            "https://hooks.example.test/webhooks/gong?c=red",
            "https://hooks.example.test/webhooks/gong",
            "/webhooks/gong?c=blue",
            "",
        ] {
            assert!(!is_one_of(other, &ours), "{other}");
        }
    }
}
