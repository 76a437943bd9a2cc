//! How names of objects are spelt.

/// Spells a name of an object as the API wants it. Its names are case-sensitive and the catalogue keeps unquoted ones
/// in upper case (contract §1.3), so a name is raised unless it stands in double quotes, as in SQL.
pub(super) fn object_name(name: &str) -> Option<String> {
    let name = name.trim();
    let quoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let spelt = quoted.map_or_else(|| name.to_uppercase(), |inner| inner.replace("\"\"", "\""));
    (!spelt.is_empty()).then_some(spelt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_upper_case_unless_quoted() {
        assert_eq!(object_name(" load_wh ").unwrap(), "LOAD_WH");
        assert_eq!(object_name("\"Mixed Case\"").unwrap(), "Mixed Case");
        assert_eq!(object_name("\"a\"\"b\"").unwrap(), "a\"b");
        assert_eq!(object_name("  "), None);
        assert_eq!(object_name("\"\""), None);
        assert_eq!(object_name("\"").unwrap(), "\"");
    }
}
