//! Names: what was checked is what is connected to, and nothing is asked twice.
//!
//! 127.0.0.2 stands for a public address here, 127.0.0.1 for a private one, both with a listener on the same port.

use std::sync::Arc;

use aftercall::clients::egress::{Egress, EgressError};

use super::{Names, OK, config, post};
use crate::support::{Wire, answer};

const PUBLIC: &str = "127.0.0.2";
const PRIVATE: &str = "127.0.0.1";
/// The one network that may be reached.
const ALLOWED: &[&str] = &["127.0.0.2/32"];
/// Ends the connection, so that the next request needs another.
const OK_AND_BYE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

/// A listener at either address.
async fn listeners(says: &'static str) -> (Wire, Wire, String) {
    loop {
        let public = Wire::on(&format!("{PUBLIC}:0"), move |stream| answer(stream, says)).await.expect("a free port");
        let port = public.address.port();
        // Another test may have got the port at that address.
        if let Ok(private) = Wire::on(&format!("{PRIVATE}:{port}"), |stream| answer(stream, OK)).await {
            return (public, private, format!("http://receiver.test:{port}/hook"));
        }
    }
}

#[tokio::test]
async fn a_name_that_changes_its_answer_after_the_check_gains_nothing() {
    let (public, private, target) = listeners(OK_AND_BYE).await;
    let names = Names::answering(&[&[PUBLIC], &[PRIVATE], &[PUBLIC], &[PRIVATE]]);
    let egress = names.egress(ALLOWED);
    for look_ups in 1..=4 {
        let answer = post(&egress, &target).await;
        match look_ups % 2 {
            1 => assert_eq!(answer.unwrap().status, 200, "the checked address is the one that is connected to"),
            _ => assert!(matches!(answer, Err(EgressError::Refused(_))), "{answer:?}"),
        }
        assert_eq!(names.asked().len(), look_ups, "one look-up for each connection: there is no second answer to use");
    }
    assert_eq!((public.accepted(), private.accepted()), (2, 0));
}

#[tokio::test]
async fn a_connection_that_is_kept_stays_where_it_was_checked() {
    let (public, private, target) = listeners(OK).await;
    let names = Names::answering(&[&[PUBLIC], &[PRIVATE]]);
    let egress = names.egress(ALLOWED);
    for _ in 0..3 {
        assert_eq!(post(&egress, &target).await.unwrap().status, 200);
    }
    assert_eq!((public.accepted(), private.accepted(), names.asked().len()), (1, 0, 1));
}

#[tokio::test]
async fn of_a_mixed_answer_only_the_public_address_is_used() {
    let (public, private, target) = listeners(OK_AND_BYE).await;
    for answer in [[PRIVATE, PUBLIC], [PUBLIC, PRIVATE], ["::1", PUBLIC], ["::ffff:127.0.0.1", "::ffff:127.0.0.2"]] {
        let names = Names::answering(&[&answer]);
        assert_eq!(post(&names.egress(ALLOWED), &target).await.unwrap().status, 200, "{answer:?}");
    }
    assert_eq!((public.accepted(), private.accepted()), (4, 0));
}

#[tokio::test]
async fn a_public_address_that_is_down_does_not_make_way_for_the_private_one() {
    let private = Wire::start(|stream| answer(stream, OK)).await;
    let names = Names::answering(&[&[PRIVATE, PUBLIC, "::1"]]);
    let target = format!("http://receiver.test:{}/hook", private.address.port());
    let failed = post(&names.egress(ALLOWED), &target).await.unwrap_err();
    assert!(failed.to_string().contains("connection refused"), "{failed}");
    assert_eq!(private.accepted(), 0);
}

#[tokio::test]
async fn every_spelling_of_a_name_is_looked_up_as_the_same() {
    let names = Names::answering(&[&[PRIVATE]]);
    let egress = names.egress(ALLOWED);
    for host in ["receiver.test", "RECEIVER.Test", "r%65ceiver.test", "ｒｅｃｅｉｖｅｒ.test", "receiver。test"]
    {
        let refused = post(&egress, &format!("http://{host}/")).await.unwrap_err();
        assert!(matches!(refused, EgressError::Refused(_)), "{host}: {refused}");
    }
    assert_eq!(names.asked(), ["receiver.test"; 5]);
}

#[tokio::test]
async fn a_name_without_an_address_or_a_failed_look_up_is_unresolved() {
    let none = Names::answering(&[&[]]).egress(ALLOWED);
    let failing = Arc::new(|_| Box::pin(async { Err(std::io::ErrorKind::Other.into()) }) as _);
    let failing = Egress::with_lookup(&config(ALLOWED), failing).unwrap();
    for egress in [none, failing] {
        let failed = post(&egress, "http://receiver.test/secret-path").await.unwrap_err();
        assert!(matches!(failed, EgressError::Unresolved), "{failed}");
        assert_eq!(failed.to_string(), "the name cannot be resolved");
    }
}
