//! A series in one line of text.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Where there was no number.
const GAP: char = '·';

/// A series as a row of bars, from its lowest to its highest value. `from` and `to` are the ends of
/// the time that is shown, in seconds; what has no point there is a gap.
pub(super) fn sparkline(points: &[(f64, f64)], from: f64, to: f64, width: usize) -> String {
    let mut columns = vec![(0.0, 0_u32); width];
    for (at, value) in points.iter().filter(|(_, value)| value.is_finite()) {
        if let Some((sum, count)) = columns.get_mut(column(*at, from, to, width)) {
            *sum += value;
            *count += 1;
        }
    }
    let means: Vec<Option<f64>> = columns
        .iter()
        .map(|(sum, count)| (*count > 0).then(|| sum / f64::from(*count)))
        .collect();
    let known = || means.iter().flatten().copied();
    let lowest = known().fold(f64::INFINITY, f64::min);
    let highest = known().fold(f64::NEG_INFINITY, f64::max);
    means
        .iter()
        .map(|mean| mean.map_or(GAP, |mean| bar(mean, lowest, highest)))
        .collect()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place within a line"
)]
fn column(at: f64, from: f64, to: f64, width: usize) -> usize {
    // Divided last: what lies at a column's beginning must not fall into the one before.
    let column = (at - from) * width as f64 / (to - from).max(1e-9);
    (column as usize).min(width.saturating_sub(1))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 7"
)]
fn bar(value: f64, lowest: f64, highest: f64) -> char {
    // Halved, because the difference of two large numbers may be none any more.
    let (height, whole) = (value / 2.0 - lowest / 2.0, highest / 2.0 - lowest / 2.0);
    if whole <= 0.0 {
        return BARS[3];
    }
    BARS[((height / whole * 8.0) as usize).min(7)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(values: &[f64]) -> String {
        let points: Vec<_> = (0_u32..)
            .map(f64::from)
            .zip(values.iter().copied())
            .collect();
        let to = f64::from(u32::try_from(values.len()).unwrap());
        sparkline(&points, 0.0, to, values.len())
    }

    #[test]
    fn the_lowest_is_low_the_highest_is_high_and_a_gap_is_a_gap() {
        assert_eq!(line(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&[5.0, f64::NAN, 9.0, f64::INFINITY]), "▁·█·");
        assert_eq!(line(&[4.0, 4.0, 4.0]), "▄▄▄");
        assert_eq!(sparkline(&[], 0.0, 1.0, 3), "···");
        assert_eq!(sparkline(&[(0.0, 1.0), (10.0, 2.0)], 0.0, 10.0, 5), "▁···█");
    }

    proptest! {
        #[test]
        fn it_is_as_wide_as_asked_whatever_the_values(
            values in proptest::collection::vec(any::<f64>(), 0..50),
            width in 1_usize..40,
        ) {
            let points: Vec<_> = values.iter().map(|value| (value.abs() % 100.0, *value)).collect();
            prop_assert_eq!(sparkline(&points, 0.0, 100.0, width).chars().count(), width);
        }

        #[test]
        fn a_rising_series_never_falls(mut values in proptest::collection::vec(-1e300_f64..1e300, 2..30)) {
            values.sort_by(f64::total_cmp);
            let line: Vec<char> = line(&values).chars().collect();
            prop_assert!(line.is_sorted(), "{line:?}");
        }
    }
}
