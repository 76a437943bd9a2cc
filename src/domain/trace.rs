//! The trace that a row belongs to: what follows from one callback has one id, and spans where they are made.

/// Where in which trace a row was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The id under which all that follows from one callback is logged: 32 hex digits, as in W3C trace context.
    pub id: String,
    /// The span in which the row was made and its flags, as they stand in a W3C `traceparent` behind the id. `None` where
    /// no spans are made.
    pub parent: Option<String>,
}

impl Trace {
    /// A trace that nobody makes spans of.
    #[must_use]
    pub fn unrecorded() -> Self {
        let mut bytes = [0u8; 16];
        rand::fill(&mut bytes);
        Self { id: hex::encode(bytes), parent: None }
    }
}
