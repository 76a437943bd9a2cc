//! Reads variables and gathers what is wrong with them.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    time::Duration,
};

use ipnet::IpNet;
use secrecy::SecretString;
use url::{Host, Url};

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub variable: String,
    /// What is wrong and what to do, without the value if that may be secret.
    pub text: String,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl ConfigError {
    pub(super) fn unreadable_env_file(error: &dotenvy::Error) -> Self {
        // The error of a bad line repeats the line, which may hold a secret.
        let text = match error {
            dotenvy::Error::LineParse(_, position) => {
                format!("a line cannot be read (near character {position} of it)")
            }
            other => other.to_string(),
        };
        Self(vec![Problem { variable: ".env".to_owned(), text }])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        self.0.iter().try_for_each(|Problem { variable, text }| write!(f, "\n  {variable}: {text}"))
    }
}

impl std::error::Error for ConfigError {}

/// The variables, and the problems found so far. Readers return a default after a problem, so that all are found.
pub(super) struct Env {
    vars: HashMap<String, String>,
    /// Names whose values are not UTF-8. One that is asked for is a problem: taken for unset, a `DATABASE_URL` would
    /// silently become a private database.
    unreadable: HashSet<String>,
    asked: RefCell<BTreeSet<String>>,
    problems: Vec<Problem>,
}

impl Env {
    pub(super) fn new(vars: HashMap<String, String>, unreadable: HashSet<String>) -> Self {
        Self { vars, unreadable, asked: RefCell::default(), problems: Vec::new() }
    }

    pub(super) fn problem(&mut self, variable: &str, text: impl Into<String>) {
        let problem = Problem { variable: variable.to_owned(), text: text.into() };
        if !self.problems.contains(&problem) {
            self.problems.push(problem); // some variables are read for several things
        }
    }

    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        for name in self.asked.take() {
            if self.unreadable.contains(&name) {
                self.problem(&name, "the value is not UTF-8 text");
            }
        }
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(self.problems)) }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.vars.get(name).map(|value| value.trim()).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// The variables that begin so and were not asked for.
    pub(super) fn unasked(&self, beginning: &str) -> Vec<String> {
        let asked = self.asked.borrow();
        let mut names: Vec<_> =
            self.vars.keys().filter(|name| name.starts_with(beginning) && !asked.contains(*name)).cloned().collect();
        names.sort_unstable();
        names
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    pub(super) fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// Reads a value by `parse`, whose error says what is wrong with it.
    pub(super) fn read<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(&self.text(name)?) {
            Ok(value) => Some(value),
            Err(text) => {
                self.problem(name, text);
                None
            }
        }
    }

    /// Reads a name and its secret, and says which is missing when only one is there.
    pub(super) fn pair(&mut self, name: &str, secret: &str) -> Option<(String, SecretString)> {
        match (self.text(name), self.secret(secret)) {
            (Some(value), Some(hidden)) => Some((value, hidden)),
            (None, None) => None,
            (Some(_), None) => {
                self.problem(secret, format!("must be given with {name}"));
                None
            }
            (None, Some(_)) => {
                self.problem(name, format!("must be given with {secret}"));
                None
            }
        }
    }

    /// Reports those of `others` that are missing though `name` is set.
    pub(super) fn needs(&mut self, name: &str, others: &[&str]) {
        for other in others.iter().filter(|other| !self.is_set(other)).copied().collect::<Vec<_>>() {
            self.problem(other, format!("must be given with {name}"));
        }
    }

    /// Reads the file that a variable names.
    pub(super) fn file<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.read(name, |path| {
            let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read the file: {error}"))?;
            parse(&text)
        })
    }

    pub(super) fn number(&mut self, name: &str, range: std::ops::RangeInclusive<u32>, default: u32) -> u32 {
        let (low, high) = (*range.start(), *range.end());
        let parse = |text: &str| {
            text.parse().ok().filter(|number| range.contains(number)).ok_or(format!("a number from {low} to {high}"))
        };
        self.read(name, parse).unwrap_or(default)
    }

    pub(super) fn duration(&mut self, name: &str, default: Duration) -> Duration {
        self.read(name, parse_duration).unwrap_or(default)
    }

    pub(super) fn switch(&mut self, name: &str, default: bool) -> bool {
        let parse = |text: &str| match text.to_ascii_lowercase().as_str() {
            "on" | "true" => Ok(true),
            "off" | "false" => Ok(false),
            _ => Err("on or off".to_owned()),
        };
        self.read(name, parse).unwrap_or(default)
    }
}

/// Reads the address of a system that gets our credentials: `https:`, or `http:` to this machine.
pub(super) fn secure_url(text: &str) -> Result<Url, String> {
    let url = base_url(text)?;
    if is_secure(&url) { Ok(url) } else { Err("an https: URL (http: only to this machine)".to_owned()) }
}

/// Whether credentials may be sent to a URL: by `https:`, or by `http:` within this machine.
pub(super) fn is_secure(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && local)
}

/// Reads an absolute `http:` or `https:` URL without user or fragment.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let fits = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    };
    Url::parse(text).ok().filter(fits).ok_or_else(|| "an absolute URL such as https://api.example.com".to_owned())
}

/// Reads a duration: seconds, or a number with the unit `s`, `m`, `h` or `d`. At least a second, at most a year.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds_per_unit: u64 = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("a duration such as 30, 30s, 5m, 2h or 1d".to_owned()),
    };
    let seconds = digits.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(seconds_per_unit));
    seconds
        .filter(|seconds| (1..=366 * 86_400).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "a duration from 1s to a year, such as 30, 30s, 5m, 2h or 1d".to_owned())
}

/// Reads networks, comma separated.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let network =
        |text: &str| text.trim().parse().map_err(|_| format!("{:?} is not a network such as 10.0.0.0/8", text.trim()));
    text.split(',').map(network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_unless_a_unit_is_given() {
        let seconds = |text| parse_duration(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("5m"), Ok(300));
        assert_eq!(seconds("48h"), Ok(172_800));
        assert_eq!(seconds("1d"), Ok(86_400));
        for bad in ["", "m", "-1", "1.5h", "0", "5 weeks", "99999999999999999999d", "1é"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
