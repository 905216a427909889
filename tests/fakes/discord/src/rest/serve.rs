//! One request from its first byte to its answer: faults, token, limits, handler, headers.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderName, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::call::{Call, query, read, segments};
use super::limits::{Key, Limited, Standing};
use super::reply::Reply;
use super::route;
use crate::faults::Fault;
use crate::hub::Hub;
use crate::ids::AppId;
use crate::look::Request as Logged;
use crate::refusal::{NO_SUCH_ROUTE, Refusal, TOO_LARGE, UNAUTHORIZED};
use crate::state::State;

/// What a request may bring: ten files at their limit, and what is around them.
const BODY: usize = 110 * 1024 * 1024;
/// What comes before the path of every route.
const PREFIX: &str = "/api/v10";

/// Says that the connection is to break instead of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut;

/// What came of a request.
pub(super) enum Outcome {
    Done(Reply, Option<Standing>),
    Refused(Refusal, Option<Standing>),
    Limited(Limited),
}

/// Answers a request to the API.
pub(crate) async fn serve(hub: Arc<Hub>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, BODY).await else {
        return written(Outcome::Refused(TOO_LARGE, None));
    };
    let path = parts.uri.path();
    let segments = segments(path.strip_prefix(PREFIX).unwrap_or(path));
    let path = format!("/{}", segments.join("/"));
    let method = parts.method.as_str().to_owned();
    let (number, app, faults) = hub.write(|state| {
        let app = app_of(state, &parts);
        let number = state.log.len();
        state.log.push(Logged {
            at_ms: state.now_ms(),
            method: method.clone(),
            path: path.clone(),
            status: None,
            app,
        });
        (number, app, state.faults.strike(&method, &path))
    });
    for fault in &faults {
        if let Fault::Delay(time) = fault {
            tokio::time::sleep(*time).await;
        }
    }
    let response = match faults
        .iter()
        .find(|fault| !matches!(fault, Fault::Delay(_)))
    {
        Some(Fault::Fail(status)) => failed(*status),
        Some(Fault::Limit {
            retry_after,
            global,
        }) => {
            let retry_after_ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
            written(Outcome::Limited(Limited {
                retry_after_ms,
                global: *global,
                standing: None,
            }))
        }
        other => {
            let outcome = match read(&parts.headers, bytes).await {
                Ok((body, files)) => {
                    let query = query(parts.uri.query().unwrap_or(""));
                    let call = Call {
                        method,
                        segments,
                        query,
                        body,
                        files,
                        app,
                    };
                    hub.write(|state| carry_out(state, &call))
                }
                Err(refusal) => Outcome::Refused(refusal, None),
            };
            let mut response = written(outcome);
            if other.is_some() {
                response.extensions_mut().insert(Cut);
            }
            response
        }
    };
    hub.write(|state| {
        if let Some(logged) = state.log.get_mut(number) {
            logged.status = Some(response.status().as_u16());
        }
    });
    response
}

fn app_of(state: &State, parts: &Parts) -> Option<AppId> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    state.app_of_token(header.strip_prefix("Bot ")?)
}

pub(super) fn carry_out(state: &mut State, call: &Call) -> Outcome {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let Some(route) = route::find(&call.method, &segments) else {
        return Outcome::Refused(NO_SUCH_ROUTE, None);
    };
    if route.bots_only && call.app.is_none() {
        return Outcome::Refused(UNAUTHORIZED, None);
    }
    let now = state.now_ms();
    // Callbacks and what their tokens open do not count against the bot's limit over all routes.
    if let Some(app) = call.app.filter(|_| route.bots_only)
        && let Err(limited) = state.limits.take_global(app, now)
    {
        return Outcome::Limited(limited);
    }
    let key = Key {
        bucket: route.bucket,
        major: route
            .major
            .map(|at| call.segment(at).to_owned())
            .unwrap_or_default(),
        app: call.app.filter(|_| route.bots_only),
    };
    match state.limits.take(&key, route.rule, now) {
        Err(limited) => Outcome::Limited(limited),
        Ok(standing) => match (route.handler)(state, call) {
            Ok(reply) => Outcome::Done(reply, Some(standing)),
            Err(refusal) => Outcome::Refused(refusal, Some(standing)),
        },
    }
}

fn written(outcome: Outcome) -> Response<Body> {
    match outcome {
        Outcome::Done(reply, standing) => {
            with_standing(answer(reply.status, reply.body.as_ref()), standing)
        }
        Outcome::Refused(refusal, standing) => {
            with_standing(answer(refusal.status, Some(&refusal.body())), standing)
        }
        Outcome::Limited(limited) => throttled(limited),
    }
}

fn answer(status: u16, body: Option<&Value>) -> Response<Body> {
    let bytes = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let mut response = Response::new(bytes);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if body.is_some() {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}

/// What stands before Discord fails in HTML, not in JSON.
fn failed(status: u16) -> Response<Body> {
    let mut response = answer(status, None);
    *response.body_mut() = Body::from("<html><body><h1>error</h1></body></html>");
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

fn throttled(limited: Limited) -> Response<Body> {
    let seconds = seconds(limited.retry_after_ms);
    let body = json!({
        "message": "You are being rate limited.",
        "retry_after": seconds,
        "global": limited.global,
    });
    let mut response = with_standing(answer(429, Some(&body)), limited.standing);
    let whole = limited.retry_after_ms.div_ceil(1000);
    put(&mut response, "retry-after", &whole.to_string());
    put(&mut response, "via", "1.1 google");
    if limited.global {
        put(&mut response, "x-ratelimit-global", "true");
    }
    put(
        &mut response,
        "x-ratelimit-scope",
        if limited.global { "global" } else { "user" },
    );
    response
}

fn with_standing(mut response: Response<Body>, standing: Option<Standing>) -> Response<Body> {
    if let Some(standing) = standing {
        put(&mut response, "x-ratelimit-bucket", &standing.bucket);
        put(
            &mut response,
            "x-ratelimit-limit",
            &standing.limit.to_string(),
        );
        put(
            &mut response,
            "x-ratelimit-remaining",
            &standing.remaining.to_string(),
        );
        put(
            &mut response,
            "x-ratelimit-reset",
            &format!("{:.3}", seconds(standing.resets_ms)),
        );
        put(
            &mut response,
            "x-ratelimit-reset-after",
            &format!("{:.3}", seconds(standing.reset_after_ms)),
        );
    }
    response
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit a double for ages"
)]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn put(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
}
