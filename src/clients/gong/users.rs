//! The people of the company as Gong knows them.

use crate::domain::text::clean;
use serde_json::Value;

/// Somebody with an account at Gong. Most of it may be unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Gong's id; equals `userId` of a call's party.
    pub id: String,
    /// First and last name, as far as they are known.
    pub name: Option<String>,
    /// The address the account is known by.
    pub email: Option<String>,
    /// Whether the account is in use. Only a plain "no" counts as one.
    pub active: bool,
}

/// Reads an element of `users[]`, leniently. `None` when it has no id.
pub(super) fn user(value: &Value) -> Option<User> {
    let text = |member: &str| value.get(member).and_then(Value::as_str).and_then(clean);
    let id = match value.get("id")? {
        Value::Number(id) => Some(id.to_string()),
        id => id.as_str().and_then(clean),
    };
    let names: Vec<String> = [text("firstName"), text("lastName")].into_iter().flatten().collect();
    Some(User {
        id: id?,
        name: clean(&names.join(" ")),
        email: text("emailAddress"),
        active: value.get("active").and_then(Value::as_bool).unwrap_or(true),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_id_is_required() {
        let whole = json!({"id": "77", "firstName": "Dana", "lastName": "Reyes", "emailAddress": "dana@brindlemoor.example",
            "active": false});
        let read = user(&whole).unwrap();
        assert_eq!((read.name.as_deref(), read.active), (Some("Dana Reyes"), false));
        let bare =
            user(&json!({"id": 77, "firstName": null, "lastName": "Reyes", "emailAddress": 5, "active": "?"})).unwrap();
        assert_eq!(bare, User { id: "77".to_owned(), name: Some("Reyes".to_owned()), email: None, active: true });
        for nobody in [json!({}), json!(null), json!({"id": null}), json!({"id": " "}), json!("77")] {
            assert_eq!(user(&nobody), None, "{nobody}");
        }
    }
}
