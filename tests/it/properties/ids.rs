//! Ids as they stand in paths, bodies and texts.

use aftercall::domain::ids::{
    AuditKind, DeliveryKind, EndpointKind, EventKind, Id, Kind, RunKind, SourceKind, TokenKind, places,
};

/// A text is the id of one kind of thing at most, in one spelling, and an id is found where it stands in a text.
pub fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let kinds = [
        is::<EventKind>(text),
        is::<RunKind>(text),
        is::<EndpointKind>(text),
        is::<DeliveryKind>(text),
        is::<SourceKind>(text),
        is::<TokenKind>(text),
        is::<AuditKind>(text),
    ];
    let known = kinds.into_iter().filter(|known| *known).count();
    assert!(known <= 1);
    assert_eq!(known == 1, places(text) == [(0, text.len())], "{text}");
    let mut from = 0;
    for (start, end) in places(text) {
        assert!(from <= start && start < end, "in order, and apart");
        assert_eq!(places(&text[start..end]), [(0, end - start)]);
        from = end;
    }
}

/// Whether a text is the id of a `K`: if so, it is what that id is shown as, in JSON too.
fn is<K: Kind>(text: &str) -> bool {
    let json = serde_json::from_value::<Id<K>>(text.into());
    let Ok(id) = text.parse::<Id<K>>() else {
        assert!(json.is_err());
        return false;
    };
    assert_eq!(id.to_string(), text);
    assert_eq!(Id::<K>::from(id.uuid()), id);
    assert_eq!(json.expect("the same rule"), id);
    true
}
