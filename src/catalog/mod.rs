//! temp
#![allow(missing_docs)]
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use crate::action::{Registry, Systems};
use crate::domain::digest::Digest;
use crate::domain::input::InputSpec;
use crate::domain::names::*;
use crate::domain::nearest;
use crate::domain::person::People;
use crate::domain::workflow::Workflow;
#[derive(Clone, Debug)] pub struct CatalogFolders { pub workflows: PathBuf, pub commands: PathBuf }
#[derive(Clone, Debug, Serialize)] pub struct Problem { pub severity: Severity, pub message: String }
impl std::fmt::Display for Problem { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.message) } }
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)] pub enum Severity { Error, Warning }
#[derive(Clone, Debug)] pub struct Loaded { pub workflow: Workflow, pub digest: Digest, pub systems: BTreeSet<SystemName>, pub environments: Vec<Environment> }
#[derive(Clone, Debug, Deserialize)] pub struct Command { pub name: CommandName, pub summary: String, #[serde(default)] pub options: IndexMap<String, InputSpec>, pub runs: WorkflowName, #[serde(default)] pub who: IndexMap<Environment, Vec<Role>> }
#[derive(Default)] pub struct Catalog { w: BTreeMap<WorkflowName, Loaded>, c: BTreeMap<CommandName, Command> }
impl Catalog {
    pub fn load(f: &CatalogFolders, r: &Registry, s: &Systems, _p: &People) -> (Option<Self>, Vec<Problem>) {
        let mut me = Self::default();
        let files = |p: &PathBuf| std::fs::read_dir(p).map(|d| d.map(|e| std::fs::read_to_string(e.unwrap().path()).unwrap()).collect::<Vec<_>>()).unwrap_or_default();
        for t in files(&f.workflows) {
            let mut w: Workflow = match serde_saphyr::from_str(&t) { Ok(w) => w, Err(e) => return (None, vec![Problem { severity: Severity::Error, message: e.to_string() }]) };
            let mut systems = BTreeSet::new();
            for st in &mut w.steps { let kind = r.kind_of(st.uses.as_str()).unwrap_or(""); if !st.with.contains_key("system") { if let Some(n) = s.of_kind(kind).next() { st.with.insert("system".into(), n.as_str().into()); } } systems.insert(SystemName::from(st.with["system"].as_str().unwrap())); }
            let environments: BTreeSet<_> = systems.iter().filter_map(|n| s.get(n.as_str())).map(|e| e.environment.clone()).collect();
            me.w.insert(w.name.clone(), Loaded { digest: w.digest(), workflow: w, systems, environments: environments.into_iter().collect() });
        }
        for t in files(&f.commands) { let c: Command = serde_saphyr::from_str(&t).unwrap(); me.c.insert(c.name.clone(), c); }
        (Some(me), vec![])
    }
    pub fn workflow(&self, n: &str) -> Result<&Loaded, String> { self.w.get(n).ok_or_else(|| nearest::unknown("workflow", n, self.w.keys().map(|k| k.as_str()).collect::<Vec<_>>())) }
    pub fn command(&self, n: &str) -> Result<&Command, String> { self.c.get(n).ok_or_else(|| nearest::unknown("command", n, self.c.keys().map(|k| k.as_str()).collect::<Vec<_>>())) }
    pub fn workflows(&self) -> impl Iterator<Item=&Loaded> { self.w.values() }
    pub fn commands(&self) -> impl Iterator<Item=&Command> { self.c.values() }
}
