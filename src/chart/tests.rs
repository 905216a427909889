//! Pictures of fixed data, compared with those that were looked at and found good.
//!
//! `PURSER_WRITE_CHARTS=1 cargo test --lib chart` draws them anew: look at them before you keep them.

use std::path::Path;

use super::{Chart, Line};
use crate::domain::schedule::Zone;
use crate::domain::unit::Unit;

const BEGIN: f64 = 1_735_689_600.0;
/// A pixel may differ by this much in each colour, and so many in a thousand by more: other
/// machines round elsewhere.
const SAME: u8 = 12;
const ODD_IN_A_THOUSAND: usize = 2;

/// An hour of points, one every 15 seconds.
fn hour(value: impl Fn(f64) -> Option<f64>) -> Vec<(f64, f64)> {
    let points = (0..=240).map(|n| f64::from(n) * 15.0);
    points
        .filter_map(|at| Some((BEGIN + at, value(at)?)))
        .collect()
}

fn line(name: &str, points: Vec<(f64, f64)>) -> Line {
    let name = name.to_owned();
    Line { name, points }
}

fn chart(title: &str, unit: Unit, lines: Vec<Line>) -> Chart {
    Chart {
        title: title.to_owned(),
        unit,
        zone: Zone::default(),
        from: BEGIN,
        to: BEGIN + 3600.0,
        step: 15.0,
        lines,
        more: 0,
    }
}

fn wave(at: f64, period: f64) -> f64 {
    (at / period * std::f64::consts::TAU).sin()
}

fn pixels(png: &[u8]) -> (u32, Vec<u8>) {
    let decoder = png::Decoder::new(std::io::Cursor::new(png));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    pixels.truncate(info.buffer_size());
    (info.height, pixels)
}

fn looks_like(name: &str, chart: &Chart) {
    let drawn = chart.png().unwrap().expect("there are numbers");
    let file = format!("tests/fixtures/charts/{name}.png");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    if std::env::var_os("PURSER_WRITE_CHARTS").is_some() {
        std::fs::write(&path, &drawn).unwrap();
        return;
    }
    let (height, drawn) = pixels(&drawn);
    let (kept_height, kept) = pixels(&std::fs::read(&path).unwrap());
    assert_eq!(height, kept_height, "{file}");
    let odd = drawn
        .iter()
        .zip(&kept)
        .filter(|(a, b)| a.abs_diff(**b) > SAME)
        .count();
    assert!(
        odd * 1000 <= kept.len() * ODD_IN_A_THOUSAND,
        "{file}: {odd} of {}",
        kept.len()
    );
}

#[test]
fn three_shops_with_a_gap() {
    let mib = 1024.0 * 1024.0;
    let gone = |at: f64| (1200.0..2100.0).contains(&at);
    let lines = vec![
        line(
            "shop=north",
            hour(|at| Some((500.0 + 90.0 * wave(at, 900.0)) * mib)),
        ),
        line(
            "shop=south",
            hour(|at| Some((1100.0 + 210.0 * wave(at, 1300.0)) * mib)),
        ),
        line(
            "shop=west",
            hour(|at| (!gone(at)).then(|| (180.0 + 40.0 * wave(at, 700.0)) * mib)),
        ),
    ];
    let mut chart = chart("shop_memory_bytes", Unit::Bytes, lines);
    chart.zone = "Europe/Istanbul".parse().unwrap();
    looks_like("three_shops_with_a_gap", &chart);
}

#[test]
fn one_line_far_from_zero() {
    let availability = hour(|at| Some(0.993 + 0.004 * wave(at, 1700.0)));
    let title = "1 - sum(rate(http_requests_total{code=~\"5..\"}[5m])) / sum(rate(http_requests_total[5m]))";
    looks_like(
        "one_line_far_from_zero",
        &chart(title, Unit::Ratio, vec![line(title, availability)]),
    );
}

#[test]
fn more_lines_than_are_drawn() {
    let lines = (0..8).map(|n| {
        let n = f64::from(n);
        let points = hour(|at| Some(3.0 + 5.0 * n + 2.0 * wave(at + 200.0 * n, 800.0)));
        line(
            &format!("instance=10.0.0.{n}:9100, job=node, device=/dev/disk/by-id/nvme-{n}"),
            points,
        )
    });
    let mut chart = chart(
        "rate(node_disk_reads_completed_total[5m])",
        Unit::PerSecond,
        lines.collect(),
    );
    chart.more = 42;
    looks_like("more_lines_than_are_drawn", &chart);
}

#[test]
fn points_alone_and_no_numbers() {
    let alone = hour(|at| (at % 600.0 == 0.0).then_some(at / 60.0));
    let odd = hour(|at| Some(if at % 900.0 < 600.0 { 20.0 } else { f64::NAN }));
    let endless = hour(|_| Some(f64::INFINITY));
    let lines = vec![
        line("alone", alone),
        line("odd", odd),
        line("endless", endless),
    ];
    looks_like(
        "points_alone_and_no_numbers",
        &chart("job_seconds", Unit::Seconds, lines),
    );
}

#[test]
fn a_week_across_days() {
    let day = 86_400.0;
    let points = (0..=168).map(|n| f64::from(n) * 3600.0);
    let points = points.map(|at| (BEGIN + at, 15.0 + 6.0 * wave(at, day) + at / day));
    let mut chart = chart(
        "room_celsius",
        Unit::Celsius,
        vec![line("room_celsius", points.collect())],
    );
    chart.to = BEGIN + 7.0 * day;
    chart.step = 3600.0;
    chart.zone = "Europe/Istanbul".parse().unwrap();
    looks_like("a_week_across_days", &chart);
}

#[test]
fn where_there_is_no_number_there_is_no_picture() {
    let nothing = chart("x", Unit::None, vec![line("x", hour(|_| Some(f64::NAN)))]);
    assert!(nothing.png().unwrap().is_none());
}

#[test]
fn the_largest_numbers_do_not_break_it() {
    let ends = [
        (BEGIN, f64::MIN),
        (BEGIN + 15.0, f64::MAX),
        (BEGIN + 30.0, f64::MIN_POSITIVE),
    ];
    let chart = chart("x", Unit::Bytes, vec![line("x", ends.to_vec())]);
    assert!(chart.png().unwrap().is_some());
}
