//! The guarded way out, by name and literally.

use std::time::Duration;

use aftercall::{
    clients::egress::{Egress, EgressError},
    config::EgressConfig,
};
use bytes::Bytes;
use http::HeaderMap;

use crate::support::{Receiver, TestApp};

fn egress(allowed: &[&str]) -> Egress {
    let allowed_networks = allowed.iter().map(|network| network.parse().unwrap()).collect();
    Egress::new(&EgressConfig { allowed_networks, allow_http: true, extra_ca: Vec::new() }).unwrap()
}

#[tokio::test]
async fn addresses_of_the_inside_are_refused_in_every_notation_and_nothing_arrives() {
    let receiver = Receiver::start().await;
    let port = receiver.url().rsplit_once(':').unwrap().1.to_owned();
    let egress = egress(&[]);
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "localhost",
        "localhost.",
    ] {
        let target = format!("http://{host}:{port}");
        let answer = egress.post(&target, HeaderMap::new(), Bytes::new(), Duration::from_secs(5)).await;
        assert!(matches!(answer, Err(EgressError::Refused(_) | EgressError::Unresolved)), "{target}: {answer:?}");
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn an_allowed_network_can_be_reached_by_name_and_by_address() {
    let receiver = Receiver::start().await;
    let egress = egress(&["127.0.0.0/8", "::1/128"]);
    for target in [receiver.url(), receiver.url().replace("127.0.0.1", "localhost")] {
        let answer = egress.post(&target, HeaderMap::new(), Bytes::new(), Duration::from_secs(5)).await.unwrap();
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_ends_at_the_deadline() {
    let receiver = Receiver::slow(Duration::from_hours(1)).await;
    let answer = egress(&["127.0.0.0/8"])
        .post(&receiver.url(), HeaderMap::new(), Bytes::new(), Duration::from_millis(100))
        .await;
    assert!(matches!(answer, Err(EgressError::TimedOut(_))), "{answer:?}");
}

#[tokio::test]
async fn http_is_refused_unless_it_is_allowed_and_ports_of_other_services_always() {
    let app = TestApp::with("ALLOW_HTTP_ENDPOINTS", "off").start().await;
    for (target, says) in [
        ("http://example.com/", "use https:"),
        ("https://example.com:25/", "port 25"),
        ("https://user@example.com/", "user name"),
        ("file:///etc/passwd", "not an https: URL"),
        ("example.com", "not an absolute URL"),
    ] {
        assert!(app.app.egress.check(target).unwrap_err().contains(says), "{target}");
    }
    app.app.egress.check("https://example.com/hooks").unwrap();
}
