//! Reads the service's own metrics from the text that Prometheus scrapes, so that the operator's
//! page shows the same numbers.

/// The samples of a Prometheus exposition (text format, version 0.0.4).
pub struct MetricsReader<'a> {
    text: &'a str,
}

/// One sample.
pub struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    /// The sample's value.
    pub value: f64,
}

impl Sample<'_> {
    /// Returns the value of a label, unescaped.
    pub fn label(&self, name: &str) -> Option<String> {
        let start = self.labels.find(&format!("{name}=\""))? + name.len() + 2;
        let mut value = String::new();
        let mut escaped = false;
        for c in self.labels.get(start..)?.chars() {
            match (escaped, c) {
                (true, 'n') => value.push('\n'),
                (true, c) => value.push(c),
                (false, '"') => return Some(value),
                (false, '\\') => {}
                (false, c) => value.push(c),
            }
            escaped = !escaped && c == '\\';
        }
        None
    }
}

impl<'a> MetricsReader<'a> {
    /// Reads a rendered exposition.
    pub const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// Returns every sample of a metric.
    pub fn of(&self, name: &'static str) -> impl Iterator<Item = Sample<'a>> + use<'a> {
        let samples = self.text.lines().filter_map(sample);
        samples.filter(move |sample| sample.name == name)
    }

    /// Returns the value of the first sample whose `label` is `value`; 0 if there is none.
    pub fn one(&self, name: &'static str, label: &str, value: &str) -> f64 {
        let mut samples = self.of(name);
        let found = samples.find(|sample| sample.label(label).as_deref() == Some(value));
        found.map_or(0.0, |sample| sample.value)
    }

    /// Returns the distinct values of a metric's label, sorted.
    pub fn labels(&self, name: &'static str, label: &str) -> Vec<String> {
        let samples = self.of(name);
        let mut values: Vec<String> = samples.filter_map(|sample| sample.label(label)).collect();
        values.sort();
        values.dedup();
        values
    }
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let (series, value) = line.rsplit_once(' ')?;
    if line.starts_with('#') {
        return None;
    }
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels),
        None => (series, ""),
    };
    let value = value.parse().ok()?;
    Some(Sample {
        name,
        labels,
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_label() {
        let text = "# TYPE a counter\na{webhook=\"look\\\"up\",reason=\"SUCCESS\"} 3\n\
                    a{webhook=\"other\",reason=\"TIMEOUT\"} 1\nab 7\n";
        let metrics = MetricsReader::new(text);
        assert_eq!(metrics.of("a").count(), 2);
        assert_eq!(metrics.one("a", "reason", "SUCCESS"), 3.0);
        assert_eq!(metrics.one("a", "reason", "HTTP_STATUS"), 0.0);
        assert_eq!(metrics.labels("a", "webhook"), ["look\"up", "other"]);
        assert_eq!(
            metrics.of("ab").next().map(|sample| sample.value),
            Some(7.0)
        );
    }
}
