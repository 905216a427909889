//! `purser console`: a prompt that takes the commands of `commands/`.

mod ask;
mod complete;
mod editor;
mod given;
mod history;
mod input;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use secrecy::ExposeSecret as _;

use super::client::{Server, segment};
use super::inputs::typed;
use super::printer::Printer;
use super::run::{tell_end, waits_for_person};
use super::terminal::Terminal;
use super::words::words;
use super::{Failure, locks, render, show};
use crate::chat::built_in::{BuiltIn, FORMS, Form, is_about};
use crate::chat::card::{self, value::table};
use crate::http::types::{
    Accepted, AskBody, CatalogEntry, CatalogView, MayAnswer, RunRow, RunView, UndoBody,
};
use ask::{Answer, Asked};
use given::{asked, entry, options, usage};
use input::{Input, Typed};

/// What the console takes besides what can be said in every chat: how it is written, and what it does.
const OWN: [(&str, &str); 7] = [
    ("watch RUN", "Follow one run to its end"),
    (
        "approve RUN [--plan DIGEST] [--confirm NAME]",
        "Say yes to a run's plan",
    ),
    ("reject RUN [WHY]", "Say no to a run's plan"),
    (
        "decide RUN happened|did-not|go-on [--question NUMBER]",
        "Say what you have found, where a run asks",
    ),
    ("cancel RUN [WHY]", "Stop a run and take back what it did"),
    ("undo RUN [WHY]", "Take back what a run did that succeeded"),
    ("quit", "Leave; runs go on"),
];

/// Takes commands until end of input or `quit`. What goes wrong is said, and the prompt returns.
///
/// # Errors
/// No server at the start.
pub(super) async fn open(server: &Server, terminal: Terminal) -> Result<(), Failure> {
    let catalog: CatalogView = server.get("catalog").await?;
    let mut console = Console {
        server,
        terminal,
        input: Input::open(server, terminal, &catalog),
        catalog,
        watches: Rc::default(),
    };
    println!("Type a command, `help`, or `quit`.");
    loop {
        let line = match console.input.line("purser> ").await {
            Typed::Line(line) => line,
            Typed::Dropped => continue,
            Typed::End => break,
        };
        if line.trim() == "quit" {
            break;
        }
        console.obey(&line).await;
    }
    Ok(())
}

struct Console<'a> {
    server: &'a Server,
    terminal: Terminal,
    catalog: CatalogView,
    input: Input,
    /// Whether a run is being watched.
    watches: Rc<Cell<bool>>,
}

/// Whether a run is looked at beyond the point where it waits for somebody else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    ItWaits,
    ItEnds,
}

impl Console<'_> {
    /// Does what the line says, and says what went wrong. Ctrl-C stops waiting for it.
    async fn obey(&mut self, line: &str) {
        let terminal = self.terminal;
        let watches = Rc::clone(&self.watches);
        // Whoever watches a run says that it goes on; which of two listeners hears of the key first
        // is not known.
        let interrupted = async {
            loop {
                terminal.interrupted().await;
                if !watches.get() {
                    break;
                }
            }
        };
        let done = tokio::select! {
            biased;
            done = self.take(line) => done,
            () = interrupted => {
                // The mark of the key stands where the cursor was.
                println!("\nthe answer was not waited for; `runs` shows what has begun");
                Ok(())
            }
        };
        if let Err(failure) = done
            && !failure.message.is_empty()
        {
            println!("{}", failure.message);
        }
    }

    async fn take(&mut self, line: &str) -> Result<(), Failure> {
        let line = line.trim_start().trim_start_matches('/');
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((name, rest)) = words.split_first() else {
            return Ok(());
        };
        match (*name, rest) {
            (name, rest) if let Some(form) = Form::named(name) => self.built_in(form, rest).await,
            ("watch", [run]) => self.watch(run, Until::ItEnds).await,
            ("approve", [run]) => self.tell(run, &Answer::yes(None)).await,
            ("approve", [run, "--plan", plan]) => self.tell(run, &Answer::yes(Some(plan))).await,
            ("approve", [run, "--plan", plan, "--confirm", name]) => {
                self.tell(run, &Answer::confirmed(plan, name)).await
            }
            ("reject", [run, why @ ..]) => self.tell(run, &Answer::because("reject", why)).await,
            ("cancel", [run, why @ ..]) => self.tell(run, &Answer::because("cancel", why)).await,
            ("undo", [run, why @ ..]) => self.undo(run, why).await,
            ("decide", [run, found]) => self.tell(run, &Answer::found(found, None)?).await,
            ("decide", [run, found, "--question", number]) => {
                self.tell(run, &Answer::found(found, Some(number))?).await
            }
            (name, _) if let Some(usage) = built_in(name) => {
                Err(Failure::usage(format!("write: {usage}")))
            }
            _ => self.command(&words).await,
        }
    }

    async fn built_in(&self, form: &Form, words: &[&str]) -> Result<(), Failure> {
        let asked = form
            .given(words)
            .and_then(|given| BuiltIn::read(form.name, &given).ok());
        let Some(asked) = asked else {
            return Err(Failure::usage(format!("write: {}", said(form))));
        };
        match asked {
            BuiltIn::Runs => {
                let rows: Vec<RunRow> = self.server.get("runs?limit=10").await?;
                println!("{}", render::runs(&rows));
            }
            BuiltIn::Show { run } => show::show(self.server, self.terminal, &run, false).await?,
            BuiltIn::Locks => locks::list(self.server, false).await?,
            BuiltIn::Lock { target, reason } => {
                locks::take(self.server, target, reason, None, false).await?;
            }
            BuiltIn::Unlock { target } => locks::release(self.server, &target, false).await?,
            BuiltIn::Help { about } => println!("{}", self.help(&about)?),
        }
        Ok(())
    }

    async fn command(&mut self, words: &[&str]) -> Result<(), Failure> {
        let (entry, given) = entry(&self.catalog, words).map_err(Failure::usage)?;
        let mut inputs = options(entry, given)?;
        for (name, value) in &mut inputs {
            if let (Some(spec), Some(text)) = (entry.inputs.get(name), value.as_str()) {
                *value = typed(name, spec, text)?;
            }
        }
        for name in asked(entry, given) {
            let value = self.input.secret(name).await?;
            inputs.insert(name.to_owned(), value.expose_secret().into());
        }
        let body = AskBody {
            command: Some(entry.name.clone()),
            inputs,
            ..AskBody::default()
        };
        let accepted: Accepted = self.server.post("runs", &body).await?;
        self.watch(&accepted.run.to_string(), Until::ItWaits).await
    }

    async fn undo(&mut self, run: &str, why: &[&str]) -> Result<(), Failure> {
        let body = UndoBody {
            reason: (!why.is_empty()).then(|| why.join(" ")),
            ..UndoBody::default()
        };
        let path = format!("runs/{}/undo", segment(run));
        let accepted: Accepted = self.server.post(&path, &body).await?;
        self.watch(&accepted.run.to_string(), Until::ItWaits).await
    }

    /// Shows a run until its end; asks whoever may answer when it waits for a person.
    async fn watch(&mut self, run: &str, until: Until) -> Result<(), Failure> {
        let mut printer = Printer::new(self.terminal);
        loop {
            let view = self.look(run, until, &mut printer).await?;
            let Some(view) = view else {
                return Ok(());
            };
            if view.run.ended.is_some() {
                drop(printer);
                tell_end(self.terminal, &view);
                return Ok(());
            }
            if let Some(todo) = render::what_to_do(&view) {
                printer.say(&todo);
            }
            if let Some(MayAnswer::No(why)) = may_answer(&view) {
                let id = view.run.id.short();
                printer.say(&format!("{why}. The run waits; `watch {id}` follows it"));
                return Ok(());
            }
            match Asked::by(&view).filter(|_| may_answer(&view).is_some()) {
                Some(asked) if self.ask(run, &asked).await? => {}
                _ => return Ok(()),
            }
        }
    }

    /// Shows a run until it has ended or waits for us; nothing when somebody pressed Ctrl-C.
    async fn look(
        &self,
        run: &str,
        until: Until,
        printer: &mut Printer,
    ) -> Result<Option<RunView>, Failure> {
        let mut id = run.to_owned();
        let shown = RefCell::new(&mut *printer);
        let watched = self.server.watch(
            run,
            |view| {
                id = view.run.id.short();
                shown.borrow_mut().show(view);
                is_for_us(view, until)
            },
            || {
                let gone = "the server went away; waiting for it, the run goes on then";
                shown.borrow().say(gone);
            },
        );
        self.watches.set(true);
        let view = tokio::select! {
            view = watched => Some(view),
            () = self.terminal.interrupted() => None,
        };
        self.watches.set(false);
        if let Some(view) = view {
            return view.map(Some);
        }
        printer.say(&format!(
            "run {id} goes on; `watch {id}` comes back to it, `cancel {id}` stops it"
        ));
        Ok(None)
    }

    /// Asks what the run asks, and passes the answer on; whether there was one.
    async fn ask(&mut self, run: &str, asked: &Asked) -> Result<bool, Failure> {
        let Typed::Line(typed) = self.input.answer(&asked.prompt()).await else {
            return Ok(false);
        };
        let Some(answer) = asked.answer(&typed) else {
            return Ok(false);
        };
        // What comes of a yes is seen: the run goes on.
        if answer.verb == "reject" {
            self.tell(run, &answer).await?;
        } else {
            self.post(run, &answer).await?;
        }
        Ok(true)
    }

    async fn tell(&self, run: &str, answer: &Answer) -> Result<(), Failure> {
        let view = self.post(run, answer).await?;
        println!("run {}: {}", view.run.id.short(), card::state(&view));
        Ok(())
    }

    async fn post(&self, run: &str, Answer { verb, body }: &Answer) -> Result<RunView, Failure> {
        let path = format!("runs/{}/{verb}", segment(run));
        self.server.post(&path, body).await
    }

    /// What there is: all, or one command or group.
    fn help(&self, about: &str) -> Result<String, Failure> {
        let row =
            |entry: &CatalogEntry| vec![usage(&entry.name, &entry.inputs), entry.summary.clone()];
        let commands = self.catalog.commands.iter();
        let commands = commands
            .filter(|entry| is_about(&entry.name, about))
            .map(row);
        let own = built_ins().filter(|(usage, _)| {
            let name = usage.split(' ').next();
            name.is_some_and(|name| is_about(name, about))
        });
        let own = own.map(|(usage, summary)| vec![usage, summary.to_owned()]);
        let mut rows: Vec<_> = commands.chain(own).collect();
        if rows.is_empty() {
            let words: Vec<_> = about.split(' ').collect();
            let (entry, _) = entry(&self.catalog, &words).map_err(Failure::usage)?;
            rows.push(row(entry));
        }
        Ok(table(&["COMMAND", "WHAT IT DOES"], &rows))
    }
}

/// Whether a run has come to where the console has something to say or to ask.
fn is_for_us(view: &RunView, until: Until) -> bool {
    waits_for_person(view) && (until == Until::ItWaits || may_answer(view) == Some(&MayAnswer::Yes))
}

/// Whether whoever looks may answer what the run asks.
fn may_answer(view: &RunView) -> Option<&MayAnswer> {
    view.may_approve.as_ref().or(view.may_decide.as_ref())
}

/// What the console takes besides commands of files: how each is written, and what it does.
fn built_ins() -> impl Iterator<Item = (String, &'static str)> {
    let shared = FORMS.iter().map(|form| (said(form), form.summary));
    let own = OWN
        .iter()
        .map(|(usage, summary)| ((*usage).to_owned(), *summary));
    shared.chain(own)
}

/// How one is written that can be said in every chat.
fn said(form: &Form) -> String {
    usage(form.name, &form.inputs())
}

/// What the console itself takes under this name: how it is written.
fn built_in(name: &str) -> Option<String> {
    let is_meant = |usage: &String| usage.split(' ').next() == Some(name);
    built_ins().map(|(usage, _)| usage).find(is_meant)
}
