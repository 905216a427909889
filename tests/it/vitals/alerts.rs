//! The alerts that the page about figures has, as Prometheus's own tool understands them.

use std::path::Path;
use std::process::Command;

/// Each alert with what it is to be raised by, and what not.
const WANTED: &str = "
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - name: the first failure of a workflow since the start
    interval: 1m
    input_series:
      - { series: 'purser_build_info{version=\"1\"}', values: '1x10' }
      - { series: 'purser_runs_ended_total{workflow=\"backup\",state=\"failed\"}', values: '0 0 1x8' }
      - { series: 'purser_runs_ended_total{workflow=\"backup\",state=\"succeeded\"}', values: '0+1x10' }
    alert_rule_test:
      - { eval_time: 1m, alertname: PurserRunFailed }
      - eval_time: 3m
        alertname: PurserRunFailed
        exp_alerts: [{ exp_labels: { workflow: backup, state: failed } }]
      - { eval_time: 10m, alertname: PurserGone }
  - name: a fire that waits, and one that was missed and is dealt with
    interval: 1m
    input_series:
      - { series: 'purser_schedule_overdue_seconds{schedule=\"backup.nightly\"}', values: '0+60x10' }
      - { series: 'purser_schedule_overdue_seconds{schedule=\"look.often\"}', values: '9000 0x10' }
    alert_rule_test:
      - { eval_time: 0m, alertname: PurserScheduleOverdue }
      - { eval_time: 5m, alertname: PurserScheduleOverdue }
      - eval_time: 8m
        alertname: PurserScheduleOverdue
        exp_alerts: [{ exp_labels: { schedule: backup.nightly } }]
      - { eval_time: 6m, alertname: PurserGone, exp_alerts: [{}] }
";

#[test]
fn the_alerts_are_raised_when_they_should_and_not_otherwise() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/METRICS.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut blocks = page.split("```yaml\n").skip(1);
    let rules = blocks.find(|block| block.starts_with("groups:")).unwrap();
    let (rules, _) = rules.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    std::fs::write(folder.path().join("wanted.yaml"), WANTED).unwrap();
    let promtool = Command::new("promtool")
        .args(["test", "rules", "wanted.yaml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&promtool.stderr);
    assert!(promtool.status.success(), "{said}");
}
