//! Families of metrics, each with its help, its type and its rows.

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, GaugeVec, Opts, TextEncoder};

/// The families, in their order.
#[derive(Debug, Default)]
pub(super) struct Families {
    families: Vec<MetricFamily>,
    /// The first error.
    error: Option<prometheus::Error>,
}

impl Families {
    /// Adds a family of values that go up and down. Without rows, it is left out.
    pub(super) fn gauge<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str; N],
        rows: impl IntoIterator<Item = ([&'a str; N], f64)>,
    ) {
        let add = || {
            let family = GaugeVec::new(Opts::new(name, help), labels)?;
            for (values, number) in rows {
                family.get_metric_with_label_values(&values)?.set(number);
            }
            Ok(family.collect())
        };
        self.add(add());
    }

    /// Adds a family of counts that only grow while the program runs.
    pub(super) fn counter<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str; N],
        rows: impl IntoIterator<Item = ([&'a str; N], f64)>,
    ) {
        let add = || {
            let family = CounterVec::new(Opts::new(name, help), labels)?;
            for (values, number) in rows {
                family.get_metric_with_label_values(&values)?.inc_by(number);
            }
            Ok(family.collect())
        };
        self.add(add());
    }

    fn add(&mut self, collected: prometheus::Result<Vec<MetricFamily>>) {
        match collected {
            Ok(families) => {
                let with_rows = families.into_iter().filter(|one| !one.get_metric().is_empty());
                self.families.extend(with_rows);
            }
            Err(error) => _ = self.error.get_or_insert(error),
        }
    }

    /// Returns all families as text.
    pub(super) fn text(self) -> prometheus::Result<String> {
        match self.error {
            Some(error) => Err(error),
            None => TextEncoder::new().encode_to_string(&self.families),
        }
    }
}
