//! Where things are in the picture, and where a line is broken.

use super::look;

/// The rectangle of the lines.
pub(super) struct Frame {
    left: i32,
}

impl Frame {
    /// Beside labels of this width.
    pub(super) fn beside(labels: i32) -> Self {
        Self {
            left: look::MARGIN + labels + 12,
        }
    }

    /// The pixel at this share of the width and, from the bottom, of the height.
    #[allow(clippy::cast_possible_truncation, reason = "within the picture")]
    pub(super) fn place(&self, x: f64, y: f64) -> (i32, i32) {
        let width = f64::from(look::WIDTH - look::MARGIN - self.left);
        let height = f64::from(look::PLOT_HEIGHT);
        let (x, y) = (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0));
        let down = ((1.0 - y) * height).round() as i32;
        (
            self.left + (x * width).round() as i32,
            look::PLOT_TOP + down,
        )
    }

    /// The middle of a row of the legend.
    pub(super) fn row(n: usize) -> i32 {
        let n = i32::try_from(n).unwrap_or(i32::MAX / look::ROW - 1);
        look::PLOT_TOP + look::PLOT_HEIGHT + look::TIME_LABELS + n * look::ROW
    }

    /// The height of a picture with so many rows in its legend.
    pub(super) fn height(rows: usize) -> i32 {
        Self::row(rows)
    }
}

/// The parts of a line between its gaps: where a value is no number, or points are missing.
pub(super) fn segments(points: &[(f64, f64)], step: f64) -> Vec<Vec<(f64, f64)>> {
    let mut segments: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut last_at = None;
    for &(at, value) in points {
        if !value.is_finite() {
            last_at = None;
            continue;
        }
        match (last_at, segments.last_mut()) {
            (Some(last), Some(segment)) if at - last <= step * 1.5 => segment.push((at, value)),
            _ => segments.push(vec![(at, value)]),
        }
        last_at = Some(at);
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_points_are_missing_or_no_numbers() {
        let points = [
            (0.0, 1.0),
            (1.0, 2.0),
            (3.0, 3.0),
            (4.0, f64::NAN),
            (5.0, 4.0),
        ];
        let lengths: Vec<_> = segments(&points, 1.0).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 1, 1]);
        assert!(segments(&[(0.0, f64::INFINITY)], 1.0).is_empty());
    }
}
