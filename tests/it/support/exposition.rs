//! Reads the Prometheus text format (0.0.4) and takes no nonsense: what a scraper would let pass is a fault here, so that
//! tests see it first.

use std::collections::{BTreeMap, BTreeSet};

/// A whole scrape.
#[derive(Debug, Default)]
pub struct Exposition {
    families: BTreeMap<String, Family>,
}

/// One metric with all its series.
#[derive(Debug, Default)]
pub struct Family {
    pub help: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    pub samples: Vec<Sample>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Exposition {
    /// Reads a text, or says which line is wrong and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.ends_with('\n') {
            return Err("the last line has no end".to_owned());
        }
        let mut exposition = Self::default();
        let mut current = None;
        for (line, number) in text.lines().zip(1..) {
            exposition.line(line, &mut current).map_err(|why| format!("line {number}: {why}: {line}"))?;
        }
        for (name, family) in &exposition.families {
            family.check(name).map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(exposition)
    }

    fn line(&mut self, line: &str, current: &mut Option<String>) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or("a HELP without text")?;
            if !is_name(name, true) || help.is_empty() {
                return Err("not a metric's name with a text".to_owned());
            }
            if self.families.insert(name.to_owned(), Family { help: help.to_owned(), ..Family::default() }).is_some() {
                return Err("the metric was described before".to_owned());
            }
            *current = Some(name.to_owned());
            return Ok(());
        }
        let name = current.as_ref().ok_or("a line before any HELP")?;
        let family = self.families.get_mut(name).ok_or("no family")?;
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (typed, kind) = rest.split_once(' ').ok_or("a TYPE without a type")?;
            if typed != name || !family.kind.is_empty() || !family.samples.is_empty() {
                return Err("a TYPE that does not follow the HELP of its metric".to_owned());
            }
            if !["counter", "gauge", "histogram"].contains(&kind) {
                return Err("a type that we do not have".to_owned());
            }
            kind.clone_into(&mut family.kind);
            return Ok(());
        }
        let sample = Sample::parse(line)?;
        if family.samples.iter().any(|known| known.name == sample.name && known.labels == sample.labels) {
            return Err("the series stands here twice".to_owned());
        }
        let suffix = sample.name.strip_prefix(name.as_str()).ok_or("a series of another metric")?;
        let fits = match family.kind.as_str() {
            "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
            "" => false,
            _ => suffix.is_empty(),
        };
        if !fits {
            return Err("a series that its metric's type does not have".to_owned());
        }
        family.samples.push(sample);
        Ok(())
    }

    /// The value of the one series with exactly these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: BTreeMap<_, _> = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.samples(name).find(|sample| sample.labels == labels).map(|sample| sample.value)
    }

    /// All series of this name: of a histogram's also by `…_bucket`, `…_sum` and `…_count`.
    pub fn samples(&self, name: &str) -> impl Iterator<Item = &Sample> {
        self.families.values().flat_map(|family| &family.samples).filter(move |sample| sample.name == name)
    }

    /// A metric by its name.
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.get(name)
    }

    /// The names of all metrics.
    pub fn names(&self) -> BTreeSet<&str> {
        self.families.keys().map(String::as_str).collect()
    }

    /// The names of a metric's labels, but for a bucket's bound.
    pub fn labels(&self, name: &str) -> BTreeSet<&str> {
        let samples = self.families.get(name).into_iter().flat_map(|family| &family.samples);
        samples.flat_map(|sample| sample.labels.keys()).map(String::as_str).filter(|label| *label != "le").collect()
    }
}

impl Family {
    fn check(&self, name: &str) -> Result<(), String> {
        match self.kind.as_str() {
            "" => Err("it has no type".to_owned()),
            "counter" if !name.ends_with("_total") => Err("a counter's name ends in _total".to_owned()),
            "counter" if self.samples.iter().any(|sample| sample.value.is_nan() || sample.value < 0.0) => {
                Err("a counter never falls below zero".to_owned())
            }
            "histogram" => self.check_buckets(name),
            _ => Ok(()),
        }
    }

    /// Each series of a histogram has rising buckets, the last without a bound and equal to its count.
    fn check_buckets(&self, name: &str) -> Result<(), String> {
        let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
        for sample in self.samples.iter().filter(|sample| sample.name == format!("{name}_bucket")) {
            let mut labels = sample.labels.clone();
            let bound = labels.remove("le").ok_or("a bucket without a bound")?;
            series.entry(labels).or_default().push((number(&bound)?, sample.value));
        }
        for (labels, buckets) in series {
            let rising = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
            let last = buckets.last().ok_or("no buckets")?;
            let of = |suffix: &str| {
                let name = format!("{name}_{suffix}");
                self.samples.iter().find(|sample| sample.name == name && sample.labels == labels).map(|s| s.value)
            };
            if !rising || last.0 != f64::INFINITY || of("count") != Some(last.1) || of("sum").is_none() {
                return Err(format!("its buckets do not fit together: {labels:?} {buckets:?}"));
            }
        }
        Ok(())
    }
}

impl Sample {
    fn parse(line: &str) -> Result<Self, String> {
        let end = line.find(['{', ' ']).ok_or("no value")?;
        let (name, rest) = line.split_at(end);
        if !is_name(name, true) {
            return Err("not a metric's name".to_owned());
        }
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        let value = rest.strip_prefix(' ').ok_or("no space before the value")?;
        Ok(Self { name: name.to_owned(), labels, value: number(value)? })
    }
}

/// Reads `name="value",…}` and returns what follows.
fn labels(mut rest: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("a label without a value")?;
        if !is_name(name, false) {
            return Err(format!("{name:?} is no label"));
        }
        let (value, after) = quoted(after)?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("{name} stands here twice"));
        }
        match after.split_at_checked(1) {
            Some(("}", after)) => return Ok((labels, after)),
            Some((",", after)) => rest = after,
            _ => return Err("labels that do not end".to_owned()),
        }
    }
}

/// Reads up to the closing quote, and returns what follows it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, escaped @ ('\\' | '"'))) => escaped,
                _ => return Err("an escape that there is not".to_owned()),
            }),
            _ => value.push(char),
        }
    }
    Err("a value that does not end".to_owned())
}

fn number(text: &str) -> Result<f64, String> {
    match text {
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        "NaN" => Ok(f64::NAN),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            text.parse().map_err(|_| format!("{text:?} is no number"))
        }
        _ => Err(format!("{text:?} is no number")),
    }
}

fn is_name(text: &str, of_metric: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (of_metric && c == ':');
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(fits)
}

#[test]
fn nonsense_is_not_read_as_metrics() {
    let good = "# HELP a_total Things\n# TYPE a_total counter\na_total{x=\"1\\n\\\"\",y=\"{}\"} 2\na_total 1e3\n\
                # HELP h Times\n# TYPE h histogram\nh_bucket{le=\"0.1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n";
    let read = Exposition::parse(good).expect("reads");
    assert_eq!(read.value("a_total", &[("x", "1\n\""), ("y", "{}")]), Some(2.0));
    assert_eq!((read.value("a_total", &[]), read.value("h_count", &[])), (Some(1000.0), Some(2.0)));
    assert_eq!((read.names(), read.labels("a_total")), (["a_total", "h"].into(), ["x", "y"].into()));
    assert!(Exposition::parse(good.trim_end()).is_err(), "the last line has no end");
    for (from, to) in [
        ("a_total 1e3", "a_total"),
        ("a_total 1e3", "a_total x"),
        ("a_total 1e3", "a_total -1"),
        ("a_total 1e3", "b_total 1"),
        ("a_total 1e3", "a_total{x=\"1\\n\\\"\",y=\"{}\"} 2"),
        ("a_total 1e3", "a_total{x=1} 2"),
        ("a_total 1e3", "a_total{x=\"1\",x=\"1\"} 2"),
        ("a_total 1e3", "a_total{1=\"1\"} 2"),
        ("a_total 1e3", "a_total{x=\"\\t\"} 2"),
        ("a_total counter", "a_total summary"),
        ("# TYPE a_total counter\n", ""),
        ("# HELP a_total Things\n", ""),
        ("h_count 2", "h_count 3"),
        ("h_sum 3\n", ""),
        ("le=\"0.1\"} 1", "le=\"0.1\"} 3"),
        ("# HELP h Times\n", "# HELP a_total Things\n"),
    ] {
        let bad = good.replace(from, to);
        assert!(Exposition::parse(&bad).is_err(), "{bad}");
    }
}
