//! Prometheus with an exporter of the machine's own figures, and a history that every test finds.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::sh;
use crate::stack::need::{Need, debian, must_find};
use crate::stack::part::{Launch, Part};
use crate::stack::places::Places;
use crate::stack::{http, ports};

const NAME: &str = "prometheus";
const PORT: u16 = ports::of(NAME);
const EXPORTER_PORT: u16 = ports::of("prometheus.exporter");
const EXPORTER: &str = "prometheus-node-exporter";

/// The exporter ends with the server, whatever ends that.
const BOTH: &str = r#"setpriv --pdeathsig TERM "$1" "$2" & shift 2; exec "$@""#;

/// When the history begins: 2025-01-01T00:00:00Z, in seconds of the epoch.
const HISTORY_BEGINS: u32 = 1_735_689_600;
/// Between two samples of it.
const HISTORY_STEP: u32 = 15;
/// More series than any answer should hold.
const CROWD: u32 = 50_000;

/// One server that scrapes itself and the exporter every second.
pub(crate) struct Prometheus;

impl Part for Prometheus {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs(&self, _places: &Places) -> Vec<Need> {
        vec![
            debian(NAME, NAME),
            debian("promtool", NAME),
            debian(EXPORTER, EXPORTER),
            debian("setpriv", "util-linux"),
        ]
    }

    fn launch(&self, places: &Places) -> Result<Launch> {
        let dir = places.dir(NAME);
        let data = dir.join("data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        write_history(&dir, &data)?;
        let config = dir.join("prometheus.yml");
        fs::write(&config, settings())
            .with_context(|| format!("cannot write {}", config.display()))?;
        let program = must_find(NAME)?;
        let mut command = Command::new("sh");
        command
            .args(["-c", BOTH, "sh"])
            .arg(must_find(EXPORTER)?)
            .arg(format!("--web.listen-address=127.0.0.1:{EXPORTER_PORT}"))
            .arg(&program)
            .arg(flag("--config.file=", &config))
            .arg(flag("--storage.tsdb.path=", &data))
            // The history is from a fixed time, and must not grow too old.
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address={}", address()));
        let version = sh::output(Command::new(program).arg("--version"))?;
        let version = version.split_whitespace().nth(2).unwrap_or("?").to_owned();
        Ok(Launch {
            command,
            version,
            address: address(),
        })
    }

    fn is_ready(&self, _places: &Places) -> Result<bool> {
        Ok(http::is_ok(PORT, "/-/ready") && http::is_ok(EXPORTER_PORT, "/"))
    }

    fn env(&self, _places: &Places) -> Result<Vec<(&'static str, String)>> {
        let url = format!("http://{}", address());
        Ok(vec![("PURSER_TEST_PROMETHEUS_URL", url)])
    }
}

fn address() -> String {
    format!("127.0.0.1:{PORT}")
}

fn flag(name: &str, path: &Path) -> String {
    format!("{name}{}", path.display())
}

/// JSON is YAML too, and needs no quoting of ours.
fn settings() -> String {
    let job = |name: &str, port: u16| {
        let targets = [format!("127.0.0.1:{port}")];
        json!({ "job_name": name, "static_configs": [{ "targets": targets }] })
    };
    json!({
        "global": { "scrape_interval": "1s" },
        "scrape_configs": [job(NAME, PORT), job("node", EXPORTER_PORT)],
    })
    .to_string()
}

/// Makes blocks of old samples, so that answers about that time are the same in every run.
fn write_history(dir: &Path, data: &Path) -> Result<()> {
    let file = dir.join("history.openmetrics");
    fs::write(&file, history()).with_context(|| format!("cannot write {}", file.display()))?;
    let mut promtool = Command::new(must_find("promtool")?);
    promtool
        .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
        .arg(&file)
        .arg(data);
    sh::output(&mut promtool).map(drop)
}

/// An hour of three shops of which one closes for a while, a counter, and one sample of a crowd.
fn history() -> String {
    let samples = 3600 / HISTORY_STEP;
    let at = |n: u32| HISTORY_BEGINS + n * HISTORY_STEP;
    let mut text = String::from("# TYPE shop_memory_bytes gauge\n");
    for (shop, base) in [("north", 400), ("south", 900), ("west", 150)] {
        for n in 0..samples {
            let closed = shop == "west" && (80..140).contains(&n);
            if !closed {
                let wave = (n % 40).abs_diff(20) * base / 40;
                let bytes = u64::from(base + wave) * 1024 * 1024;
                let _ = writeln!(
                    text,
                    "shop_memory_bytes{{shop=\"{shop}\"}} {bytes} {}",
                    at(n)
                );
            }
        }
    }
    text += "# TYPE shop_orders counter\n";
    for n in 0..samples {
        let _ = writeln!(text, "shop_orders_total {} {}", n * 30, at(n));
    }
    text += "# TYPE shop_crowd gauge\n";
    for n in 0..CROWD {
        let _ = writeln!(
            text,
            "shop_crowd{{visitor=\"{n:05}\"}} {n} {HISTORY_BEGINS}"
        );
    }
    text + "# EOF\n"
}
