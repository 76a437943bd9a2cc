//! Certificates are checked, against the name that was typed, and only HTTP/1.1 is spoken.

use std::sync::{Arc, Mutex};

use aftercall::clients::egress::{Egress, EgressError};

use super::{Names, OK, config, post};
use crate::support::{Certificate, Wire, answer};

const LOOPBACK: &[&str] = &["127.0.0.0/8"];

/// A receiver with this certificate, and the protocols that clients agreed on.
async fn receiver(certificate: &Certificate) -> (Wire, Arc<Mutex<Vec<Option<Vec<u8>>>>>) {
    let (acceptor, agreed) = (certificate.acceptor_of(&[b"h2", b"http/1.1"]), Arc::<Mutex<Vec<_>>>::default());
    let seen = Arc::clone(&agreed);
    let wire = Wire::start(move |stream| {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        async move {
            let stream = acceptor.accept(stream).await?;
            seen.lock().unwrap().push(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec));
            answer(stream, OK).await
        }
    })
    .await;
    (wire, agreed)
}

fn trusting(certificates: &[&Certificate]) -> Egress {
    let extra_ca = certificates.iter().map(|certificate| certificate.der.clone()).collect();
    Egress::new(&aftercall::config::EgressConfig { extra_ca, ..config(LOOPBACK) }).unwrap()
}

#[tokio::test]
async fn a_certificate_is_believed_only_if_it_is_trusted() {
    let (ours, other) = (Certificate::of_loopback(), Certificate::of_loopback());
    let (receiver, agreed) = receiver(&ours).await;
    let target = format!("https://{}/secret-path", receiver.address);
    for egress in [trusting(&[]), trusting(&[&other])] {
        let failed = post(&egress, &target).await.unwrap_err();
        assert!(matches!(&failed, EgressError::Connection(text) if text.contains("certificate")), "{failed}");
        assert!(!failed.to_string().contains("secret-path"), "{failed}");
    }
    assert!(agreed.lock().unwrap().is_empty(), "nothing is said to a receiver that cannot prove itself");
    assert_eq!(post(&trusting(&[&ours]), &target).await.unwrap().status, 200);
    assert_eq!(*agreed.lock().unwrap(), [Some(b"http/1.1".to_vec())], "though it would rather speak h2");
}

#[tokio::test]
async fn a_trusted_certificate_for_another_name_is_refused_and_the_error_names_nobody() {
    let elsewhere = Certificate::of_address([127, 0, 0, 9]);
    let (receiver, agreed) = receiver(&elsewhere).await;
    let failed = post(&trusting(&[&elsewhere]), &format!("https://{}/", receiver.address)).await.unwrap_err();
    assert_eq!(failed.to_string(), "invalid peer certificate: it is for another name");

    // The address behind a name proves nothing about the name.
    let ours = Certificate::of_address([127, 0, 0, 1]);
    let (receiver, _) = self::receiver(&ours).await;
    let config = aftercall::config::EgressConfig { extra_ca: vec![ours.der.clone()], ..config(LOOPBACK) };
    let egress = Egress::with_lookup(&config, Names::answering(&[&["127.0.0.1"]]).lookup()).unwrap();
    let failed = post(&egress, &format!("https://receiver.test:{}/", receiver.address.port())).await.unwrap_err();
    assert_eq!(failed.to_string(), "invalid peer certificate: it is for another name");
    assert!(agreed.lock().unwrap().is_empty());
}
