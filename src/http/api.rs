//! The handlers: each reads who asks for what, calls the service and writes its answer.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::Event as SseEvent;
use axum::response::{IntoResponse, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::Stream;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Interval;

use super::Shared;
use super::caller::{Caller, unknown_path};
use super::problem::Problem;
use super::types::{
    Accepted, AnswerBody, ArtifactView, AskBody, CatalogView, DelegateBody, KeyView, LinesView,
    RerunBody, RunRow, RunView, UndoBody,
};
use crate::domain::event::Logged;
use crate::domain::names::{RunId, StepId};
use crate::domain::person::Actor;
use crate::domain::plan::WorkflowPlan;
use crate::domain::receipt::Receipt;
use crate::service::{Again, Ask, Back, Finding, Followed, Invocation, ServiceError, Verdict};

/// How often a watched run is looked at for progress, which is in no log, and for what nobody told.
const LOOK: Duration = Duration::from_secs(1);

/// What a run is asked for with is no longer, in bytes: a file may be among
/// it, of which a byte takes up to six in JSON.
const LONGEST_ASK: usize = 2 * 1024 * 1024;

type Answer<T> = Result<Json<T>, Problem>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/api/v1/catalog", get(catalog))
        .route("/api/v1/reload", post(reload))
        .route("/api/v1/plans", post(plan).layer(asks()))
        .route("/api/v1/runs", get(runs).post(start).layer(asks()))
        .route("/api/v1/runs/{run}", get(show))
        .route("/api/v1/runs/{run}/log", get(log))
        .route("/api/v1/runs/{run}/watch", get(watch))
        .route("/api/v1/runs/{run}/steps/{step}/lines", get(lines))
        .route("/api/v1/runs/{run}/artifacts", get(artifacts))
        .route("/api/v1/runs/{run}/artifacts/{*name}", get(artifact))
        .route("/api/v1/runs/{run}/approve", post(approve))
        .route("/api/v1/runs/{run}/delegate", post(delegate))
        .route("/api/v1/runs/{run}/rerun", post(rerun))
        .route("/api/v1/runs/{run}/undo", post(undo))
        .route("/api/v1/runs/{run}/undo/plan", post(plan_undo))
        .route("/api/v1/runs/{run}/reject", post(reject))
        .route("/api/v1/runs/{run}/cancel", post(cancel))
        .route("/api/v1/runs/{run}/decide", post(decide))
        .route("/api/v1/receipts", get(receipts))
        .route("/api/v1/receipts/key", get(key))
        .route("/api/v1/receipts/{which}", get(receipt))
        .fallback(unknown_path)
}

fn asks() -> DefaultBodyLimit {
    DefaultBodyLimit::max(LONGEST_ASK)
}

async fn ready(State(shared): State<Shared>) -> Result<&'static str, Problem> {
    shared.service.ready().await?;
    Ok("ok\n")
}

/// A JSON body whose misfits are problem details too.
pub(super) struct Body<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = Problem;

    async fn from_request(
        request: axum::extract::Request,
        shared: &Shared,
    ) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, shared).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(invalid(why(&rejection))),
        }
    }
}

fn why(rejection: &JsonRejection) -> String {
    format!("the body does not fit: {}", rejection.body_text())
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::from(ServiceError::Invalid(message.into()))
}

#[derive(Deserialize)]
struct Limit {
    limit: Option<u32>,
    after: Option<u64>,
}

fn invocation(by: Actor, body: AskBody) -> Result<Invocation, Problem> {
    let ask = match (body.workflow, body.command) {
        (Some(workflow), None) => Ask::Workflow(workflow),
        (None, Some(command)) => Ask::Command(command),
        _ => return Err(invalid("give exactly one of `workflow` and `command`")),
    };
    Ok(Invocation {
        by,
        ask,
        inputs: body.inputs,
        idempotency_key: body.idempotency_key,
        break_glass: body.break_glass,
        channel: None,
    })
}

async fn start(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Body(body): Body<AskBody>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let run = shared.service.start(invocation(by, body)?).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { run })))
}

async fn plan(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Body(body): Body<AskBody>,
) -> Answer<WorkflowPlan> {
    Ok(Json(shared.service.plan(&invocation(by, body)?).await?))
}

async fn runs(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Query(query): Query<Limit>,
) -> Answer<Vec<RunRow>> {
    Ok(Json(
        shared.service.runs(&by, query.limit.unwrap_or(20)).await?,
    ))
}

async fn show(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
) -> Answer<RunView> {
    let run = shared.service.find_run(&run).await?;
    Ok(Json(shared.service.show(&by, run).await?))
}

async fn log(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
    Query(query): Query<Limit>,
) -> Answer<Vec<Logged>> {
    let run = shared.service.find_run(&run).await?;
    let after = query.after.unwrap_or(0);
    Ok(Json(shared.service.log(&by, run, after).await?))
}

async fn lines(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path((run, step)): Path<(String, String)>,
    Query(query): Query<Limit>,
) -> Answer<LinesView> {
    let run = shared.service.find_run(&run).await?;
    let step = StepId::from(step);
    let lines = shared
        .service
        .lines(&by, run, &step, query.limit.unwrap_or(20))
        .await?;
    Ok(Json(LinesView { lines }))
}

async fn artifacts(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
) -> Answer<Vec<ArtifactView>> {
    let run = shared.service.find_run(&run).await?;
    Ok(Json(shared.service.artifacts(&by, run).await?))
}

async fn artifact(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path((run, name)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let run = shared.service.find_run(&run).await?;
    let (artifact, bytes) = shared.service.artifact(&by, run, &name).await?;
    let digest = format!("\"{}\"", artifact.digest);
    let headers = [
        (header::CONTENT_TYPE, artifact.media_type),
        (header::ETAG, digest),
    ];
    Ok((headers, bytes))
}

/// The run's view now and at each change, until it has ended: server-sent events, each with the
/// whole view, so that a reader who missed some has missed nothing.
async fn watch(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, Problem> {
    let run = shared.service.find_run(&run).await?;
    let changes = shared.service.changes();
    let followed = shared.service.follow(&by, run).await?;
    let first = shared.service.see(&by, &followed).await?;
    let watch = Watch {
        shared,
        by,
        run,
        followed,
        changes,
        looks: tokio::time::interval(LOOK),
        last: None,
        next: Some(first),
    };
    Ok(Sse::new(futures_util::stream::unfold(watch, Watch::step)))
}

struct Watch {
    shared: Shared,
    by: Actor,
    run: RunId,
    followed: Followed,
    changes: tokio::sync::broadcast::Receiver<RunId>,
    looks: Interval,
    last: Option<RunView>,
    next: Option<RunView>,
}

impl Watch {
    async fn step(mut self) -> Option<(Result<SseEvent, Infallible>, Self)> {
        if self
            .last
            .as_ref()
            .is_some_and(|view| view.run.ended.is_some())
        {
            return None;
        }
        let view = match self.next.take() {
            Some(view) => view,
            None => self.changed().await?,
        };
        let event = SseEvent::default().data(serde_json::json!(view).to_string());
        self.last = Some(view);
        Some((Ok(event), self))
    }

    /// The next view that differs; `None` when the server stops.
    async fn changed(&mut self) -> Option<RunView> {
        loop {
            tokio::select! {
                () = self.shared.shutdown.cancelled() => return None,
                changed = self.changes.recv() => match changed {
                    Ok(run) if run != self.run => continue,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                _ = self.looks.tick() => {}
            }
            let view = self.shared.service.see(&self.by, &self.followed).await;
            let view = view.ok()?;
            if self.last.as_ref() != Some(&view) {
                return Some(view);
            }
        }
    }
}

async fn approve(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
    Body(body): Body<AnswerBody>,
) -> Answer<RunView> {
    let run = shared.service.find_run(&run).await?;
    shared
        .service
        .approve(&by, run, body.digest.as_deref(), body.confirm.as_deref())
        .await?;
    Ok(Json(shared.service.show(&by, run).await?))
}

async fn reject(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
    Body(body): Body<AnswerBody>,
) -> Answer<RunView> {
    let run = shared.service.find_run(&run).await?;
    shared
        .service
        .reject(&by, run, body.digest.as_deref(), body.reason)
        .await?;
    Ok(Json(shared.service.show(&by, run).await?))
}

async fn delegate(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
    Body(body): Body<DelegateBody>,
) -> Answer<RunView> {
    let run = shared.service.find_run(&run).await?;
    shared
        .service
        .delegate(&by, run, &body.to, body.digest.as_deref())
        .await?;
    Ok(Json(shared.service.show(&by, run).await?))
}

async fn rerun(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
    Body(body): Body<RerunBody>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let run = shared.service.find_run(&run).await?;
    let again = Again {
        from: body.from,
        idempotency_key: body.idempotency_key,
        break_glass: body.break_glass,
        channel: None,
    };
    let run = shared.service.rerun(&by, run, again).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { run })))
}

async fn undo(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
    Body(body): Body<UndoBody>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let run = shared.service.find_run(&run).await?;
    let back = Back {
        reason: body.reason,
        idempotency_key: body.idempotency_key,
        break_glass: body.break_glass,
        channel: None,
    };
    let run = shared.service.undo(&by, run, back).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { run })))
}

async fn plan_undo(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
) -> Answer<WorkflowPlan> {
    let run = shared.service.find_run(&run).await?;
    Ok(Json(shared.service.plan_undo(&by, run).await?))
}

async fn cancel(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
    Body(body): Body<AnswerBody>,
) -> Answer<RunView> {
    let run = shared.service.find_run(&run).await?;
    shared.service.cancel(&by, run, body.reason).await?;
    Ok(Json(shared.service.show(&by, run).await?))
}

async fn decide(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(run): Path<String>,
    Body(body): Body<AnswerBody>,
) -> Answer<RunView> {
    let verdict = match (body.happened, body.go_on) {
        (Some(true), false) => Verdict::Happened,
        (Some(false), false) => Verdict::DidNot,
        (None, true) => Verdict::GoOn,
        _ => {
            return Err(invalid(
                "give `happened` as true or false, or `go_on` as true",
            ));
        }
    };
    let run = shared.service.find_run(&run).await?;
    let question = body.question;
    let finding = Finding { verdict, question };
    shared.service.decide(&by, run, finding).await?;
    Ok(Json(shared.service.show(&by, run).await?))
}

async fn receipts(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Query(query): Query<Limit>,
) -> Answer<Vec<Receipt>> {
    Ok(Json(match query.after {
        Some(after) => shared.service.receipts_after(&by, after).await?,
        None => {
            shared
                .service
                .receipts(&by, query.limit.unwrap_or(20))
                .await?
        }
    }))
}

async fn receipt(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(which): Path<String>,
) -> Answer<Receipt> {
    Ok(Json(shared.service.receipt(&by, &which).await?))
}

async fn key(State(shared): State<Shared>, Caller(by): Caller) -> Answer<KeyView> {
    shared
        .service
        .known(&by, "read the key of receipts")
        .await?;
    Ok(Json(KeyView {
        key: hex::encode(shared.service.receipts_key().as_bytes()),
    }))
}

async fn catalog(State(shared): State<Shared>, Caller(by): Caller) -> Answer<CatalogView> {
    Ok(Json(shared.service.names(&by).await?))
}

async fn reload(State(shared): State<Shared>, Caller(by): Caller) -> Answer<CatalogView> {
    shared.service.reload(&by).await?;
    Ok(Json(shared.service.names(&by).await?))
}
