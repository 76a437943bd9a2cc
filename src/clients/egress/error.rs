//! Why nothing was sent, or no answer came.

use std::{error::Error, io, time::Duration};

use rustls::CertificateError;

use super::{BODY_CAP, CONNECT_TIMEOUT, guard::Refusal};

/// Why nothing was sent or no answer came. No variant carries the URL: it may be a credential.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The guard refuses the target; trying again does not help unless its address changes.
    #[error("target refused: {0}")]
    Refused(String),
    /// The body is too large to be sent, now and later.
    #[error("not sent: the body has {0} bytes, and {BODY_CAP} are the limit")]
    TooLarge(usize),
    /// No whole answer within the deadline.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The name has no address.
    #[error("the name cannot be resolved")]
    Unresolved,
    /// The connection could not be made or broke.
    #[error("{0}")]
    Connection(String),
}

/// Finds the cause that an administrator can act on.
pub(super) fn explain(error: reqwest::Error) -> EgressError {
    let error = error.without_url();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    let mut last = error.to_string();
    while let Some(current) = cause {
        if let Some(refusal) = current.downcast_ref::<Refusal>() {
            return match refusal {
                Refusal::NotPublic => EgressError::Refused(refusal.to_string()),
                Refusal::Unresolved => EgressError::Unresolved,
            };
        }
        if let Some(known) = current.downcast_ref::<io::Error>().and_then(explain_io) {
            return EgressError::Connection(known);
        }
        last = current.to_string();
        cause = current.source();
    }
    if error.is_timeout() {
        return EgressError::TimedOut(CONNECT_TIMEOUT);
    }
    EgressError::Connection(last)
}

/// What the cause's own words would say badly, or say too much: the wrong certificate's text repeats the target's name.
fn explain_io(error: &io::Error) -> Option<String> {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return Some(format!("connection refused ({})", error.kind()));
    }
    let inner = error.get_ref()?;
    if let Some(inner) = inner.downcast_ref() {
        return explain_io(inner);
    }
    match inner.downcast_ref()? {
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            Some("invalid peer certificate: it is for another name".to_owned())
        }
        _ => None,
    }
}
