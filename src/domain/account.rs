//! Which customer a call was with, when the CRM does not say: from the parties' e-mail domains, or from the title.

use super::{
    call::{Call, Side},
    tokens::fold,
};

/// Domains that anybody can have a mailbox at.
const FREE_MAIL: &[&str] = &[
    "aol.com",
    "gmail.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "me.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "web.de",
    "yahoo.com",
    "yahoo.es",
];
/// Second labels that belong to the ending (`co.uk`, `com.mx`), not to the name.
const SHARED_LABELS: &[&str] = &["ac", "co", "com", "edu", "gob", "gov", "net", "org"];
/// What stands between two companies in a title.
const BETWEEN_COMPANIES: &[&str] = &["<>", "<->", "↔", " x ", " // ", " / ", " & ", " + "];
/// What ends a company's name in a title.
const AFTER_COMPANY: &[&str] = &[":", " - ", " – ", " — ", " | ", "("];

/// The e-mail domains of the customer's people, without those where anybody has a mailbox.
#[must_use]
pub fn customer_domains(call: &Call) -> Vec<String> {
    let ours = domains(call, |side| side == Side::Ours);
    let mut theirs = domains(call, |side| side == Side::Theirs);
    if theirs.is_empty() {
        theirs = domains(call, |side| side == Side::Unknown);
    }
    theirs.retain(|domain| !ours.contains(domain) && !FREE_MAIL.contains(&domain.as_str()));
    theirs
}

/// The name a domain suggests, spelt as in the title where it stands there.
#[must_use]
pub fn name_of_domain(domain: &str, title: Option<&str>) -> Option<String> {
    let label = main_label(domain)?;
    let spelt = title.and_then(|title| spelling_in(title, &plain(&label)));
    Some(spelt.unwrap_or_else(|| capitalised(&label)))
}

/// The other company in a title such as "Us <> Them: kick-off"; `None` where a title does not tell.
#[must_use]
pub fn name_in_title(call: &Call) -> Option<String> {
    let title = call.title.as_deref()?;
    let (one, other) = BETWEEN_COMPANIES.iter().find_map(|between| title.split_once(between))?;
    let ours: Vec<String> = domains(call, |side| side == Side::Ours)
        .iter()
        .filter_map(|domain| Some(plain(&main_label(domain)?)))
        .collect();
    let is_ours = |name: &str| ours.iter().any(|label| plain(name).starts_with(label.as_str()));
    let name = |side: &str| {
        let end = AFTER_COMPANY.iter().filter_map(|mark| side.find(mark)).min().unwrap_or(side.len());
        let name = side[..end].trim();
        (!name.is_empty()).then(|| name.to_owned())
    };
    let (one, other) = (name(one)?, name(other)?);
    match (is_ours(&one), is_ours(&other)) {
        (true, false) => Some(other),
        (false, true) => Some(one),
        // A host writes the guest's name first as often as not: without a hint nobody can tell.
        _ => None,
    }
}

fn domains(call: &Call, wanted: fn(Side) -> bool) -> Vec<String> {
    let mut domains: Vec<String> = call
        .parties
        .iter()
        .filter(|party| wanted(party.side))
        .filter_map(|party| party.email.as_deref()?.rsplit_once('@'))
        .map(|(_, domain)| domain.trim().to_lowercase())
        .filter(|domain| domain.contains('.'))
        .collect();
    domains.dedup();
    domains
}

/// `halden-freight` of `mail.halden-freight.co.uk`.
fn main_label(domain: &str) -> Option<String> {
    let labels: Vec<&str> = domain.split('.').filter(|label| !label.is_empty()).collect();
    let ending = match labels.as_slice() {
        [_, .., second, last] if labels.len() >= 3 && last.len() == 2 && SHARED_LABELS.contains(second) => 2,
        [_, ..] => 1,
        [] => return None,
    };
    labels.len().checked_sub(ending + 1).map(|index| labels[index].to_owned())
}

/// The words of a title that, run together, are the label.
fn spelling_in(title: &str, label: &str) -> Option<String> {
    let words: Vec<&str> = title.split_whitespace().collect();
    (0..words.len()).find_map(|start| {
        let mut run = String::new();
        for end in start..words.len() {
            run.push_str(&plain(words[end]));
            if run == label {
                let spelt = words[start..=end].join(" ");
                return Some(spelt.trim_matches(|c: char| !c.is_alphanumeric()).to_owned());
            }
            if run.len() >= label.len() {
                return None;
            }
        }
        None
    })
}

fn capitalised(label: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    label.split(['-', '_']).filter_map(word).collect::<Vec<_>>().join(" ")
}

/// Letters and digits only, so that spellings of one name compare equal.
fn plain(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::Party;

    fn call(title: &str, parties: &[(&str, Side)]) -> Call {
        let party =
            |(email, side): &(&str, Side)| Party { email: Some((*email).to_owned()), side: *side, ..Party::default() };
        Call { title: Some(title.to_owned()), parties: parties.iter().map(party).collect(), ..Call::default() }
    }

    #[test]
    fn the_customers_domain_is_neither_ours_nor_free_mail() {
        let parties = [("a@us.example", Side::Ours), ("b@gmail.com", Side::Theirs), ("c@halden.example", Side::Theirs)];
        assert_eq!(customer_domains(&call("x", &parties)), ["halden.example"]);
        let unsure = [("a@us.example", Side::Ours), ("b@us.example", Side::Unknown), ("c@them.example", Side::Unknown)];
        assert_eq!(customer_domains(&call("x", &unsure)), ["them.example"]);
    }

    #[test]
    fn a_domain_suggests_a_name_and_the_title_its_spelling() {
        assert_eq!(name_of_domain("halden-freight.co.uk", None).unwrap(), "Halden Freight");
        assert_eq!(name_of_domain("mail.halden.example", None).unwrap(), "Halden");
        let title = Some("Renovación: Clínica Valdoria, febrero");
        assert_eq!(name_of_domain("clinicavaldoria.example", title).unwrap(), "Clínica Valdoria");
    }

    #[test]
    fn a_title_names_the_customer_only_where_it_also_names_us() {
        let us = [("a@brindle.example", Side::Ours)];
        assert_eq!(name_in_title(&call("Brindle <> Ostrava Tools: kick-off", &us)).unwrap(), "Ostrava Tools");
        assert_eq!(name_in_title(&call("Ostrava Tools / Brindle - QBR", &us)).unwrap(), "Ostrava Tools");
        assert_eq!(name_in_title(&call("Research & development", &us)), None);
        assert_eq!(name_in_title(&call("Weekly", &us)), None);
        assert_eq!(name_in_title(&call("<>", &us)), None);
    }
}
