//! Sizes and colours, in pixels of the picture: two for each point of a phone's screen.

use plotters::style::RGBColor;

/// A phone is 390 points wide.
pub(super) const WIDTH: i32 = 780;
pub(super) const MARGIN: i32 = 24;
/// The part where lines are.
pub(super) const PLOT_TOP: i32 = 112;
pub(super) const PLOT_HEIGHT: i32 = 400;
/// From the plot's bottom to the legend: the labels of the time axis.
pub(super) const TIME_LABELS: i32 = 68;
/// The middle of each line of text.
pub(super) const TITLE_AT: i32 = 36;
pub(super) const ABOUT_AT: i32 = 78;
pub(super) const ROW: i32 = 38;
pub(super) const SWATCH: i32 = 26;
pub(super) const LINE_WIDTH: u32 = 4;

/// Sizes of text.
pub(super) const TITLE: u32 = 32;
pub(super) const SMALL: u32 = 27;

pub(super) const GROUND: RGBColor = RGBColor(24, 27, 33);
pub(super) const EDGE: RGBColor = RGBColor(70, 76, 88);
pub(super) const GRID: RGBColor = RGBColor(52, 57, 68);
pub(super) const TEXT: RGBColor = RGBColor(232, 235, 240);
pub(super) const DIM: RGBColor = RGBColor(172, 180, 192);

/// Colours that are told apart by those who see few of them (after Okabe and Ito), made light
/// enough for the ground.
const LINES: [RGBColor; super::MOST_LINES] = [
    RGBColor(86, 180, 233),
    RGBColor(240, 165, 30),
    RGBColor(52, 205, 160),
    RGBColor(240, 120, 170),
    RGBColor(240, 228, 66),
    RGBColor(255, 110, 74),
    RGBColor(165, 150, 255),
    RGBColor(205, 210, 218),
];

/// The colour of the line in this place.
pub(super) fn line(n: usize) -> RGBColor {
    LINES[n % LINES.len()]
}
