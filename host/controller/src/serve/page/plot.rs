//! The plot of flagged events over time, as SVG.

use anyhow::anyhow;
use plotters::prelude::*;
use threatsieve_blacklist::Timestamp;

use crate::store::matches::Bar;
use crate::text::{day, grouped};

/// Days that are shown, the present one included.
pub(super) const DAYS: usize = 30;
pub(super) const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
const SIZE: (u32, u32) = (560, 150);

/// One day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DayCount {
    /// `2026-11-29`
    pub(super) day: String,
    pub(super) events: u64,
    pub(super) historic: u64,
}

/// Returns the start of the first day that is shown.
pub(super) fn first_day(now: Timestamp) -> Timestamp {
    let today = now.0 - now.0.rem_euclid(DAY_MICROS);
    Timestamp(today - (DAYS as i64 - 1) * DAY_MICROS)
}

/// Returns all days with their counts.
pub(super) fn days(bars: &[Bar], now: Timestamp) -> Vec<DayCount> {
    let first = first_day(now);
    let one = |number: usize| {
        let start = Timestamp(first.0 + number as i64 * DAY_MICROS);
        let bar = bars.iter().find(|bar| bar.start == start);
        DayCount {
            day: day(start),
            events: bar.map_or(0, |bar| bar.events),
            historic: bar.map_or(0, |bar| bar.historic),
        }
    };
    (0..DAYS).map(one).collect()
}

/// Draws the days. The style sheet sets the colours.
pub(super) fn draw(days: &[DayCount]) -> anyhow::Result<String> {
    let highest = days.iter().map(|day| day.events).max().unwrap_or(0).max(4);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(4)
            .x_label_area_size(22)
            .y_label_area_size(46)
            .build_cartesian_2d(0.0..days.len() as f64, 0..highest + highest / 10 + 1)
            .map_err(|error| anyhow!("{error}"))?;
        let name = |at: &f64| {
            let found = days.get(at.floor().max(0.0) as usize);
            found.and_then(|one| one.day.get(5..)).unwrap_or_default().to_owned()
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_labels(7)
            .x_label_formatter(&name)
            .y_labels(4)
            .y_label_formatter(&|count| grouped(*count))
            .draw()
            .map_err(|error| anyhow!("{error}"))?;
        let bar = |(at, day): (usize, &DayCount)| {
            let (left, right) = (at as f64 + 0.12, at as f64 + 0.88);
            Rectangle::new([(left, 0), (right, day.events)], BLUE.filled())
        };
        chart
            .draw_series(days.iter().enumerate().filter(|(_, day)| day.events > 0).map(bar))
            .map_err(|error| anyhow!("{error}"))?;
        area.present().map_err(|error| anyhow!("{error}"))?;
    }
    Ok(svg)
}
