//! `http.get`: ask a web service for something.

use reqwest::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::LONGEST_ANSWER;
use super::connection::WebService;
use super::request::{Request, WrittenHeaders, open_headers};
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;

/// Asks for something.
pub struct Get;

/// What to ask for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The path below the system's `url`, with its query: `/v1/accounts?state=open`.
    path: String,
    /// Headers. A value may be a secret: `"{{ secrets.NAME }}"`.
    #[serde(default)]
    headers: WrittenHeaders,
    /// The statuses that are good; left out, every 2xx.
    #[serde(default)]
    expect: Vec<u16>,
}

/// What it said.
#[derive(Serialize, JsonSchema)]
pub struct Output {
    /// The status.
    status: u16,
    /// JSON as data where the service says that it is JSON, else text; null when there was none.
    body: Value,
}

impl Action for Get {
    type System = WebService;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "http.get",
        summary: "Ask a web service for something, and check the status of its answer",
        risk: Risk::Read,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, service: &WebService, input: Input) -> Result<Plan> {
        let request = Request::to(service, Method::GET, &input.path, None)?;
        Ok(Plan::new(request.named()))
    }

    async fn run(&self, ctx: &Context, service: &WebService, input: Input) -> Result<Output> {
        let headers = open_headers(ctx, service, &input.headers).await?;
        let request = Request::to(service, Method::GET, &input.path, None)?.headers(&headers);
        let answer = service.send(&request).await;
        let answer = answer.map_err(|trouble| service.not_read(&request, &trouble))?;
        if !answer.is(&input.expect) {
            return Err(service.not_expected(&request, &answer, &input.expect));
        }
        let name = service.name();
        if answer.cut {
            return Err(ActionError::retryable(format!(
                "{name}: the answer to {} broke off, or has more than {LONGEST_ANSWER} bytes: ask \
                 for less",
                request.named()
            )));
        }
        if let Some(why) = answer.no_json {
            return Err(ActionError::fatal(format!(
                "{name}: the answer to {} calls itself JSON and is none ({why})",
                request.named()
            )));
        }
        Ok(Output {
            status: answer.status,
            body: answer.body,
        })
    }
}
