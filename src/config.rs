//! temp
#![allow(missing_docs)]
use std::path::{Path, PathBuf};
use indexmap::IndexMap;
use serde::Deserialize;
use crate::domain::names::*;
use crate::domain::time::Span;
use crate::telemetry::Format;
#[derive(Clone, Debug)]
pub struct Config { pub server: Server, pub store: Store, pub catalog: Cat, pub engine: Eng, pub log: Log, pub people: IndexMap<PersonName, PersonConfig>, pub systems: IndexMap<SystemName, SystemConfig>, folder: PathBuf }
#[derive(Clone, Debug)] pub struct Server { pub socket: PathBuf, pub group: String }
#[derive(Clone, Debug)] pub struct Store { pub path: PathBuf }
#[derive(Clone, Debug)] pub struct Cat { pub workflows: PathBuf, pub commands: PathBuf }
#[derive(Clone, Debug)] pub struct Eng { pub concurrent_runs: usize, pub cancel_grace: Span }
#[derive(Clone, Debug)] pub struct Log { pub format: Format, pub level: String }
#[derive(Clone, Debug, Deserialize)] pub struct PersonConfig { pub roles: Vec<Role>, pub uid: Option<u32> }
#[derive(Clone, Debug)] pub struct SystemConfig { pub kind: String, pub environment: Environment, pub settings: toml::Table }
pub fn default_socket() -> PathBuf { "/run/purser/purser.sock".into() }
impl Config {
    pub fn load(path: &Path, _env: impl Iterator<Item=(String,String)>) -> Result<Self, String> {
        let t: toml::Table = std::fs::read_to_string(path).map_err(|e| e.to_string())?.parse().map_err(|e: toml::de::Error| e.to_string())?;
        let folder = path.parent().unwrap().to_owned();
        let s = |a: &str, b: &str, d: &str| t.get(a).and_then(|x| x.get(b)).and_then(|x| x.as_str()).unwrap_or(d).to_owned();
        let people = t.get("people").cloned().map(|p| p.try_into().unwrap()).unwrap_or_default();
        let systems = t.get("systems").and_then(|x| x.as_table()).map(|m| m.iter().map(|(k, v)| { let mut v = v.as_table().unwrap().clone(); let kind = v.remove("kind").unwrap().as_str().unwrap().to_owned(); let environment = v.remove("environment").map(|e| Environment::from(e.as_str().unwrap())).unwrap_or(Environment::production()); (SystemName::from(k.as_str()), SystemConfig { kind, environment, settings: v }) }).collect()).unwrap_or_default();
        Ok(Self { server: Server { socket: s("server","socket","/run/purser/purser.sock").into(), group: s("server","group","purser") }, store: Store { path: s("store","path","/var/lib/purser").into() },
            catalog: Cat { workflows: folder.join("workflows"), commands: folder.join("commands") }, engine: Eng { concurrent_runs: 16, cancel_grace: Span::new(std::time::Duration::from_secs(30)) }, log: Log { format: Format::Text, level: s("log","level","info") }, people, systems, folder })
    }
    pub fn folder(&self) -> &Path { &self.folder }
    pub fn locate(&self, n: &SystemName, m: &str) -> String { format!("{n}: {m}") }
}
