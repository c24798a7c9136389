//! A strict reader of the OpenMetrics text format: what a monitoring system may refuse is refused here.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a series.
pub(super) type Labels = BTreeMap<String, String>;

/// What one scrape answered.
#[derive(Debug)]
pub(super) struct Scrape {
    pub(super) text: String,
    pub(super) families: BTreeMap<String, Family>,
}

/// A metric with its series.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) kind: String,
    pub(super) help: String,
    unit: Option<String>,
    samples: Vec<(String, Labels, f64)>,
}

impl Scrape {
    #[track_caller]
    pub(super) fn read(text: &str) -> Self {
        match families(text) {
            Ok(families) => Self {
                text: text.to_owned(),
                families,
            },
            Err(problem) => panic!("{problem}\n{text}"),
        }
    }

    /// The value of the series with just these labels, by the name it has in the text; `None` if there is no such.
    pub(super) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.families
            .values()
            .flat_map(|family| &family.samples)
            .find(|(sample, own, _)| sample == name && *own == labels)
            .map(|(_, _, value)| *value)
    }

    #[track_caller]
    pub(super) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels)
            .unwrap_or_else(|| panic!("no {name} {labels:?} in\n{}", self.text))
    }

    /// The labels of every series of a name.
    pub(super) fn series(&self, name: &str) -> Vec<&Labels> {
        let samples = self.families.values().flat_map(|family| &family.samples);
        samples
            .filter(|(sample, _, _)| sample == name)
            .map(|(_, labels, _)| labels)
            .collect()
    }

    /// The names of a metric's labels; `le` is the format's own.
    pub(super) fn label_names(&self, family: &str) -> BTreeSet<&str> {
        let samples = &self.families[family].samples;
        let names = samples.iter().flat_map(|(_, labels, _)| labels.keys());
        names
            .map(String::as_str)
            .filter(|name| *name != "le")
            .collect()
    }

    /// The sum of all series of a name.
    pub(super) fn sum(&self, name: &str) -> f64 {
        let samples = self.families.values().flat_map(|family| &family.samples);
        samples
            .filter(|(sample, _, _)| sample == name)
            .map(|(_, _, value)| value)
            .sum()
    }
}

type Read<T> = Result<T, String>;

fn families(text: &str) -> Read<BTreeMap<String, Family>> {
    let body = text
        .strip_suffix("# EOF\n")
        .ok_or("it does not end with # EOF")?;
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in body.split_terminator('\n') {
        if let Some(rest) = line.strip_prefix("# ") {
            describe(rest, &mut families, &mut current)
                .map_err(|what| format!("{what}: {line}"))?;
            continue;
        }
        let (name, labels, value) = sample(line).map_err(|what| format!("{what}: {line}"))?;
        let of = current
            .as_ref()
            .ok_or(format!("a sample before its metric: {line}"))?;
        let family = families.get_mut(of).ok_or("lost")?;
        let suffix = name
            .strip_prefix(of.as_str())
            .ok_or(format!("a sample among those of {of}: {line}"))?;
        let suffixes: &[&str] = match family.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_count", "_sum"],
            "info" => &["_info"],
            other => return Err(format!("{of} has the type {other}")),
        };
        if !suffixes.contains(&suffix) {
            return Err(format!("a {} has no {suffix}: {line}", family.kind));
        }
        if labels.contains_key("le") != (suffix == "_bucket") {
            return Err(format!("le is for buckets: {line}"));
        }
        if matches!(family.kind.as_str(), "counter" | "histogram" | "info") && value < 0.0 {
            return Err(format!("less than nothing: {line}"));
        }
        if family
            .samples
            .iter()
            .any(|(other, own, _)| *other == name && *own == labels)
        {
            return Err(format!("a series twice: {line}"));
        }
        family.samples.push((name, labels, value));
    }
    for (name, family) in &families {
        whole(name, family)?;
    }
    Ok(families)
}

/// A line of HELP, TYPE or UNIT: each once, before the samples, all in one block.
fn describe(
    rest: &str,
    families: &mut BTreeMap<String, Family>,
    current: &mut Option<String>,
) -> Read<()> {
    let mut words = rest.splitn(3, ' ');
    let (Some(what), Some(name), Some(text)) = (words.next(), words.next(), words.next()) else {
        return Err("a comment that is none".to_owned());
    };
    is_name(name)?;
    if what == "HELP" {
        if families.contains_key(name) {
            return Err("a metric twice".to_owned());
        }
        let help = text.to_owned();
        families.insert(
            name.to_owned(),
            Family {
                help,
                ..Family::default()
            },
        );
        *current = Some(name.to_owned());
        return Ok(());
    }
    let family = match current {
        Some(of) if of == name => families.get_mut(name).ok_or("lost")?,
        _ => return Err("not of this metric".to_owned()),
    };
    if !family.samples.is_empty() {
        return Err("after the samples".to_owned());
    }
    match what {
        "TYPE" if family.kind.is_empty() => text.clone_into(&mut family.kind),
        "UNIT" if family.unit.is_none() && name.ends_with(&format!("_{text}")) => {
            family.unit = Some(text.to_owned());
        }
        _ => return Err("out of place".to_owned()),
    }
    Ok(())
}

fn sample(line: &str) -> Read<(String, Labels, f64)> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    is_name(name)?;
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").ok_or("a label without a value")?;
            is_name(label)?;
            let (value, after) = quoted(after)?;
            if labels.insert(label.to_owned(), value).is_some() {
                return Err("a label twice".to_owned());
            }
            if let Some(after) = after.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = after.strip_prefix(',').ok_or("no comma")?;
        }
    }
    let number = rest.strip_prefix(' ').ok_or("no space before the value")?;
    let plain = |c: char| c.is_ascii_digit() || ".-+eE".contains(c);
    if !number.chars().all(plain) {
        return Err("not a plain number".to_owned());
    }
    let value = number.parse().map_err(|_| "not a number")?;
    Ok((name.to_owned(), labels, value))
}

/// Up to the closing quote, and what is behind it.
fn quoted(text: &str) -> Read<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                _ => return Err("an unknown escape".to_owned()),
            },
            c if c.is_control() => return Err("a control character".to_owned()),
            c => value.push(c),
        }
    }
    Err("a value without an end".to_owned())
}

fn is_name(name: &str) -> Read<()> {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    if name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
        Ok(())
    } else {
        Err(format!("{name:?} is no name"))
    }
}

/// A type, a help, samples; seconds and bytes with their unit; of a histogram whole series.
fn whole(name: &str, family: &Family) -> Read<()> {
    if !name.starts_with("reprieve_") {
        return Err(format!("{name} is not named after us"));
    }
    if family.kind.is_empty() || family.help.is_empty() || family.samples.is_empty() {
        return Err(format!("{name} lacks type, help or samples"));
    }
    for unit in ["seconds", "bytes"] {
        if name.ends_with(&format!("_{unit}")) != (family.unit.as_deref() == Some(unit)) {
            return Err(format!("{name} has the unit {:?}", family.unit));
        }
    }
    if family.kind != "histogram" {
        return Ok(());
    }
    let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    let mut sums = BTreeSet::new();
    for (sample, labels, value) in &family.samples {
        let mut labels = labels.clone();
        match labels.remove("le") {
            Some(le) => {
                let le = if le == "+Inf" {
                    f64::INFINITY
                } else {
                    le.parse().map_err(|_| le)?
                };
                series.entry(labels).or_default().push((le, *value));
            }
            None if sample.ends_with("_count") => drop(counts.insert(labels, *value)),
            None => drop(sums.insert(labels)),
        }
    }
    for (labels, buckets) in &series {
        let rising = buckets
            .windows(2)
            .all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
        let last = buckets.last().copied();
        if !rising || last.map(|(le, _)| le) != Some(f64::INFINITY) {
            return Err(format!("{name} {labels:?} has the buckets {buckets:?}"));
        }
        if counts.get(labels).copied() != last.map(|(_, count)| count) || !sums.contains(labels) {
            return Err(format!("{name} {labels:?} does not add up"));
        }
    }
    if counts.len() != series.len() || sums.len() != series.len() {
        return Err(format!("{name} has counts without buckets"));
    }
    Ok(())
}

#[test]
fn the_reader_takes_what_is_right_and_refuses_the_rest() {
    let right = "# HELP reprieve_a_seconds A.\n# TYPE reprieve_a_seconds histogram\n# UNIT reprieve_a_seconds seconds\n\
        reprieve_a_seconds_sum{r=\"x \\\"\\\\\"} 0.5\nreprieve_a_seconds_count{r=\"x \\\"\\\\\"} 2\n\
        reprieve_a_seconds_bucket{le=\"1.0\",r=\"x \\\"\\\\\"} 1\nreprieve_a_seconds_bucket{le=\"+Inf\",r=\"x \\\"\\\\\"} 2\n\
        # HELP reprieve_b B.\n# TYPE reprieve_b counter\nreprieve_b_total 1\n# EOF\n";
    let read = families(right).unwrap();
    assert_eq!(read.len(), 2);
    for (what, instead) in [
        ("# EOF\n", ""),
        ("# EOF\n", "# EOF\n\n"),
        ("# HELP reprieve_b B.\n", "\n# HELP reprieve_b B.\n"),
        ("# TYPE reprieve_b counter\n", ""),
        ("reprieve_b_total 1", "reprieve_b 1"),
        ("reprieve_b_total 1", "reprieve_b_total -1"),
        ("reprieve_b_total 1", "reprieve_b_total one"),
        (
            "reprieve_b_total 1",
            "reprieve_b_total 1\nreprieve_b_total 2",
        ),
        ("reprieve_b_total 1", "reprieve_b_total{x=\"1} 1"),
        ("reprieve_b_total 1", "reprieve_b_total{x=\"1\",x=\"2\"} 1"),
        ("reprieve_b_total 1", "reprieve_b_total{é=\"1\"} 1"),
        ("reprieve_b_total 1\n", ""),
        ("# UNIT reprieve_a_seconds seconds\n", ""),
        ("_count{r=\"x \\\"\\\\\"} 2", "_count{r=\"x \\\"\\\\\"} 3"),
        ("le=\"+Inf\"", "le=\"2.0\""),
        (
            "le=\"1.0\",r=\"x \\\"\\\\\"} 1",
            "le=\"1.0\",r=\"x \\\"\\\\\"} 7",
        ),
    ] {
        let wrong = right.replacen(what, instead, 1);
        assert_ne!(wrong, right, "{what}");
        assert!(families(&wrong).is_err(), "{wrong}");
    }
}
