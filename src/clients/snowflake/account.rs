//! The two spellings of an account: the host that it is reached at and the name that stands in its tokens.

const DOMAIN: &str = ".snowflakecomputing.com";

/// An account as an operator writes it, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    /// Before the domain: lower case, and hyphens for the underscores that TLS names cannot have.
    host: String,
    /// In a token: upper case, without region and cloud (contract §2.1).
    claim: String,
}

impl Account {
    /// Reads `ORG-ACCOUNT`, `ORG.ACCOUNT`, a locator with or without region and cloud, or the address of any of them.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_lowercase();
        let bare = lower.strip_prefix("https://").unwrap_or(&lower).trim_end_matches('/');
        let bare = bare.strip_suffix(DOMAIN).unwrap_or(bare);
        let readable = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if bare.is_empty() || bare.split('.').any(str::is_empty) || !bare.chars().all(readable) {
            return Err("the Snowflake account must be like ORG-ACCOUNT or xy12345.eu-central-1".to_owned());
        }
        let (name, private_link) = match bare.strip_suffix(".privatelink") {
            Some(name) => (name, ".privatelink"),
            None => (bare, ""),
        };
        let (host, claim) = match name.split_once('.') {
            // A region has a hyphen, a cloud a further dot; what an account is called in SQL has neither.
            Some((locator, region)) if region.contains(['-', '.']) => (name.to_owned(), locator.to_owned()),
            Some((organisation, account)) => {
                let joined = format!("{organisation}-{account}");
                (joined.clone(), joined)
            }
            None => (name.to_owned(), name.to_owned()),
        };
        Ok(Self { host: format!("{}{private_link}", host.replace('_', "-")), claim: claim.to_uppercase() })
    }

    /// The address that follows from the account.
    pub(super) fn url(&self) -> String {
        format!("https://{}{DOMAIN}", self.host)
    }

    /// The account's name in a token.
    pub(super) fn claim(&self) -> &str {
        &self.claim
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_write_an_account_leads_to_its_host_and_its_name() {
        for (written, host, claim) in [
            ("myorg-my_account", "myorg-my-account", "MYORG-MY_ACCOUNT"),
            ("MYORG.PROD", "myorg-prod", "MYORG-PROD"),
            ("xy12345", "xy12345", "XY12345"),
            ("xy12345.eu-central-1", "xy12345.eu-central-1", "XY12345"),
            ("xy12345.west-europe.azure", "xy12345.west-europe.azure", "XY12345"),
            ("myorg-prod.privatelink", "myorg-prod.privatelink", "MYORG-PROD"),
            (" https://xy12345.eu-central-1.aws.snowflakecomputing.com/ ", "xy12345.eu-central-1.aws", "XY12345"),
        ] {
            let account = Account::parse(written).unwrap();
            assert_eq!(account.url(), format!("https://{host}.snowflakecomputing.com"), "{written}");
            assert_eq!(account.claim(), claim, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_an_account_is_refused() {
        for wrong in ["", " ", "a b", "org/account", ".x", "x..y", "https://", "evil.example#"] {
            assert!(Account::parse(wrong).is_err(), "{wrong}");
        }
    }
}
