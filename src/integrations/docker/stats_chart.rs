//! What containers used over a time, as pictures.

use super::stats::Sample;
use crate::action::{ActionError, Context, Result};
use crate::chart::{Chart, Line, MOST_LINES};
use crate::domain::schedule::Zone;
use crate::domain::unit::Unit;

/// The engine tells about one sample a second; where more than this are missing there is a gap.
const STEP: f64 = 3.0;

/// A container by its name, and what it used.
pub(super) type Watched = (String, Vec<Sample>);

/// Draws processors and memory, and keeps both; the names of the pictures.
pub(super) async fn draw(ctx: &Context, watched: &[Watched]) -> Result<Vec<String>> {
    #[allow(clippy::cast_precision_loss, reason = "a place in a picture")]
    let memory = |sample: &Sample| sample.memory.map(|bytes| bytes as f64);
    let charts = [
        (
            "cpu.png",
            chart("CPU, of one processor", Unit::Percent, watched, |s| s.cpu),
        ),
        ("memory.png", chart("memory", Unit::Bytes, watched, memory)),
    ];
    let mut kept = Vec::new();
    for (name, chart) in charts {
        let drawn = tokio::task::spawn_blocking(move || chart.png())
            .await
            .unwrap_or_else(|error| Err(error.to_string()))
            .map_err(|why| ActionError::fatal(format!("the chart cannot be drawn: {why}")))?;
        if let Some(png) = drawn {
            kept.push(ctx.artifact(name, "image/png", png).await?.name);
        }
    }
    Ok(kept)
}

/// The lines for which there is room, those that rise highest; in their own order, so that a container
/// has the same colour in both pictures.
fn chart(
    title: &str,
    unit: Unit,
    watched: &[Watched],
    value: impl Fn(&Sample) -> Option<f64>,
) -> Chart {
    let mut lines: Vec<_> = watched
        .iter()
        .map(|(name, samples)| Line {
            name: name.clone(),
            points: samples
                .iter()
                .filter_map(|sample| Some((sample.at, value(sample)?)))
                .collect(),
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        let mut peaks: Vec<_> = lines.iter().map(peak).collect();
        peaks.sort_by(f64::total_cmp);
        let least = peaks[more];
        lines.retain(|line| peak(line) >= least);
        lines.truncate(MOST_LINES);
    }
    let times = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|(at, _)| *at)
    };
    let (from, to) = (times().reduce(f64::min), times().reduce(f64::max));
    let from = from.unwrap_or_default();
    Chart {
        title: title.to_owned(),
        unit,
        zone: Zone::default(),
        from,
        // One point alone has no length.
        to: to.unwrap_or_default().max(from + 1.0),
        step: STEP,
        lines,
        more,
    }
}

fn peak(line: &Line) -> f64 {
    let values = line.points.iter().map(|(_, value)| *value);
    values.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_lines_are_drawn_and_the_others_are_counted() {
        let watched: Vec<Watched> = (0..10_u32)
            .map(|n| {
                let sample = Sample {
                    at: 100.0 + f64::from(n),
                    cpu: Some(f64::from(n)),
                    ..Sample::default()
                };
                (format!("web-{n}"), vec![Sample::default(), sample])
            })
            .collect();
        let drawn = chart("CPU", Unit::Percent, &watched, |sample| sample.cpu);
        assert_eq!((drawn.lines.len(), drawn.more), (MOST_LINES, 2));
        assert_eq!(drawn.lines[0].name, "web-2");
        assert_eq!((drawn.from, drawn.to), (102.0, 109.0));
        assert!(drawn.png().unwrap().is_some());
        let none = chart("memory", Unit::Bytes, &watched, |_| None);
        assert!(none.png().unwrap().is_none());
    }
}
