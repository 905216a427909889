//! `s3.list_objects`: what lies in a folder, newest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use futures_util::TryStreamExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::S3;
use crate::action::objects::ObjectUrl;
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;
use crate::domain::time::Timestamp;

/// More than this is never listed: a reply and an event must stay small.
const MOST: usize = 1000;

/// Which folder to list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The folder as `s3://SYSTEM/BUCKET/PREFIX`; or else `bucket` and `prefix`.
    #[serde(default)]
    pub url: Option<ObjectUrl>,
    /// A bucket of the step's own system.
    #[serde(default)]
    pub bucket: Option<String>,
    /// The folder in that bucket.
    #[serde(default)]
    pub prefix: String,
    /// How many to list at most (1 to 1000).
    #[serde(default = "a_hundred")]
    pub limit: usize,
}

fn a_hundred() -> usize {
    100
}

/// What is there.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The newest, newest first.
    pub objects: Vec<Object>,
    /// How many there are in all.
    pub total: u64,
    /// The bytes of all of them.
    pub total_bytes: u64,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Object {
    /// When it was written, in UTC.
    pub at: String,
    /// Its path below the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// `s3.list_objects`.
pub struct ListObjects;

impl Action for ListObjects {
    type System = S3;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "s3.list_objects",
        summary: "List what lies in a folder of a bucket, newest first",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, ctx: &ReadContext, _: &S3, input: Input) -> Result<Plan> {
        Ok(Plan::new(format!("list {}", folder_of(ctx, &input)?)))
    }

    async fn run(&self, ctx: &Context, _: &S3, input: Input) -> Result<Output> {
        if !(1..=MOST).contains(&input.limit) {
            return Err(ActionError::fatal(format!(
                "limit is {}, and must be from 1 to {MOST}",
                input.limit
            )));
        }
        let folder = ctx.read.objects(&folder_of(&ctx.read, &input)?)?;
        match newest(&folder.store(), input.limit).await {
            Ok(output) => Ok(output),
            Err(error) => {
                let what = format!("list {}", folder.url());
                Err(folder.explain(&what, error).await)
            }
        }
    }
}

fn folder_of(ctx: &ReadContext, input: &Input) -> Result<ObjectUrl> {
    match (&input.url, &input.bucket) {
        (Some(url @ ObjectUrl::S3 { .. }), None) => Ok(url.clone()),
        (None, Some(bucket)) => format!("s3://{}/{bucket}/{}", ctx.system_name(), input.prefix)
            .parse()
            .map_err(|error| ActionError::fatal(format!("{error}"))),
        (Some(ObjectUrl::File { .. }), None) => Err(ActionError::fatal(
            "s3.list_objects lists buckets, not local folders: write url: s3://SYSTEM/BUCKET/FOLDER",
        )),
        _ => Err(ActionError::fatal(
            "s3.list_objects needs one of `url` (s3://SYSTEM/BUCKET/FOLDER) and `bucket`",
        )),
    }
}

/// Walks the whole folder and keeps the newest `limit`, so that memory stays bounded.
async fn newest(
    store: &std::sync::Arc<dyn object_store::ObjectStore>,
    limit: usize,
) -> object_store::Result<Output> {
    let mut listed = store.list(None);
    let mut kept = BinaryHeap::new();
    let (mut total, mut total_bytes) = (0, 0);
    while let Some(meta) = listed.try_next().await? {
        total += 1;
        total_bytes += meta.size;
        let at = Timestamp::from_micros(meta.last_modified.timestamp_micros());
        kept.push(Reverse((at, meta.location.to_string(), meta.size)));
        if kept.len() > limit {
            kept.pop();
        }
    }
    let objects = kept
        .into_sorted_vec()
        .into_iter()
        .map(|Reverse((at, name, bytes))| Object {
            at: at.to_string(),
            name,
            bytes,
        })
        .collect();
    Ok(Output {
        objects,
        total,
        total_bytes,
    })
}
