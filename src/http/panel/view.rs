//! How values look on pages: times people grasp at a glance, with the exact one on hover; numbers; lengths.

use chrono::{DateTime, TimeDelta, Utc};
use minijinja::{Environment, Error, ErrorKind, State, Value, value::Kwargs};

use super::assets;

/// Adds the filters and functions of the templates.
pub fn register(environment: &mut Environment<'_>) {
    environment.add_filter("ago", ago);
    environment.add_filter("moment", moment);
    environment.add_filter("millis", millis);
    environment.add_filter("seconds", seconds);
    environment.add_filter("clock", clock);
    environment.add_filter("number", number);
    environment.add_filter("percent", percent);
    environment.add_filter("pretty", pretty);
    environment.add_function("asset", asset);
    environment.add_function("with_query", with_query);
}

/// A time, relative to the page's own: "3 min ago", "in 2 h".
fn ago(state: &State, at: &Value) -> Result<Value, Error> {
    let Some(at) = time(at)? else { return Ok(Value::from("–")) };
    let now = time(&state.lookup("now").unwrap_or_default())?.unwrap_or(at);
    Ok(element(at, &relative(at - now)))
}

/// A time to the minute, in UTC.
fn moment(at: &Value) -> Result<Value, Error> {
    let Some(at) = time(at)? else { return Ok(Value::from("–")) };
    Ok(element(at, &at.format("%-d %b %Y, %H:%M").to_string()))
}

fn element(at: DateTime<Utc>, text: &str) -> Value {
    let (machine, exact) = (at.format("%Y-%m-%dT%H:%M:%SZ"), at.format("%A, %-d %B %Y, %H:%M:%S UTC"));
    Value::from_safe_string(format!("<time datetime=\"{machine}\" title=\"{exact}\">{text}</time>"))
}

fn time(value: &Value) -> Result<Option<DateTime<Utc>>, Error> {
    if value.is_none() || value.is_undefined() {
        return Ok(None);
    }
    let text = value.as_str().unwrap_or_default();
    let parsed = DateTime::parse_from_rfc3339(text);
    let parsed = parsed.map_err(|error| Error::new(ErrorKind::InvalidOperation, "not a time").with_source(error))?;
    Ok(Some(parsed.to_utc()))
}

/// How far away a time is, in words.
fn relative(distance: TimeDelta) -> String {
    let length = distance.abs();
    let (minutes, hours, days) = (length.num_minutes(), length.num_hours(), length.num_days());
    let words = match length.num_seconds() {
        0..5 => return "now".to_owned(),
        seconds @ 5..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..172_800 => format!("{hours} h"),
        _ if days < 60 => format!("{days} days"),
        _ if days < 730 => format!("{} months", days / 30),
        _ => format!("{} years", days / 365),
    };
    if distance < TimeDelta::zero() { format!("{words} ago") } else { format!("in {words}") }
}

/// A length given in milliseconds.
fn millis(value: Value) -> Result<String, Error> {
    if value.is_none() {
        return Ok("–".to_owned());
    }
    let millis = f64::try_from(value)?;
    Ok(if millis < 1000.0 { format!("{millis:.0} ms") } else { length(millis / 1000.0) })
}

/// A length given in seconds.
fn seconds(value: Value) -> Result<String, Error> {
    if value.is_none() { Ok("–".to_owned()) } else { Ok(length(f64::try_from(value)?)) }
}

#[expect(clippy::cast_possible_truncation, reason = "lengths of people's doings")]
fn length(seconds: f64) -> String {
    let whole = seconds.round() as i64;
    match whole {
        _ if seconds < 0.0995 => format!("{:.0} ms", seconds * 1000.0),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 if whole % 60 == 0 => format!("{} min", whole / 60),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A place in a conversation, given in milliseconds: "12:05".
fn clock(millis: i64) -> String {
    let seconds = millis / 1000;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds % 3600 / 60, seconds % 60),
    }
}

/// A count, with thin spaces between thousands.
fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = if value < 0 { "−".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A share of one, in hundredths: never 100 % while something is missing.
fn percent(value: Value) -> Result<String, Error> {
    if value.is_none() {
        return Ok("–".to_owned());
    }
    let share = f64::try_from(value)? * 100.0;
    Ok(match share {
        100.0.. => "100 %".to_owned(),
        99.0.. => format!("{:.1} %", (share * 10.0).floor() / 10.0),
        _ => format!("{share:.0} %"),
    })
}

/// JSON as people read it.
fn pretty(value: &Value) -> Result<String, Error> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, "not JSON").with_source(error))
}

fn asset(file: &str) -> Result<Value, Error> {
    assets::url(file)
        .map(Value::from_safe_string)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("there is no asset {file}")))
}

/// A URL with parameters; those that are none or empty are left out: `with_query(here, status="failed")`.
#[expect(clippy::needless_pass_by_value, reason = "the signature that functions of templates have")]
fn with_query(path: &str, parameters: Kwargs) -> Result<String, Error> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for name in parameters.args() {
        let value: Value = parameters.get(name)?;
        let text = if value.is_none() || value.is_undefined() { String::new() } else { value.to_string() };
        if !text.is_empty() {
            query.append_pair(name, &text);
        }
    }
    let query = query.finish();
    Ok(if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let told = [(2, "now"), (-40, "40 s ago"), (-200, "3 min ago"), (7200, "in 2 h"), (-86_400 * 3, "3 days ago")];
        for (seconds, words) in told {
            assert_eq!(relative(TimeDelta::seconds(seconds)), words);
        }
    }

    #[test]
    fn a_share_is_whole_only_when_nothing_is_missing() {
        let told = [(1.0, "100 %"), (0.999_99, "99.9 %"), (0.5, "50 %"), (0.0, "0 %")];
        for (share, words) in told {
            assert_eq!(percent(Value::from(share)).unwrap(), words);
        }
        assert_eq!(percent(Value::from(())).unwrap(), "–");
    }

    #[test]
    fn lengths_and_counts_keep_to_what_matters() {
        let lengths = [(0.012, "12 ms"), (1.26, "1.3 s"), (59.2, "59 s"), (125.0, "2 min 5 s"), (7380.0, "2 h 3 min")];
        for (seconds, words) in lengths {
            assert_eq!(length(seconds), words);
        }
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!((clock(725_000), clock(3_725_000)), ("12:05".to_owned(), "1:02:05".to_owned()));
    }
}
