//! Charts over time: stacked bars and lines, one path for each series, so that a page of many
//! bars stays small. Their heights are stretched to the box; widths are in units of a bar.

use maud::{Markup, html};

/// Height of a chart in its own units, and in pixels.
const HEIGHT: u64 = 120;
/// Width of a bar, of which the last unit is the gap.
const BAR: usize = 10;

/// One series of a chart: its class in the style sheet, and a number for each bar.
pub(crate) struct ChartSeries {
    pub(crate) class: &'static str,
    pub(crate) values: Vec<u64>,
}

/// Draws bars on top of each other: the highest piles first, and lower ones over them.
pub(crate) fn stacked(label: &str, series: &[ChartSeries]) -> Markup {
    let bars = series.iter().map(|one| one.values.len()).max().unwrap_or(0);
    let most = highest(series, bars);
    let mut pile = vec![(0, 0); bars];
    let mut paths: Vec<(&str, String)> = series
        .iter()
        .map(|one| (one.class, bar_path(&one.values, &mut pile, most)))
        .collect();
    paths.reverse();
    let drawn = html! { @for (class, path) in paths { path class=(class) d=(path) {} } };
    frame(label, bars, drawn)
}

/// Returns the height of the highest pile of bars.
pub(crate) fn highest(series: &[ChartSeries], bars: usize) -> u64 {
    let pile = |bar: usize| -> u64 { series.iter().filter_map(|one| one.values.get(bar)).sum() };
    (0..bars).map(pile).max().unwrap_or(0)
}

/// Draws a line for each series; a bar without a number is a gap.
pub(crate) fn lines(label: &str, series: &[(&'static str, Vec<Option<u64>>)]) -> Markup {
    let bars = series
        .iter()
        .map(|(_, values)| values.len())
        .max()
        .unwrap_or(0);
    let all = series
        .iter()
        .flat_map(|(_, values)| values.iter().flatten());
    let most = all.copied().max().unwrap_or(0);
    let paths: Vec<(&str, String)> = series
        .iter()
        .map(|(class, values)| (*class, line_path(values, most)))
        .collect();
    frame(
        label,
        bars,
        html! {
            @for (class, path) in paths { path class={ "line " (class) } d=(path) {} }
        },
    )
}

fn frame(label: &str, bars: usize, paths: Markup) -> Markup {
    let width = bars.max(1) * BAR;
    html! {
        svg.chart role="img" aria-label=(label) viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" { (paths) }
    }
}

/// Returns a number's height.
fn height(value: u64, most: u64) -> u64 {
    let height = u128::from(value) * u128::from(HEIGHT) / u128::from(most.max(1));
    u64::try_from(height).unwrap_or(HEIGHT)
}

/// Returns the outline of the piles so far. `piles`: of each bar the sum and its height.
fn bar_path(values: &[u64], piles: &mut [(u64, u64)], most: u64) -> String {
    let mut path = format!("M0 {HEIGHT}");
    for (value, (sum, tall)) in values.iter().zip(piles) {
        if *value > 0 {
            *sum += value;
            // One failure among a thousand calls is seen, too.
            *tall = height(*sum, most).max(*tall + 1);
        }
        if *tall == 0 {
            path.push_str(&format!("h{BAR}"));
        } else {
            path.push_str(&format!("v-{tall}h{}v{tall}h1", BAR - 1));
        }
    }
    path
}

/// Returns steps, each as wide as a bar.
fn line_path(values: &[Option<u64>], most: u64) -> String {
    let mut path = String::new();
    let mut at = None;
    for (bar, value) in values.iter().enumerate() {
        let Some(value) = value else {
            at = None;
            continue;
        };
        let y = HEIGHT - height(*value, most);
        let step = match at {
            None => format!("M{} {y}", bar * BAR),
            Some(before) if before == y => String::new(),
            Some(before) if before > y => format!("v-{}", before - y),
            Some(before) => format!("v{}", y - before),
        };
        path.push_str(&step);
        path.push_str(&format!("h{BAR}"));
        at = Some(y);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_each_other_and_one_among_many_is_seen() {
        let series = |class, values: &[u64]| ChartSeries {
            class,
            values: values.to_vec(),
        };
        let all = [series("good", &[1_000, 60]), series("bad", &[1, 60])];
        let drawn = stacked("Calls", &all).into_string();
        let good = "<path class=\"good\" d=\"M0 120v-119h9v119h1v-7h9v7h1\">";
        let bad = "<path class=\"bad\" d=\"M0 120v-120h9v120h1v-14h9v14h1\">";
        let [good, bad] = [good, bad].map(|path| drawn.find(path));
        assert!(good.is_some() && bad < good, "{drawn}");
        assert!(drawn.contains("aria-label=\"Calls\""));
        assert!(
            stacked("None", &[])
                .into_string()
                .contains("viewBox=\"0 0 10 120\"")
        );
    }

    #[test]
    fn a_line_has_a_gap_where_nothing_was_measured() {
        let values = vec![Some(50), None, Some(100), Some(0)];
        let drawn = lines("Times", &[("p50", values)]).into_string();
        assert!(drawn.contains("d=\"M0 60h10M20 0h10v120h10\""), "{drawn}");
    }
}
