//! A system in memory with one action of each sort, to try the engine without any other program.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use purser::action::{
    Action, ActionError, ActionSpec, AnyAction, Context, Found, Integration, Ports, ReadContext,
    Result, Risk, System, Undone,
};
use purser::domain::effect::{EffectKey, EffectSort, EffectSpec};
use purser::domain::plan::Plan;
use purser::domain::run::StepState;
use purser::domain::undo::WayBack;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// What was really done, by effect key; and how the toy is to behave.
#[derive(Default)]
pub struct Toy {
    state: Mutex<State>,
    hangs: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    done: BTreeMap<String, u32>,
    calls: u32,
    fail: u32,
    lose_answer: bool,
    version: String,
    undo_fails: bool,
    drawings: u32,
    when_planning: Option<Arc<dyn Fn() -> Option<&'static str> + Send + Sync>>,
}

impl Toy {
    /// The next `n` calls fail in a way that may pass.
    pub fn fail_next(&self, n: u32) {
        self.state.lock().unwrap().fail = n;
    }

    /// The next call is carried out, and its answer is lost.
    pub fn lose_next_answer(&self) {
        self.state.lock().unwrap().lose_answer = true;
    }

    /// Calls are carried out and never answered, from now on or no longer.
    pub fn hang(&self, hang: bool) {
        self.hangs.send_replace(hang);
    }

    fn hangs(&self) -> bool {
        *self.hangs.borrow()
    }

    /// Plans rely on this.
    pub fn set_version(&self, version: &str) {
        version.clone_into(&mut self.state.lock().unwrap().version);
    }

    /// This happens each time that a plan is made; the plan relies on the version that it returns,
    /// if it returns one.
    pub fn when_planning(
        &self,
        happens: impl Fn() -> Option<&'static str> + Send + Sync + 'static,
    ) {
        self.state.lock().unwrap().when_planning = Some(Arc::new(happens));
    }

    /// How often a picture was begun.
    pub fn drawings(&self) -> u32 {
        self.state.lock().unwrap().drawings
    }

    /// Taking back does not work any more.
    pub fn break_undo(&self) {
        self.state.lock().unwrap().undo_fails = true;
    }

    /// How often each thing is in the world, by key.
    pub fn things(&self) -> Vec<u32> {
        self.state
            .lock()
            .unwrap()
            .done
            .values()
            .copied()
            .filter(|n| *n > 0)
            .collect()
    }

    /// How often something was made.
    pub fn calls(&self) -> u32 {
        self.state.lock().unwrap().calls
    }

    async fn make(&self, key: &str) -> Result<String> {
        let (hang, lost) = {
            let mut state = self.state.lock().unwrap();
            if state.fail > 0 {
                state.fail -= 1;
                return Err(ActionError::retryable("the toy is busy"));
            }
            state.calls += 1;
            *state.done.entry(key.to_owned()).or_default() += 1;
            (self.hangs(), std::mem::take(&mut state.lose_answer))
        };
        if hang {
            std::future::pending::<()>().await;
        }
        if lost {
            return Err(ActionError::retryable("the line went dead").may_have_landed());
        }
        Ok(key.to_owned())
    }

    fn has(&self, key: &str) -> bool {
        self.state
            .lock()
            .unwrap()
            .done
            .get(key)
            .is_some_and(|n| *n > 0)
    }

    fn take_away(&self, key: &str) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        if state.undo_fails {
            return Err(ActionError::fatal("the toy cannot be put away"));
        }
        state.done.insert(key.to_owned(), 0);
        Ok(())
    }
}

impl System for Toy {
    fn address(&self) -> String {
        "memory".to_owned()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports::default()
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        async { Ok("toy 1".to_owned()) }.boxed()
    }
}

/// What the toy's actions are given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Fails after its effect, for good.
    #[serde(default)]
    break_down: bool,
    /// Its effect is carried out and never answered.
    #[serde(default)]
    hang: bool,
    /// Taken back it leaves dust, which is only found a while after.
    #[serde(default)]
    dusty: bool,
    /// The part of the toy that it is about.
    #[serde(default)]
    #[allow(dead_code, reason = "what is done to all parts is the same")]
    part: Option<String>,
    /// So much is left behind.
    #[serde(default)]
    bytes: usize,
}

/// What they return.
#[derive(Serialize, JsonSchema)]
pub struct Output {
    key: String,
}

const fn effect(sort: EffectSort) -> EffectSpec {
    EffectSpec {
        name: "make_thing",
        sort,
        limit: Duration::from_secs(1),
    }
}

/// Its thing can be asked for, and taken back.
pub struct Make;

impl Action for Make {
    type System = Toy;
    type Input = Input;
    type Output = Output;
    const SPEC: ActionSpec = ActionSpec {
        name: "toy.make",
        summary: "Make a thing",
        risk: Risk::Change,
        service: Some("part"),
        effects: &[effect(EffectSort::Askable)],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, toy: &Toy, _: Input) -> Result<Plan> {
        let (version, happens) = {
            let state = toy.state.lock().unwrap();
            (state.version.clone(), state.when_planning.clone())
        };
        let version = happens
            .and_then(|happens| happens())
            .map_or(version, str::to_owned);
        Ok(Plan::new("make a thing")
            .relies_on("the toy's version", version)
            .changes("thing", None, Some("there".to_owned())))
    }

    async fn run(&self, ctx: &Context, toy: &Toy, input: Input) -> Result<Output> {
        let key = ctx
            .effect(
                "make_thing",
                |key| async move {
                    let made = toy.make(&key.to_string()).await;
                    if input.hang {
                        std::future::pending().await
                    } else {
                        made
                    }
                },
                |key| async move {
                    let key = key.to_string();
                    Ok(if toy.has(&key) {
                        Found::Done(key)
                    } else {
                        Found::NotDone
                    })
                },
            )
            .await?;
        ctx.log.line("made a thing");
        if input.break_down {
            return Err(ActionError::fatal("the thing broke"));
        }
        Ok(Output { key })
    }

    async fn undo(&self, ctx: &Context, toy: &Toy, input: Input) -> Result<Undone> {
        ctx.undo("make_thing", |key, _: Option<String>| async move {
            toy.take_away(&key.to_string())
        })
        .await?;
        if input.dusty {
            tokio::time::sleep(Duration::from_millis(300)).await;
            return Ok(Undone::ExceptFor("its dust stays".to_owned()));
        }
        Ok(Undone::Fully)
    }

    fn way_back(&self, _: &StepState) -> WayBack {
        WayBack::Undo
    }
}

/// Makes a thing; what it has done is taken back by another one, which hangs if that is wanted.
pub struct Swap;

impl Action for Swap {
    type System = Toy;
    type Input = Input;
    type Output = Output;
    const SPEC: ActionSpec = ActionSpec {
        name: "toy.swap",
        summary: "Make a thing in the place of another one",
        risk: Risk::Change,
        service: Some("part"),
        effects: &[effect(EffectSort::Repeatable)],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, _: &Toy, _: Input) -> Result<Plan> {
        Ok(Plan::new("swap it"))
    }

    async fn run(&self, ctx: &Context, toy: &Toy, _: Input) -> Result<Output> {
        let make = |key: EffectKey| async move { toy.make(&key.to_string()).await };
        let key = ctx.repeatable("make_thing", make).await?;
        Ok(Output { key })
    }

    fn way_back(&self, _: &StepState) -> WayBack {
        let part = serde_json::json!("{{ it is not evaluated }}");
        WayBack::by(
            "toy.make",
            [("part".to_owned(), part)].into_iter().collect(),
        )
    }
}

/// Nobody can tell whether its thing was made, and it cannot be taken back.
pub struct Shout;

impl Action for Shout {
    type System = Toy;
    type Input = Input;
    type Output = Output;
    const SPEC: ActionSpec = ActionSpec {
        name: "toy.shout",
        summary: "Shout once",
        risk: Risk::Change,
        service: None,
        effects: &[effect(EffectSort::Neither)],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, _: &Toy, _: Input) -> Result<Plan> {
        Ok(Plan::new("shout"))
    }

    async fn run(&self, ctx: &Context, toy: &Toy, _: Input) -> Result<Output> {
        let key: Option<String> = ctx
            .effect(
                "make_thing",
                |key| async move { toy.make(&key.to_string()).await.map(Some) },
                |_| async { Ok(Found::Unclear("nobody listened".to_owned())) },
            )
            .await?;
        Ok(Output {
            key: key.unwrap_or_default(),
        })
    }
}

/// Makes a thing, and pours something out that nobody can pour back.
pub struct Pour;

impl Action for Pour {
    type System = Toy;
    type Input = Input;
    type Output = ();
    const SPEC: ActionSpec = ActionSpec {
        name: "toy.pour",
        summary: "Make a thing and pour it out",
        risk: Risk::Destroy,
        service: None,
        effects: &[
            effect(EffectSort::Askable),
            EffectSpec {
                name: "pour_out",
                sort: EffectSort::Repeatable,
                limit: Duration::from_secs(30),
            },
        ],
        last_undoable: Some("make_thing"),
    };

    async fn plan(&self, _: &ReadContext, _: &Toy, _: Input) -> Result<Plan> {
        Ok(Plan::new("pour it out"))
    }

    async fn run(&self, ctx: &Context, toy: &Toy, _: Input) -> Result<()> {
        ctx.repeatable("make_thing", |key| async move {
            let mut state = toy.state.lock().unwrap();
            state.done.insert(key.to_string(), 1);
            Ok(())
        })
        .await?;
        ctx.repeatable("pour_out", |_| async {
            let mut hangs = toy.hangs.subscribe();
            tokio::select! {
                _ = hangs.wait_for(|hangs| !hangs) => Ok(()),
                () = ctx.cancel.cancelled() => ctx.stop_if_cancelled(),
            }
        })
        .await
    }

    async fn undo(&self, _: &Context, _: &Toy, _: Input) -> Result<Undone> {
        Ok(Undone::ExceptFor("what was poured out".to_owned()))
    }
}

/// Says two lines, one soon after the other, once.
pub struct Tell;

impl Action for Tell {
    type System = Toy;
    type Input = Input;
    type Output = ();
    const SPEC: ActionSpec = ActionSpec {
        name: "toy.tell",
        summary: "Tell a story",
        risk: Risk::Change,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, _: &Toy, _: Input) -> Result<Plan> {
        Ok(Plan::new("tell a story"))
    }

    async fn run(&self, ctx: &Context, toy: &Toy, _: Input) -> Result<()> {
        ctx.record("told", || async {
            ctx.log.line("once upon a time");
            ctx.sleep(Duration::from_millis(50)).await?;
            ctx.log.line("they lived happily");
            Ok(())
        })
        .await?;
        if toy.hangs() {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// Leaves as much as is wanted.
pub struct Fill;

/// What it leaves.
#[derive(Serialize, JsonSchema)]
pub struct Filling {
    rows: String,
    proof: String,
}

impl Action for Fill {
    type System = Toy;
    type Input = Input;
    type Output = Filling;
    const SPEC: ActionSpec = ActionSpec {
        name: "toy.fill",
        summary: "Leave much behind",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, _: &Toy, _: Input) -> Result<Plan> {
        Ok(Plan::new("leave much behind"))
    }

    async fn run(&self, _: &Context, _: &Toy, input: Input) -> Result<Filling> {
        let rows = "x".repeat(input.bytes);
        let proof = "it is full".to_owned();
        Ok(Filling { rows, proof })
    }
}

/// Keeps a picture, another one in each attempt.
pub struct Draw;

impl Action for Draw {
    type System = Toy;
    type Input = Input;
    type Output = ();
    const SPEC: ActionSpec = ActionSpec {
        name: "toy.draw",
        summary: "Draw a picture",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, _: &Toy, _: Input) -> Result<Plan> {
        Ok(Plan::new("draw a picture"))
    }

    async fn run(&self, ctx: &Context, toy: &Toy, input: Input) -> Result<()> {
        toy.state.lock().unwrap().drawings += 1;
        let picture = format!("picture {}", ctx.attempt).into_bytes();
        ctx.artifact("picture.txt", "text/plain", picture).await?;
        ctx.artifact("frame.txt", "text/plain", b"frame".to_vec())
            .await?;
        if input.break_down {
            ctx.artifact("../frame.txt", "text/plain", vec![]).await?;
        }
        toy.make("draw").await.map(drop)
    }
}

/// The toy as an integration.
pub fn integration() -> Integration {
    Integration {
        kind: "toy",
        connect: |_| Ok(Arc::new(Toy::default())),
        settings: |_| schemars::Schema::default(),
        suggests: &[],
        actions: || {
            let make = Arc::new(Make) as Arc<dyn AnyAction>;
            vec![
                make,
                Arc::new(Shout),
                Arc::new(Pour),
                Arc::new(Tell),
                Arc::new(Draw),
                Arc::new(Fill),
                Arc::new(Swap),
            ]
        },
    }
}
