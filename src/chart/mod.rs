//! Series as a picture: as wide as a phone at two pixels a point, with a ground of its own, so that
//! it reads the same on a dark and on a light page.

mod axis;
mod canvas;
mod look;
mod place;
#[cfg(test)]
mod tests;

use crate::domain::schedule::Zone;
use crate::domain::unit::Unit;
use axis::{TimeAxis, ValueAxis};
use canvas::{Canvas, Result};
use place::{Frame, segments};

/// More lines than this nobody tells apart.
pub(crate) const MOST_LINES: usize = 8;

/// What is drawn.
pub(crate) struct Chart {
    /// What it is about: the metric or the query.
    pub(crate) title: String,
    /// What the values count.
    pub(crate) unit: Unit,
    /// The zone of the time axis.
    pub(crate) zone: Zone,
    /// The beginning and the end, in seconds of the epoch.
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Seconds between two points; where more are missing there is a gap.
    pub(crate) step: f64,
    /// The series, at most [`MOST_LINES`].
    pub(crate) lines: Vec<Line>,
    /// How many series there are beside them.
    pub(crate) more: usize,
}

/// One series.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Chart {
    /// The picture as PNG; `None` when there is no number to draw.
    pub(crate) fn png(&self) -> Result<Option<Vec<u8>>> {
        let values = self.lines.iter().flat_map(|line| &line.points);
        let values = values
            .map(|(_, value)| *value)
            .filter(|value| value.is_finite());
        let Some(values) = ValueAxis::over(values, self.unit) else {
            return Ok(None);
        };
        let time = TimeAxis::over(self.from, self.to, self.zone);
        let rows = self.lines.len() + usize::from(self.more > 0);
        let mut canvas = Canvas::new(Frame::height(rows))?;
        canvas.draw(|drawing| {
            let gutter = drawing.widest(values.ticks.iter().map(|tick| tick.text.as_str()))?;
            let frame = Frame::beside(gutter);
            self.head(drawing)?;
            draw_axes(drawing, &frame, &time, &values)?;
            for (n, line) in self.lines.iter().enumerate() {
                let place = |at, value| frame.place(time.share(at), values.share(value));
                for segment in segments(&line.points, self.step) {
                    let points = segment.iter().map(|(at, value)| place(*at, *value));
                    drawing.line(&points.collect::<Vec<_>>(), look::line(n))?;
                }
            }
            self.legend(drawing)
        })?;
        canvas.into_png().map(Some)
    }

    fn head(&self, drawing: &canvas::Drawing<'_, '_>) -> Result<()> {
        let width = look::WIDTH - 2 * look::MARGIN;
        let title = drawing.cut(&self.title, look::TITLE, width)?;
        drawing.text(
            &title,
            look::TITLE,
            look::TEXT,
            (look::MARGIN, look::TITLE_AT),
        )?;
        let range = axis::range(self.from, self.to, self.zone);
        let about = match self.unit.word() {
            Some(unit) => format!("{unit} · {range}"),
            None => range,
        };
        let about = drawing.cut(&about, look::SMALL, width)?;
        drawing.text(
            &about,
            look::SMALL,
            look::DIM,
            (look::MARGIN, look::ABOUT_AT),
        )
    }

    /// A row for each line: its colour, its name, and its latest value.
    fn legend(&self, drawing: &canvas::Drawing<'_, '_>) -> Result<()> {
        for (n, line) in self.lines.iter().enumerate() {
            let at = Frame::row(n);
            drawing.swatch((look::MARGIN, at), look::line(n))?;
            let last = line.points.last().map(|(_, value)| self.unit.text(*value));
            let last = last.unwrap_or_default();
            let right = look::WIDTH - look::MARGIN;
            drawing.text_to_the_left(&last, look::SMALL, look::TEXT, (right, at))?;
            let left = look::MARGIN + look::SWATCH + 14;
            let room = right - left - drawing.width(&last, look::SMALL)? - 24;
            let is_title = line.name == self.title;
            let name = if is_title { "latest value" } else { &line.name };
            let name = drawing.cut_inside(name, look::SMALL, room)?;
            drawing.text(&name, look::SMALL, look::TEXT, (left, at))?;
        }
        if self.more > 0 {
            let text = format!("{} more series are not drawn", self.more);
            let at = (look::MARGIN, Frame::row(self.lines.len()));
            drawing.text(&text, look::SMALL, look::DIM, at)?;
        }
        Ok(())
    }
}

fn draw_axes(
    drawing: &canvas::Drawing<'_, '_>,
    frame: &Frame,
    time: &TimeAxis,
    values: &ValueAxis,
) -> Result<()> {
    for tick in &values.ticks {
        let (left, y) = frame.place(0.0, values.share(tick.at));
        let (right, _) = frame.place(1.0, 0.0);
        drawing.grid((left, y), (right, y))?;
        drawing.text_to_the_left(&tick.text, look::SMALL, look::DIM, (left - 12, y))?;
    }
    for tick in &time.ticks {
        let (x, bottom) = frame.place(time.share(tick.at), 0.0);
        let (_, top) = frame.place(0.0, 1.0);
        drawing.grid((x, bottom), (x, top))?;
        let half = drawing.width(&tick.text, look::SMALL)? / 2;
        let x = x.clamp(
            look::MARGIN / 2 + half,
            look::WIDTH - look::MARGIN / 2 - half,
        );
        drawing.text(&tick.text, look::SMALL, look::DIM, (x - half, bottom + 26))?;
    }
    Ok(())
}
