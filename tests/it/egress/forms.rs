//! Every form of address of the inside, by every way in.

use aftercall::clients::egress::EgressError;
use serde_json::json;

use super::{Names, OK, egress, post};
use crate::support::{TestApp, Wire, answer};

/// Addresses that nothing may be sent to, each as a name server answers it, and as it can be typed.
const FORMS: &[(&str, &[&str])] = &[
    (
        "127.0.0.1",
        &[
            "127.0.0.1",
            "127.0.0.1.",
            "127.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0X7F000001",
            "017700000001",
            "0177.0.0.1",
            "0000177.00.0.01",
            "0x7f.0x0.0x0.0x1",
            "0x7f.1",
            "127.0x.0.1",
            "%31%32%37.0.0.1",
            "127%2e0%2e0%2e1",
            "１２７.０.０.１",
            "１２７．０．０．１",
            "127。0。0。1",
            "①②⑦.⓪.⓪.①",
            "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
            "127.0\u{ad}.0.1",
            "1\t27.0.0.1",
        ],
    ),
    ("127.255.255.254", &["127.255.255.254", "2147483646"]),
    ("0.0.0.0", &["0", "0.0.0.0", "0x0", "00"]),
    ("10.0.0.1", &["10.0.0.1", "10.1", "167772161", "012.0.0.1"]),
    ("172.16.0.1", &["172.16.0.1", "172.1048577"]),
    ("192.168.0.1", &["192.168.0.1", "0xc0a80001", "192.168.1"]),
    ("100.64.0.1", &["100.64.0.1", "0x64400001"]),
    ("100.100.100.200", &["100.100.100.200"]),
    ("168.63.129.16", &["168.63.129.16", "0xa83f8110"]),
    ("169.254.169.254", &["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376"]),
    ("192.0.0.192", &["192.0.0.192"]),
    ("192.0.2.1", &["192.0.2.1"]),
    ("198.18.0.1", &["198.18.0.1"]),
    ("224.0.0.1", &["224.0.0.1"]),
    ("255.255.255.255", &["255.255.255.255", "4294967295"]),
    ("::", &["[::]", "[0::0]"]),
    ("::1", &["[::1]", "[0:0:0:0:0:0:0:1]", "[::0001]", "[::0.0.0.1]"]),
    ("::ffff:127.0.0.1", &["[::ffff:127.0.0.1]", "[::FFFF:7F00:1]", "[0:0:0:0:0:ffff:127.0.0.1]"]),
    ("::ffff:169.254.169.254", &["[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]"]),
    ("::127.0.0.1", &["[::127.0.0.1]", "[::7f00:1]"]),
    ("::ffff:0:127.0.0.1", &["[::ffff:0:127.0.0.1]", "[::ffff:0:7f00:1]"]),
    ("64:ff9b::7f00:1", &["[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[0064:FF9B::7f00:0001]"]),
    ("64:ff9b::a9fe:a9fe", &["[64:ff9b::169.254.169.254]"]),
    ("64:ff9b:1::1", &["[64:ff9b:1::1]", "[64:ff9b:1::10.0.0.1]"]),
    ("2002:7f00:1::", &["[2002:7f00:1::]", "[2002:7f00:0001::1]"]),
    ("2002:a9fe:a9fe::1", &["[2002:a9fe:a9fe::1]"]),
    ("2001:0:7f00:1::", &["[2001:0:7f00:1::]", "[2001::1]"]),
    ("2606:4700::5efe:127.0.0.1", &["[2606:4700::5efe:127.0.0.1]", "[2606:4700::200:5efe:7f00:1]"]),
    ("fc00::1", &["[fc00::1]", "[fd00:ec2::254]"]),
    ("fe80::1", &["[fe80::1]", "[fe80::a9fe:a9fe]"]),
    ("fec0::1", &["[fec0::1]"]),
    ("ff02::1", &["[ff02::1]"]),
    ("2001:db8::1", &["[2001:db8::1]"]),
    ("2620:4f:8000::1", &["[2620:4f:8000::1]"]),
    ("5f00::1", &["[5f00::1]"]),
];

fn spellings() -> impl Iterator<Item = &'static str> {
    FORMS.iter().flat_map(|(_, spellings)| *spellings).copied()
}

/// A listener inside that nothing may reach.
async fn trap() -> (Wire, u16) {
    let trap = Wire::start(|stream| answer(stream, OK)).await;
    let port = trap.address.port();
    (trap, port)
}

/// A receiver that points elsewhere.
async fn redirecting(status: u16, location: &str) -> Wire {
    let says = format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    Wire::start(move |stream| {
        let says = says.clone();
        async move { answer(stream, &says).await }
    })
    .await
}

#[tokio::test]
async fn literally_every_form_is_refused_and_nothing_arrives() {
    let ((trap, port), names) = (trap().await, Names::answering(&[]));
    let egress = names.egress(&[]);
    for host in spellings() {
        let target = format!("http://{host}:{port}/");
        let refused = post(&egress, &target).await.unwrap_err();
        assert!(matches!(refused, EgressError::Refused(_)), "{target}: {refused}");
        assert!(!refused.to_string().contains(host), "{refused}");
    }
    assert_eq!((trap.accepted(), names.asked().len()), (0, 0));
}

#[tokio::test]
async fn the_names_of_this_machine_are_refused_by_what_the_system_says_of_them() {
    let ((trap, port), egress) = (trap().await, egress(&[]));
    for host in ["localhost", "localhost.", "LOCALHOST"] {
        let refused = post(&egress, &format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(refused, EgressError::Refused(_) | EgressError::Unresolved), "{host}: {refused}");
    }
    assert_eq!(trap.accepted(), 0);
}

#[tokio::test]
async fn the_forms_are_what_they_seem_to_be_where_the_network_is_allowed_they_arrive() {
    let ((trap, port), egress) = (trap().await, egress(&["127.0.0.0/8", "::1/128"]));
    let mapped = FORMS.iter().find(|(address, _)| *address == "::ffff:127.0.0.1").unwrap().1;
    for host in FORMS[0].1.iter().chain(mapped).chain(&["localhost"]) {
        let answer = post(&egress, &format!("http://{host}:{port}/")).await.unwrap();
        assert_eq!(answer.status, 200, "{host}");
    }
    assert!(trap.accepted() > 0);
}

#[tokio::test]
async fn a_name_that_leads_to_any_form_is_refused_and_nothing_arrives() {
    let (trap, port) = trap().await;
    let answers: Vec<&[&str]> = FORMS.iter().map(|(address, _)| std::slice::from_ref(address)).collect();
    let names = Names::answering(&answers);
    let (egress, target) = (names.egress(&[]), format!("http://receiver.test:{port}/"));
    for (address, _) in FORMS {
        let refused = post(&egress, &target).await.unwrap_err();
        assert!(matches!(refused, EgressError::Refused(_)), "{address}: {refused}");
        assert!(refused.to_string().contains("the name leads to an address that is not public"), "{refused}");
        assert!(!refused.to_string().contains("receiver"), "{refused}");
    }
    assert_eq!((trap.accepted(), names.asked().len()), (0, FORMS.len()));
}

#[tokio::test]
async fn a_redirect_to_any_form_or_name_is_the_answer_and_not_a_way() {
    let ((trap, port), names) = (trap().await, Names::answering(&[&["127.0.0.1"]]));
    // What the redirect points to may be reached: it is not for the guard to stop it.
    let egress = names.egress(&["0.0.0.0/0", "::/0"]);
    let hosts = spellings().filter(|host| host.is_ascii()).chain(["localhost", "trap.test"]);
    for (host, status) in hosts.zip([301, 302, 303, 307, 308].into_iter().cycle()) {
        let receiver = redirecting(status, &format!("http://{host}:{port}/")).await;
        let target = format!("http://receiver.test:{}/", receiver.address.port());
        assert_eq!(post(&egress, &target).await.unwrap().status, status, "{host}");
        assert_eq!(receiver.accepted(), 1);
    }
    assert_eq!(trap.accepted(), 0);
    assert!(names.asked().iter().all(|name| name == "receiver.test"), "{:?}", names.asked());
}

#[tokio::test]
async fn an_endpoint_that_redirects_is_told_so_and_nobody_else_is_asked() {
    let (app, (trap, port)) = (TestApp::start().await, trap().await);
    for (status, host) in [(302, "127.0.0.1"), (307, "localhost"), (308, "[::1]"), (308, "2130706433")] {
        let receiver = redirecting(status, &format!("http://{host}:{port}/")).await;
        let endpoint = app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await;
        let path = format!("/api/v1/admin/notify/test/{}", endpoint["id"].as_str().unwrap());
        let tried = app.api("POST", &path, None).await.expect(200).body;
        assert_eq!((&tried["status"], &tried["status_code"]), (&json!("failed"), &json!(status)));
        assert!(tried["error"].as_str().unwrap().contains("redirects are not followed"), "{tried}");
        let log = format!("/api/v1/admin/notify/logs/{}", tried["log_id"].as_str().unwrap());
        let log = app.get(&log).await.expect(200).body;
        assert!(log["last_error"].as_str().unwrap().contains("redirects are not followed"), "{log}");
    }
    assert_eq!(trap.accepted(), 0);
}

#[tokio::test]
async fn no_endpoint_can_be_made_of_any_form() {
    let app = TestApp::with("ALLOWED_PRIVATE_NETWORKS", "198.51.100.0/24").start().await;
    for (host, kind) in spellings().zip(["webhook", "slack"].into_iter().cycle()) {
        let body = json!({"kind": kind, "target": format!("https://{host}/hook")});
        let problem = app.api("POST", "/api/v1/admin/notify/endpoints", Some(body)).await.expect(422).body;
        assert_eq!(problem["errors"][0]["pointer"], "/target", "{host}: {problem}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("not public") || detail.contains("white space"), "{host}: {problem}");
    }
    assert_eq!(app.count("endpoints").await, 0);
}

#[tokio::test]
async fn http_is_refused_unless_it_is_allowed_and_ports_of_other_services_always() {
    let app = TestApp::with("ALLOW_HTTP_ENDPOINTS", "off").start().await;
    for (target, says) in [
        ("http://example.com/", "use https:"),
        ("HTTP://example.com/", "use https:"),
        ("https://example.com:25/", "port 25"),
        ("https://example.com:0/", "port 0"),
        ("https://example.com:0006379/", "port 6379"),
        ("https://example.com:65536/", "not an absolute URL"),
        ("https://user@example.com/", "user name"),
        ("https://:secret@example.com/", "user name"),
        ("https://example.com@127.0.0.1/", "user name"),
        ("https://fe80::1/", "not an absolute URL"),
        ("https://[fe80::1%25eth0]/", "not an absolute URL"),
        ("https://1.2.3.4.5/", "not an absolute URL"),
        ("https://256.0.0.1/", "not an absolute URL"),
        ("https://example.08/", "not an absolute URL"),
        ("https:///", "not an absolute URL"),
        ("https://exa mple.com/", "not an absolute URL"),
        ("file:///etc/passwd", "not an https: URL"),
        ("gopher://example.com/", "not an https: URL"),
        ("unix:/var/run/docker.sock", "not an https: URL"),
        ("//example.com/", "not an absolute URL"),
        ("example.com", "not an absolute URL"),
    ] {
        let refused = app.app.egress.check(target).unwrap_err();
        assert!(refused.contains(says), "{target}: {refused}");
    }
    for target in [
        "https://example.com/hooks",
        "https://example.com:8443/#part",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
    ] {
        app.app.egress.check(target).unwrap();
    }
}

#[tokio::test]
async fn odd_ways_to_write_a_url_lead_to_the_host_they_are_checked_for() {
    let (trap, port) = trap().await;
    let egress = egress(&[]);
    for target in [
        format!("http:127.0.0.1:{port}"),
        format!("http:/127.0.0.1:{port}"),
        format!("http:///127.0.0.1:{port}"),
        format!(r"http:\\127.0.0.1:{port}\@example.com"),
        format!("http://127.0.0.1:{port}#@example.com"),
        format!("http://127.0.0.1:{port}?@example.com"),
        format!("  http://127.0.0.1:{port}\n"),
        format!("ht\ntp://127.0.\r0.1:{port}"),
    ] {
        let refused = post(&egress, &target).await.unwrap_err();
        assert!(refused.to_string().contains("not public"), "{target:?}: {refused}");
    }
    assert_eq!(trap.accepted(), 0);
}
