//! `http.send`: have a web service do something, once.
//!
//! What a lost answer means is for whoever knows the service to say: it honours keys
//! ([`SEND_KEYED`]), it can be asked ([`SEND_ASKABLE`]), or neither ([`SEND_ONCE`]).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Answer;
use super::connection::WebService;
use super::explain::Trouble;
use super::request::{
    ChangeMethod, Headers, KEY, Request, WrittenHeaders, check_body, check_headers, named_headers,
    open_headers,
};
use crate::action::{
    Action, ActionError, ActionSpec, Context, EffectStatus, Found, ReadContext, Result, Risk,
    Undone,
};
use crate::domain::effect::{EffectKey, EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::undo::WayBack;

const SEND_KEYED: &str = "send_keyed";
const SEND_ASKABLE: &str = "send_askable";
const SEND_ONCE: &str = "send_once";

/// After this an effect is given up: later than any request, which has a limit of its own.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(20);

/// How often a service is asked whether something happened, and the pause between two questions.
const QUESTIONS: u32 = 3;
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);

/// A plan shows this much of a body, in characters.
const SHOWN: usize = 400;

/// Has something done.
pub struct Send;

/// What to send.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The path below the system's `url`: `/v1/charges`. `{key}` in it becomes the effect's key.
    path: String,
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    #[serde(default)]
    method: ChangeMethod,
    /// The body, sent as JSON. `{key}` in its texts becomes the effect's key. It is kept with the
    /// run, so put no password there.
    #[serde(default)]
    body: Option<Value>,
    /// Headers. A value may be a secret: `"{{ secrets.NAME }}"`. No value is in a plan.
    #[serde(default)]
    headers: WrittenHeaders,
    /// The statuses that mean that it is done; left out, every 2xx.
    #[serde(default)]
    expect: Vec<u16>,
    /// The service does nothing twice that comes with the same `Idempotency-Key`.
    #[serde(default)]
    keyed: bool,
    /// The path that tells whether it happened: 200 and what came of it, or 404 if it did not.
    /// `{key}` in it becomes the effect's key.
    #[serde(default)]
    ask: Option<String>,
    /// What takes it back. It must do no harm when it is sent twice, or when there is nothing to
    /// take back; 404 and 410 mean that there is nothing.
    #[serde(default)]
    undo: Option<UndoRequest>,
}

/// A request that takes something back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct UndoRequest {
    /// The path below the system's `url`. `{key}` in it becomes the key of what is taken back.
    path: String,
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    #[serde(default = "delete")]
    method: ChangeMethod,
    /// The body, sent as JSON. `{key}` in its texts becomes the key of what is taken back.
    #[serde(default)]
    body: Option<Value>,
}

const fn delete() -> ChangeMethod {
    ChangeMethod::Delete
}

/// What came of it.
#[derive(Serialize, JsonSchema)]
pub struct Output {
    /// The status; null when a person said that it happened.
    status: Option<u16>,
    /// JSON as data where the service says that it is JSON, else text; null when there was none.
    body: Value,
    /// The body was longer than what is read, or broke off.
    cut: bool,
    /// What it was sent under as `Idempotency-Key`.
    key: String,
}

const fn effect(name: &'static str, sort: EffectSort) -> EffectSpec {
    EffectSpec {
        name,
        sort,
        limit: GIVEN_UP_AFTER,
    }
}

/// How a lost answer is made good.
#[derive(Clone, Copy)]
enum Certainty<'a> {
    Keyed,
    Askable(&'a str),
    Neither,
}

impl Input {
    fn certainty(&self, service: &WebService) -> Result<Certainty<'_>> {
        let wrong =
            |why: &str| ActionError::fatal(format!("{}: {why}; nothing was sent", service.name()));
        match (self.keyed, &self.ask) {
            (true, None) => Ok(Certainty::Keyed),
            (false, None) => Ok(Certainty::Neither),
            (false, Some(ask)) if ask.contains(KEY) => Ok(Certainty::Askable(ask)),
            (false, Some(_)) => Err(wrong(
                "`ask` must hold `{key}`: else it cannot be asked about this one",
            )),
            (true, Some(_)) => Err(wrong("there is `keyed: true` and `ask`: keep one of them")),
        }
    }

    /// Everything that can be known to be wrong before anything is sent.
    fn check<'a>(&'a self, service: &WebService) -> Result<Certainty<'a>> {
        let certainty = self.certainty(service)?;
        check_headers(service, &self.headers)?;
        let undo = self.undo.as_ref();
        for body in [self.body.as_ref(), undo.and_then(|undo| undo.body.as_ref())] {
            check_body(service, body)?;
        }
        let asked = match certainty {
            Certainty::Askable(ask) => Some(ask),
            Certainty::Keyed | Certainty::Neither => None,
        };
        let undone = undo.map(|undo| undo.path.as_str());
        for path in [Some(self.path.as_str()), asked, undone]
            .into_iter()
            .flatten()
        {
            service.place(path, Some("key"))?;
        }
        Ok(certainty)
    }
}

impl Certainty<'_> {
    fn effect(self) -> &'static str {
        match self {
            Self::Keyed => SEND_KEYED,
            Self::Askable(_) => SEND_ASKABLE,
            Self::Neither => SEND_ONCE,
        }
    }

    fn note(self) -> String {
        match self {
            Self::Keyed => {
                "if its answer is lost it is sent again: the service honours its key".to_owned()
            }
            Self::Askable(ask) => {
                format!("if its answer is lost the service is asked whether it happened: GET {ask}")
            }
            Self::Neither => {
                "if its answer is lost the run stops and asks a person whether it happened"
                    .to_owned()
            }
        }
    }
}

impl Action for Send {
    type System = WebService;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "http.send",
        summary: "Have a web service do something, once",
        risk: Risk::Change,
        service: None,
        effects: &[
            effect(SEND_KEYED, EffectSort::Keyed),
            effect(SEND_ASKABLE, EffectSort::Askable),
            effect(SEND_ONCE, EffectSort::Neither),
        ],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, service: &WebService, input: Input) -> Result<Plan> {
        let certainty = input.check(service)?;
        let (method, path) = (Method::from(input.method), &input.path);
        let body = input.body.as_ref();
        let sent = body.map_or_else(|| "sent, without a body".to_owned(), shown);
        let mut plan = Plan::new(format!("{method} {path} on {}", service.name())).changes(
            format!("{method} {}{path}", service.url()),
            None,
            Some(sent),
        );
        if let Some(headers) = named_headers(&input.headers) {
            plan = plan.note(format!("with the headers {headers}"));
        }
        plan = plan.note(certainty.note());
        Ok(plan.note(match &input.undo {
            Some(undo) => format!(
                "it is taken back with {} {}",
                Method::from(undo.method),
                undo.path
            ),
            None => "it cannot be taken back".to_owned(),
        }))
    }

    async fn run(&self, ctx: &Context, service: &WebService, input: Input) -> Result<Output> {
        let certainty = input.check(service)?;
        let headers = open_headers(ctx, service, &input.headers).await?;
        let key = ctx.key(certainty.effect()).await.to_string();
        let sending = Sending {
            ctx,
            service,
            input: &input,
            certainty,
            headers,
            lost: AtomicBool::new(false),
        };
        let answer = match sending.once().await {
            // What can be found out about a lost answer is found out now, and not only where the
            // step has another attempt.
            Err(_) if sending.lost.load(Ordering::Relaxed) => sending.once().await?,
            other => other?,
        };
        let cut = answer.as_ref().is_some_and(|answer| answer.cut);
        let (status, body) = answer.map_or((None, Value::Null), |answer| {
            (Some(answer.status), answer.body)
        });
        Ok(Output {
            status,
            body,
            cut,
            key,
        })
    }

    async fn undo(&self, ctx: &Context, service: &WebService, input: Input) -> Result<Undone> {
        let Some(undo) = &input.undo else {
            return Ok(Undone::except_for_what_is_left(ctx).await);
        };
        let headers = open_headers(ctx, service, &input.headers).await?;
        wait_until_settled(ctx).await?;
        for name in [SEND_KEYED, SEND_ASKABLE, SEND_ONCE] {
            ctx.undo(name, async |key, _: Option<Option<Answer>>| {
                take_back(service, undo, &headers, &key.to_string()).await
            })
            .await?;
        }
        Ok(Undone::Fully)
    }

    fn way_back(&self, step: &StepState) -> WayBack {
        match step.input.get("undo") {
            None | Some(Value::Null) => {
                let why = "what was sent stays: the step names no `undo` request";
                WayBack::Stays(why.to_owned())
            }
            Some(_) => WayBack::Undo,
        }
    }
}

/// One thing to send.
struct Sending<'a> {
    ctx: &'a Context,
    service: &'a WebService,
    input: &'a Input,
    certainty: Certainty<'a>,
    headers: Headers,
    /// It was sent, and no answer says what came of it.
    lost: AtomicBool,
}

impl Sending<'_> {
    /// The answer; none where a person has said that it happened, and so does not know it.
    async fn once(&self) -> Result<Option<Answer>> {
        let act = async |key| {
            let sent = self.send(&key).await;
            let lost = sent.as_ref().is_err_and(|error| error.may_have_landed);
            self.lost.store(lost, Ordering::Relaxed);
            sent.map(Some)
        };
        let find = async |key| self.find(&key).await;
        self.ctx.effect(self.certainty.effect(), act, find).await
    }

    async fn send(&self, key: &EffectKey) -> Result<Answer> {
        let (service, input, key) = (self.service, self.input, key.to_string());
        let request = Request::to(service, input.method, &input.path, Some(&key))?
            .body(input.body.as_ref(), &key)
            .headers(&self.headers)
            .keyed(&key);
        let answer = service.send(&request).await;
        let answer = answer.map_err(|trouble| service.not_answered(&request, &trouble))?;
        if answer.is(&input.expect) {
            return Ok(answer);
        }
        Err(service.not_done(&request, &answer, &input.expect, input.keyed))
    }

    /// What is known of a request whose answer was lost.
    async fn find(&self, key: &EffectKey) -> Result<Found<Option<Answer>>> {
        let (service, key) = (self.service, key.to_string());
        match self.certainty {
            // The service itself sees to it that a second one does nothing.
            Certainty::Keyed => Ok(Found::NotDone),
            Certainty::Neither => Ok(Found::Unclear(format!(
                "no answer of {} is known, and it cannot be asked: look there for what came with \
                 the Idempotency-Key {key}",
                service.name()
            ))),
            Certainty::Askable(ask) => {
                let request = Request::to(service, Method::GET, ask, Some(&key))?;
                ask_whether(self.ctx, service, &request.headers(&self.headers)).await
            }
        }
    }
}

/// 200 is yes, 404 is no. Anything else says nothing, and is asked for a little longer.
async fn ask_whether(
    ctx: &Context,
    service: &WebService,
    request: &Request,
) -> Result<Found<Option<Answer>>> {
    let mut asked = 1;
    loop {
        let answer = service.send(request).await;
        let known = match answer {
            Ok(answer) if answer.status == 200 => return Ok(Found::Done(Some(answer))),
            Ok(answer) if answer.status == 404 => return Ok(Found::NotDone),
            Ok(answer) => answer.told(),
            Err(trouble) => no_answer(&trouble).to_owned(),
        };
        if asked == QUESTIONS {
            return Ok(Found::Unclear(format!(
                "{} was asked {QUESTIONS} times whether it happened, and that is no answer: {} \
                 gives {known}",
                service.name(),
                request.named()
            )));
        }
        asked += 1;
        ctx.sleep(BETWEEN_QUESTIONS).await?;
    }
}

fn no_answer(trouble: &Trouble) -> &str {
    match trouble {
        Trouble::Unreachable(why) | Trouble::Broken(why) => why,
        Trouble::TooSlow => "nothing in time",
    }
}

/// A request whose end nobody knows may still land: taken back before that, it would stay.
async fn wait_until_settled(ctx: &Context) -> Result<()> {
    for record in ctx.effects().await {
        if record.status == EffectStatus::Started
            && let Some(spec) = ctx.spec.effect(&record.effect.name)
        {
            ctx.until_landed(spec, record.started_at).await?;
        }
    }
    Ok(())
}

async fn take_back(
    service: &WebService,
    undo: &UndoRequest,
    headers: &Headers,
    key: &str,
) -> Result<()> {
    let request = Request::to(service, undo.method, &undo.path, Some(key))?
        .body(undo.body.as_ref(), key)
        .headers(headers)
        .keyed(&format!("{key}/undo"));
    let answer = service.send(&request).await;
    let answer = answer.map_err(|trouble| service.not_read(&request, &trouble))?;
    if answer.is_success() || matches!(answer.status, 404 | 410) {
        return Ok(());
    }
    Err(service.not_taken_back(&request, &answer))
}

/// The body as a plan shows it: its beginning, and the digest of all of it where that is not all.
fn shown(body: &Value) -> String {
    let text = body.to_string();
    let beginning: String = text.chars().take(SHOWN).collect();
    if beginning.len() == text.len() {
        return text;
    }
    let digest = crate::domain::digest::Digest::of_bytes(text.as_bytes());
    format!("{beginning}… ({} bytes, {digest})", text.len())
}
