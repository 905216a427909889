//! The picture itself: text in the font that we bring along, lines, and PNG.

use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::look;

/// What can go wrong with a picture, in words.
pub(super) type Result<T> = std::result::Result<T, String>;

const FONT: &str = "purser";
/// `DejaVu` Sans; its licence lies beside it.
static FONT_BYTES: &[u8] = include_bytes!("font/DejaVuSans.ttf");

/// Everything is drawn so many times larger and then made smaller, which makes lines smooth and
/// letters stand where they belong.
const SCALE: i32 = 2;

/// The pixels, while they are large.
pub(super) struct Canvas {
    pixels: Vec<u8>,
    height: u32,
}

/// A place in the picture.
type Point = (i32, i32);

impl Canvas {
    pub(super) fn new(height: i32) -> Result<Self> {
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        let is_registered =
            REGISTERED.get_or_init(|| register_font(FONT, FontStyle::Normal, FONT_BYTES).is_ok());
        if !is_registered {
            return Err("the font cannot be read".to_owned());
        }
        let height = height.unsigned_abs();
        let (width, scale) = (look::WIDTH.unsigned_abs(), SCALE.unsigned_abs());
        let pixels = vec![0; (width * scale * height * scale * 3) as usize];
        Ok(Self { pixels, height })
    }

    /// Fills the ground, and lets somebody draw on it.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&Drawing<'_, '_>) -> Result<()>) -> Result<()> {
        let (width, height) = (look::WIDTH * SCALE, self.height.cast_signed() * SCALE);
        let size = (width.unsigned_abs(), height.unsigned_abs());
        let area = BitMapBackend::with_buffer(&mut self.pixels, size).into_drawing_area();
        area.fill(&look::EDGE).map_err(said)?;
        let inside = [(SCALE, SCALE), (width - SCALE - 1, height - SCALE - 1)];
        let ground = Rectangle::new(inside, look::GROUND.filled());
        area.draw(&ground).map_err(said)?;
        draw(&Drawing { area: &area })?;
        area.present().map_err(said)
    }

    /// The mean of the pixels that become one.
    fn smaller(&self) -> Vec<u8> {
        let (width, scale) = (
            look::WIDTH.unsigned_abs() as usize,
            SCALE.unsigned_abs() as usize,
        );
        let large = |x: usize, y: usize, colour: usize| {
            u32::from(self.pixels[(y * width * scale + x) * 3 + colour])
        };
        let count = u32::try_from(scale * scale).unwrap_or(1);
        let mut small = Vec::with_capacity(self.pixels.len() / (scale * scale));
        for y in 0..self.height as usize {
            for x in 0..width {
                for colour in 0..3 {
                    let places =
                        (0..scale * scale).map(|n| (x * scale + n % scale, y * scale + n / scale));
                    let sum: u32 = places.map(|(x, y)| large(x, y, colour)).sum();
                    small.push(u8::try_from(sum / count).unwrap_or(u8::MAX));
                }
            }
        }
        small
    }

    pub(super) fn into_png(self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, look::WIDTH.unsigned_abs(), self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(said)?;
        writer.write_image_data(&self.smaller()).map_err(said)?;
        writer.finish().map_err(said)?;
        Ok(bytes)
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn large((x, y): Point) -> Point {
    (x * SCALE, y * SCALE)
}

fn font<'f>(size: u32) -> FontDesc<'f> {
    (FONT, size * SCALE.unsigned_abs()).into_font()
}

/// What draws on a canvas. A place of text is the middle of its left or right edge.
pub(super) struct Drawing<'a, 'p> {
    area: &'a DrawingArea<BitMapBackend<'p>, Shift>,
}

impl Drawing<'_, '_> {
    pub(super) fn text(&self, text: &str, size: u32, colour: RGBColor, at: Point) -> Result<()> {
        self.write(text, size, colour, at, HPos::Left)
    }

    pub(super) fn text_to_the_left(
        &self,
        text: &str,
        size: u32,
        colour: RGBColor,
        at: Point,
    ) -> Result<()> {
        self.write(text, size, colour, at, HPos::Right)
    }

    fn write(&self, text: &str, size: u32, colour: RGBColor, at: Point, side: HPos) -> Result<()> {
        let style = font(size).color(&colour).pos(Pos::new(side, VPos::Center));
        let (x, y) = large(at);
        // The middle of a letter lies above the middle of its line.
        let below = i32::try_from(size).unwrap_or(0) * SCALE / 7;
        self.area
            .draw(&Text::new(text, (x, y + below), style))
            .map_err(said)
    }

    /// How wide a text is.
    pub(super) fn width(&self, text: &str, size: u32) -> Result<i32> {
        let style = font(size).into();
        let (width, _) = self.area.estimate_text_size(text, &style).map_err(said)?;
        Ok(width.cast_signed() / SCALE)
    }

    /// The width of the widest label.
    pub(super) fn widest<'t>(&self, mut texts: impl Iterator<Item = &'t str>) -> Result<i32> {
        texts.try_fold(0, |widest, text| {
            Ok(self.width(text, look::SMALL)?.max(widest))
        })
    }

    /// As much of a text as fits, with `…` where it was cut.
    pub(super) fn cut(&self, text: &str, size: u32, room: i32) -> Result<String> {
        let mut kept: String = text.chars().take(200).collect();
        if kept.len() == text.len() && self.width(&kept, size)? <= room {
            return Ok(kept);
        }
        while kept.pop().is_some() {
            let cut = format!("{}…", kept.trim_end());
            if self.width(&cut, size)? <= room {
                return Ok(cut);
            }
        }
        Ok(kept)
    }

    /// As much of a name as fits, cut in its middle: names often differ at their ends.
    pub(super) fn cut_inside(&self, name: &str, size: u32, room: i32) -> Result<String> {
        let all: Vec<char> = name.chars().collect();
        for kept in (0..=all.len().min(200)).rev() {
            let (head, tail) = (kept.div_ceil(2), kept / 2);
            let mut cut: String = all[..head].iter().collect();
            if kept < all.len() {
                cut.push('…');
            }
            cut.extend(&all[all.len() - tail..]);
            if self.width(&cut, size)? <= room {
                return Ok(cut);
            }
        }
        Ok(String::new())
    }

    pub(super) fn grid(&self, from: Point, to: Point) -> Result<()> {
        let line = PathElement::new(vec![large(from), large(to)], look::GRID.stroke_width(3));
        self.area.draw(&line).map_err(said)
    }

    /// A line through these points; a dot, where there is one alone.
    pub(super) fn line(&self, points: &[Point], colour: RGBColor) -> Result<()> {
        let style = ShapeStyle::from(colour)
            .stroke_width(look::LINE_WIDTH * SCALE.unsigned_abs())
            .filled();
        if let [only] = points {
            return self
                .area
                .draw(&Circle::new(large(*only), 5 * SCALE, style))
                .map_err(said);
        }
        let points: Vec<_> = points.iter().copied().map(large).collect();
        self.area
            .draw(&PathElement::new(points, style))
            .map_err(said)
    }

    /// The colour of a line beside its name.
    pub(super) fn swatch(&self, (left, middle): Point, colour: RGBColor) -> Result<()> {
        let corners = [(left, middle - 4), (left + look::SWATCH, middle + 4)].map(large);
        self.area
            .draw(&Rectangle::new(corners, colour.filled()))
            .map_err(said)
    }
}
