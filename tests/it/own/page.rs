//! `docs/BACKUP.md`, line by line: each command of its console blocks is typed on the machine that
//! its prompt names, and prints what the page shows. `PURSER_WRITE_DOCS=1 cargo test page` writes what
//! it prints into the page.

use std::fs;
use std::path::PathBuf;

use object_store::ObjectStoreExt as _;

use super::empty_machine;
use crate::stories::plain::shapes_replaced;
use crate::support::program::{Home, program};
use crate::support::s3::Bucket;
use crate::support::stack::variable;

/// The bucket of the page; each test run has one of its own.
const BUCKET: &str = "s3://minio/backups/";

/// A command, where it is typed, and what is shown below it.
struct Typed<'p> {
    machine: &'p str,
    line: &'p str,
    shown: Vec<&'p str>,
}

impl Typed<'_> {
    /// How it stands on the page, with this below it.
    fn block(&self, shown: &[&str]) -> String {
        let prompt = format!("{}$ {}", self.machine, self.line);
        let lines = [&[prompt.as_str()], shown].concat();
        lines.join("\n") + "\n"
    }

    /// The page shows this.
    fn expect(&self, seen: &[&str]) {
        let plain = |lines: &[&str]| lines.iter().map(|line| plain(line)).collect::<Vec<_>>();
        let (shown, seen) = (plain(&self.shown), plain(seen));
        assert_eq!(shown, seen, "{}$ {}", self.machine, self.line);
    }
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/BACKUP.md");

/// Whether the page is to be written anew rather than checked.
fn writes() -> bool {
    std::env::var_os("PURSER_WRITE_DOCS").is_some()
}

/// The page with the key that its first command has printed, wherever it shows one.
fn with_one_key(page: &str) -> String {
    let is_end = |c: char| !c.is_ascii_alphanumeric();
    let keys: Vec<_> = page
        .match_indices("age1")
        .map(|(at, _)| page[at..].split(is_end).next().unwrap())
        .filter(|key| key.len() > 20)
        .collect();
    let first = keys[0];
    let replaced = |page: String, key: &&str| page.replace(*key, first);
    keys.iter().fold(page.to_owned(), replaced)
}

/// All blocks of this kind.
fn blocks<'p>(page: &'p str, kind: &str) -> Vec<&'p str> {
    let begin = format!("```{kind}\n");
    let rest = page.split(begin.as_str()).skip(1);
    rest.map(|rest| rest.split_once("```").unwrap().0).collect()
}

fn typed(page: &str) -> Vec<Typed<'_>> {
    let mut all: Vec<Typed<'_>> = vec![];
    for line in blocks(page, "console")
        .iter()
        .flat_map(|block| block.lines())
    {
        let prompt = ["old", "new"].iter().find_map(|machine| {
            let line = line.strip_prefix(machine)?.strip_prefix("$ ")?;
            Some((*machine, line))
        });
        match prompt {
            Some((machine, line)) => all.push(Typed {
                machine,
                line,
                shown: vec![],
            }),
            None => all.last_mut().expect("a prompt").shown.push(line),
        }
    }
    all
}

/// Two machines, as the page has them.
struct Machines {
    old: Home,
    new: Home,
    bucket: Bucket,
}

impl Machines {
    async fn new(page: &str) -> Self {
        let (old, new, bucket) = (empty_machine(), empty_machine(), Bucket::create().await);
        let toml = blocks(page, "toml");
        let minio = toml[0].replace("http://minio:9000", &variable("PURSER_TEST_S3_ENDPOINT"));
        let people = format!(
            "[people.ann]\nroles = ['operator']\nuid = {}\n",
            nix::unistd::getuid()
        );
        let server = "[server]\nsocket = 'purser.sock'\n[store]\npath = 'store'\n";
        old.write("purser.toml", &format!("{server}{people}{minio}"));
        new.write("s3.toml", &minio);
        for home in [&old, &new] {
            home.write("minio_access_key", &variable("PURSER_TEST_S3_ACCESS_KEY"));
            home.write("minio_secret_key", &variable("PURSER_TEST_S3_SECRET_KEY"));
        }
        fs::create_dir(old.path("workflows")).unwrap();
        fs::create_dir(old.path("commands")).unwrap();
        Self { old, new, bucket }
    }

    /// What somebody sees who types this.
    async fn sees(&mut self, typed: &Typed<'_>) -> String {
        let home = match typed.machine {
            "old" => &mut self.old,
            _ => &mut self.new,
        };
        if typed.line == "purser up &" {
            home.up().await;
            return String::new();
        }
        let ours = format!("s3://minio/{}/", self.bucket.name);
        let line = typed.line.replace(BUCKET, &ours);
        let program = PathBuf::from(program());
        let path = format!(
            "{}:{}",
            program.parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        let mut shell = tokio::process::Command::new("sh");
        shell
            .args(["-c", &format!("{line} 2>&1")])
            .current_dir(home.path(""))
            .env("PATH", path)
            .env("PURSER_CONFIG", "purser.toml");
        let output = shell.output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line}: {said}");
        said.replace(&ours, BUCKET)
    }

    /// What people do by hand between two commands of the page.
    async fn does(&mut self, page: &str, done: &str) {
        if done.contains("age-keygen") {
            let key = self.old.path("purser-backup.key");
            let text = fs::read_to_string(&key).unwrap();
            let public = text
                .split_whitespace()
                .find(|word| word.starts_with("age1"));
            let ours = format!("s3://minio/{}/", self.bucket.name);
            let workflow = blocks(page, "yaml")[0].replace(BUCKET, &ours);
            let (before, rest) = workflow.split_once("age1").unwrap();
            let (_, after) = rest.split_once(' ').unwrap();
            let workflow = format!("{before}{} {after}", public.unwrap());
            self.old.write("workflows/backup-purser.yaml", &workflow);
            fs::copy(key, self.new.path("purser-backup.key")).unwrap();
            self.old.up().await;
        }
        if done.contains("run backup-purser") {
            let keys = self.bucket.keys().await;
            let newest = keys.iter().max().unwrap();
            let object = self
                .bucket
                .store()
                .get(&newest.as_str().into())
                .await
                .unwrap();
            let object = object.bytes().await.unwrap();
            fs::create_dir_all(self.old.path("by-hand")).unwrap();
            fs::write(self.old.path("by-hand/backup.tar.zst.age"), object).unwrap();
        }
    }
}

#[tokio::test]
async fn the_page_is_what_happens_line_by_line() {
    let page = fs::read_to_string(PAGE).unwrap();
    let mut machines = Machines::new(&page).await;
    let all = typed(&page);
    assert!(all.len() > 10, "the page has commands");
    let mut written = page.clone();
    for typed in &all {
        let seen = machines.sees(typed).await;
        // What a step says while it runs depends on the moment.
        let seen: Vec<_> = seen
            .lines()
            .filter(|line| !line.starts_with("… "))
            .collect();
        if writes() {
            written = written.replace(&typed.block(&typed.shown), &typed.block(&seen));
        } else {
            typed.expect(&seen);
        }
        machines.does(&page, typed.line).await;
    }
    if writes() {
        fs::write(PAGE, with_one_key(&written)).unwrap();
    }
    machines.old.stop().await;
    machines.new.stop().await;
    machines.bucket.remove().await;
}

/// A line without what differs in each run: ids, times, sizes, ages, keys. Columns are as wide as
/// what is in them.
fn plain(line: &str) -> String {
    let shaped = shapes_replaced(line.trim_end());
    let words: Vec<&str> = shaped.split_whitespace().collect();
    let replaced = |(n, word): (usize, &&str)| {
        let number = word.trim_matches(|c| "(),".contains(c));
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let unit = words.get(n + 1).copied().unwrap_or_default();
        let is_amount = ["s", "min", "KiB", "MiB"].contains(&unit)
            || (n > 0 && words[n - 1].trim_matches('"').starts_with("bytes"));
        if word.ends_with('…') && word.starts_with("purser-") {
            "CUT".to_owned()
        } else if word.starts_with("age1") {
            "KEY".to_owned()
        } else if is_number && is_amount {
            word.replace(number, "N")
        } else {
            (*word).to_owned()
        }
    };
    let replaced: Vec<_> = words.iter().enumerate().map(replaced).collect();
    replaced.join(" ")
}
