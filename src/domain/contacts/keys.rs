//! What the key of a member says about its value: a phone number, an e-mail address, an identifier, or nothing.

use super::super::tokens::fold;

/// What stands in the place of a phone number.
pub(super) const PHONE: &str = "[phone]";
/// What stands in the place of an e-mail address.
pub(super) const EMAIL: &str = "[email]";

/// Words, and pairs of words written as one, of keys that hold a phone number.
const PHONE_WORDS: [&str; 22] = [
    "phone",
    "mobile",
    "tel",
    "telephone",
    "whatsapp",
    "msisdn",
    "fax",
    "cellphone",
    "phonenumber",
    "telefono",
    "movil",
    "celular",
    "wame",
    "waid",
    "callerid",
    "callernumber",
    "callbacknumber",
    "contactnumber",
    "homenumber",
    "worknumber",
    "cellnumber",
    "smsnumber",
];
/// The same for e-mail addresses.
const MAIL_WORDS: [&str; 4] = ["email", "mail", "emailaddress", "correo"];

/// What a value may be, going by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A phone number, whatever it looks like.
    Phone,
    /// An e-mail address, whatever it looks like.
    Email,
    /// An identifier, even if it looks like a phone number.
    Identifier,
    /// The key does not say.
    Anything,
}

impl Meaning {
    /// What replaces every value of this meaning.
    pub(super) const fn label(self) -> Option<&'static str> {
        match self {
            Self::Phone => Some(PHONE),
            Self::Email => Some(EMAIL),
            Self::Identifier | Self::Anything => None,
        }
    }

    /// The meaning of a member of an object that itself stands under a key: a phone's parts belong to the phone.
    pub(super) const fn within(self, outer: Self) -> Self {
        match (self, outer) {
            (Self::Identifier | Self::Anything, Self::Phone | Self::Email) => outer,
            _ => self,
        }
    }
}

/// Reads a key in snake, kebab or camel case.
pub(super) fn meaning(key: &str) -> Meaning {
    let words = words(key);
    let says = |list: &[&str]| {
        let listed = |word: &str| list.contains(&word) || word.strip_suffix('s').is_some_and(|one| list.contains(&one));
        words.iter().any(|word| listed(word)) || words.windows(2).any(|pair| listed(&pair.concat()))
    };
    let names_thing = match words.as_slice() {
        [.., last] if last == "id" || last == "ids" => true,
        [_, .., last] => last == "number" || last == "numbers",
        _ => false,
    };
    match names_thing {
        _ if says(&PHONE_WORDS) => Meaning::Phone,
        _ if says(&MAIL_WORDS) => Meaning::Email,
        true => Meaning::Identifier,
        false => Meaning::Anything,
    }
}

/// The words of a key in lower case, without accents and without the numbers behind them (`phone2`). The labels of what
/// was hidden in the key are no words of it.
fn words(key: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(key.len());
    let mut previous = ' ';
    let key = key.replace(PHONE, " ").replace(EMAIL, " ");
    let mut letters = key.chars().peekable();
    while let Some(letter) = letters.next() {
        let next_is_small = letters.peek().is_some_and(|next| next.is_lowercase());
        let begins = letter.is_uppercase() && (!previous.is_uppercase() || next_is_small);
        if begins || !letter.is_alphanumeric() {
            spaced.push(' ');
        }
        if letter.is_alphanumeric() {
            spaced.push(letter);
        }
        previous = letter;
    }
    let word = |word: &str| fold(word).trim_end_matches(|letter: char| letter.is_numeric()).to_owned();
    spaced.split(' ').map(word).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_phones_and_mailboxes_are_known_in_any_spelling() {
        for key in [
            "phone",
            "Phone",
            "guest_phone",
            "phoneNumber",
            "phone-2",
            "mobile_phones",
            "whatsApp",
            "WhatsAppNumber",
            "contact_number",
            "callerID",
            "teléfono",
            "TEL",
            "phone_number_id",
        ] {
            assert_eq!(meaning(key), Meaning::Phone, "{key}");
        }
        for key in ["email", "e_mail", "eMail", "E-Mail", "guestEmail", "emails", "mail_to", "email2"] {
            assert_eq!(meaning(key), Meaning::Email, "{key}");
        }
    }

    #[test]
    fn keys_of_identifiers_are_known_and_words_that_only_contain_such_are_not() {
        for key in ["id", "ID", "call_id", "callId", "handoff_ids", "order_number", "orderNumber"] {
            assert_eq!(meaning(key), Meaning::Identifier, "{key}");
        }
        for key in ["paid", "number", "hotel", "mailing", "telling", "automobile", "[email]", "", "42", "idea"] {
            assert_eq!(meaning(key), Meaning::Anything, "{key}");
        }
    }
}
