//! Actions that can be written into workflows and do nothing.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use purser::action::objects::ObjectUrl;
use purser::action::{
    Action, ActionSpec, AnyAction, Context, Integration, Ports, ReadContext, Registry, Result,
    Risk, System,
};
use purser::domain::plan::Plan;
use purser::domain::secret::SecretText;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) struct Nowhere;

impl System for Nowhere {
    fn address(&self) -> String {
        "nowhere".to_owned()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports::default()
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        unreachable!("the lint connects to nothing")
    }
}

/// Declares an action of this name, risk, input and output.
macro_rules! fake {
    ($action:ident, $name:literal, $risk:ident, $input:ident, $output:ident) => {
        struct $action;

        impl Action for $action {
            type System = Nowhere;
            type Input = $input;
            type Output = $output;
            const SPEC: ActionSpec = ActionSpec {
                name: $name,
                summary: "Does nothing",
                risk: Risk::$risk,
                service: None,
                effects: &[],
                last_undoable: None,
            };

            async fn plan(&self, _: &ReadContext, _: &Nowhere, _: $input) -> Result<Plan> {
                unreachable!("the lint plans nothing")
            }

            async fn run(&self, _: &Context, _: &Nowhere, _: $input) -> Result<$output> {
                unreachable!("the lint runs nothing")
            }
        }
    };
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct BackupInput {
    /// Which database.
    database: Option<String>,
    /// The folder that keeps the backups: `s3://SYSTEM/BUCKET/FOLDER` or `file:///FOLDER`.
    to: ObjectUrl,
    /// So many rows are compared.
    #[serde(default)]
    sample_rows: u32,
    /// Which form.
    #[serde(default)]
    form: Form,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// One file.
    #[default]
    Custom,
    /// A folder of files.
    Directory,
}

#[derive(Serialize, JsonSchema)]
struct BackupOutput {
    backup: ObjectUrl,
    bytes: u64,
    manifest: Option<Manifest>,
}

#[derive(Serialize, JsonSchema)]
struct Manifest {
    tables: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct DrillInput {
    backup: ObjectUrl,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct JobInput {
    image: String,
    command: Option<Vec<String>>,
    #[serde(default)]
    env: std::collections::BTreeMap<String, SecretText>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoInput {}

#[derive(Serialize, JsonSchema)]
struct NoOutput {}

fake!(Backup, "postgres.backup", Change, BackupInput, BackupOutput);
fake!(Drill, "postgres.drill_restore", Read, DrillInput, NoOutput);
fake!(Job, "docker.run_job", Change, JobInput, NoOutput);
fake!(List, "docker.list_services", Read, NoInput, NoOutput);

pub(super) fn registry() -> Registry {
    let integration = |kind, suggests, actions| Integration {
        kind,
        suggests,
        connect: |_| Ok(Arc::new(Nowhere) as Arc<dyn System>),
        settings: |_| schemars::Schema::default(),
        actions,
    };
    Registry::new(vec![
        integration(
            "postgres",
            &["databases", "backups"],
            || -> Vec<Arc<dyn AnyAction>> { vec![Arc::new(Backup), Arc::new(Drill)] },
        ),
        integration(
            "docker",
            &["services", "tags"],
            || -> Vec<Arc<dyn AnyAction>> { vec![Arc::new(Job), Arc::new(List)] },
        ),
    ])
}
