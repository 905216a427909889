//! Who uses a secret: where it has it from, how it takes up another one, and from where it comes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use secrecy::SecretString;

use super::env_file::EnvFile;
use super::file::SecretFile;
use super::http_call::HttpCall;
use super::pair::same;
use super::probe::Probe;
use super::settings::ConsumerSettings;
use crate::action::ports::{Containers, Renewal, Signal};
use crate::action::{ActionError, Connect, ConnectError, Context, Result, Systems, Undone};
use crate::domain::change::Reach;
use crate::domain::names::{Environment, SystemName};
use crate::domain::nearest;

/// A program that logs in by a secret.
#[derive(Clone)]
pub struct Consumer {
    name: String,
    docker: Option<SystemName>,
    service: Option<String>,
    place: Place,
    reload: Reload,
    addresses: Vec<IpAddr>,
    pub(super) probe: Option<Probe>,
    pub(super) within: Duration,
}

/// Where it has its secret from.
#[derive(Clone)]
enum Place {
    EnvFile(EnvFile),
    File(SecretFile),
    Http(HttpCall),
}

/// How it takes up another one.
#[derive(Clone, Copy)]
enum Reload {
    /// Its containers are made anew.
    Recreate,
    Signal(Signal),
    Restart,
    /// By itself, after this at the latest.
    Itself(Duration),
}

impl Consumer {
    /// Reads what the configuration declares, and the secrets that it names.
    ///
    /// # Errors
    /// It contradicts itself, or lacks something.
    pub fn connect(
        settings: ConsumerSettings,
        of: &str,
        connect: &Connect<'_>,
    ) -> Result<Self, ConnectError> {
        let name = settings.name.clone();
        let wrong = |why: String| connect.error(format!("the consumer `{name}` of {of}: {why}"));
        if name.is_empty() || name.contains('/') {
            return Err(wrong("a name must have no / and not be empty".to_owned()));
        }
        let place = place(&settings, connect, &wrong)?;
        let reload = reload(&settings, &place).map_err(&wrong)?;
        let probe = Probe::declared(&settings).map_err(&wrong)?;
        let needs_service = !matches!(reload, Reload::Itself(_));
        if settings.service.is_none() && needs_service {
            return Err(wrong(
                "say which `service` it is, so that it can be reloaded".to_owned(),
            ));
        }
        if settings.service.is_none() && settings.addresses.is_empty() && probe.is_none() {
            return Err(wrong(
                "say which `service` it is or from which `addresses` it logs in, or what to ask (`probe`): \
                 else nothing can show that it works"
                    .to_owned(),
            ));
        }
        Ok(Self {
            docker: settings.docker,
            service: settings.service,
            place,
            reload,
            addresses: settings.addresses,
            probe,
            within: settings.within.duration(),
            name: settings.name,
        })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it has its secret from, for people.
    pub fn place(&self) -> String {
        match &self.place {
            Place::EnvFile(place) => place.shown(),
            Place::File(place) => place.shown(),
            Place::Http(place) => place.shown(),
        }
    }

    /// How it takes up another one, for people: `shop/web is restarted`.
    pub fn reloaded(&self) -> String {
        let service = self.service.as_deref().unwrap_or("it");
        match self.reload {
            Reload::Recreate => format!("{service} is made anew"),
            Reload::Signal(signal) => format!("{service} is sent {signal}"),
            Reload::Restart => format!("{service} is restarted"),
            Reload::Itself(within) => format!(
                "{service} reads it again within {}",
                humantime::format_duration(within)
            ),
        }
    }

    /// It reads its secret at any time: it must not find one that does not count yet.
    pub(super) fn reads_at_any_time(&self) -> bool {
        matches!(self.reload, Reload::Itself(_))
    }

    /// Why it could not be given another secret; `None` when it could.
    ///
    /// # Errors
    /// Its place cannot be looked at.
    pub async fn obstacle(&self, systems: &Systems) -> Result<Option<String>> {
        if let Some(why) = match &self.place {
            Place::EnvFile(place) => place.cannot_write(),
            Place::File(place) => place.cannot_write(),
            Place::Http(_) => None,
        } {
            return Ok(Some(why));
        }
        let Some(seat) = self.seat(systems)? else {
            return Ok(None);
        };
        let runs = seat.containers.of_service(seat.service, &[]).await?;
        if runs.is_empty() {
            let why = format!("no container of {} runs: start it first", seat.service);
            return Ok(Some(why));
        }
        self.blind(systems).await
    }

    /// The engine that it runs on, and where that stands; `None` where nobody has said.
    ///
    /// # Errors
    /// There is no such engine.
    pub fn stands<'a>(
        &'a self,
        systems: &'a Systems,
    ) -> Result<Option<(&'a SystemName, &'a Environment)>> {
        let Some(Seat { engine, .. }) = self.seat(systems)? else {
            return Ok(None);
        };
        Ok(systems
            .get(engine.as_str())
            .map(|entry| (engine, &entry.environment)))
    }

    /// Whether it has this value where it reads it: in the file and, where it reads its environment, there.
    ///
    /// # Errors
    /// Its place cannot be looked at.
    pub async fn has(&self, systems: &Systems, secret: &SecretString) -> Result<bool> {
        let lies_there = match &self.place {
            Place::EnvFile(place) => place.has(secret)?,
            Place::File(place) => place.has(secret)?,
            Place::Http(place) => place.has(secret).await?,
        };
        Ok(lies_there && self.environment_has(systems, secret).await?)
    }

    async fn environment_has(&self, systems: &Systems, secret: &SecretString) -> Result<bool> {
        let Place::EnvFile(place) = &self.place else {
            return Ok(true);
        };
        let Some(seat) = self.seat(systems)? else {
            return Ok(true);
        };
        let variable = place.variable();
        let all = seat
            .containers
            .of_service(seat.service, &[variable])
            .await?;
        let has = |environment: &BTreeMap<String, SecretString>| {
            environment
                .get(variable)
                .is_some_and(|value| same(value, secret))
        };
        Ok(!all.is_empty() && all.iter().all(|one| has(&one.environment)))
    }

    /// It is asked whether it can log in, if it is not seen to.
    pub fn has_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// From where it may log in.
    ///
    /// # Errors
    /// Its containers cannot be looked at.
    pub async fn comes_from(&self, systems: &Systems) -> Result<BTreeSet<IpAddr>> {
        let all = self.addresses(systems).await?;
        Ok(all
            .into_iter()
            .flat_map(|(_, addresses)| addresses)
            .collect())
    }

    /// What is touched of the engine that it runs on; `None` where nothing is.
    pub(super) async fn reach(&self, systems: &Systems) -> Result<Option<Reach>> {
        let Some(seat) = self.seat(systems)? else {
            return Ok(None);
        };
        let things = seat.containers.of_service(seat.service, &[]).await?;
        Ok(Some(Reach {
            system: seat.engine.clone(),
            things: things.into_iter().map(|one| one.name).collect(),
        }))
    }

    /// From where it logs in, one set of addresses for each container.
    pub(super) async fn addresses(
        &self,
        systems: &Systems,
    ) -> Result<Vec<(String, BTreeSet<IpAddr>)>> {
        if !self.addresses.is_empty() {
            let one = |address: &IpAddr| (address.to_string(), BTreeSet::from([*address]));
            return Ok(self.addresses.iter().map(one).collect());
        }
        let Some(seat) = self.seat(systems)? else {
            return Ok(vec![]);
        };
        let all = seat.containers.of_service(seat.service, &[]).await?;
        Ok(all
            .into_iter()
            .map(|one| (one.name, one.addresses.into_values().collect()))
            .collect())
    }

    /// Puts a value there; what is there must be one of `expected`. Repeatable.
    pub(super) async fn write(
        &self,
        secret: &SecretString,
        expected: &[&SecretString],
        token: &str,
    ) -> Result<()> {
        match &self.place {
            Place::EnvFile(place) => place.write(secret, expected, token),
            Place::File(place) => place.write(secret, expected),
            Place::Http(place) => place.write(secret, expected).await,
        }
    }

    /// Has it take up what was written, where its containers stay. Repeatable.
    pub(super) async fn take_up(&self, ctx: &Context) -> Result<()> {
        let systems = &ctx.read.systems;
        match (self.reload, self.seat(systems)?) {
            (Reload::Signal(signal), Some(seat)) => {
                seat.containers.signal(seat.service, signal).await
            }
            (Reload::Restart, Some(seat)) => {
                let restarted = seat.containers.restart(seat.service, self.within, None);
                restarted.await
            }
            (Reload::Itself(within), _) => {
                // Nobody can be asked whether it has: it has said how long it takes.
                tokio::time::sleep(within).await;
                Ok(())
            }
            (Reload::Recreate, _) | (_, None) => Ok(()),
        }
    }

    /// Starts those of its containers again that ran before and have ended since, as one does that cannot
    /// live with another secret.
    pub(super) async fn start_again(&self, systems: &Systems, before: &Reach) -> Result<()> {
        match (self.reload, self.seat(systems)?) {
            (Reload::Recreate, _) | (_, None) => Ok(()),
            (_, Some(seat)) => seat.containers.start(&before.things).await,
        }
    }

    /// Makes its containers anew with this value; the old ones are kept. `ctx` is the consumer's part.
    ///
    /// # Errors
    /// The new ones do not prove themselves.
    pub(super) async fn recreate(&self, ctx: &Context, secret: &SecretString) -> Result<()> {
        let Some(renewed) = self.renewed(ctx, secret)? else {
            return Ok(());
        };
        renewed
            .seat
            .containers
            .recreate(ctx, renewed.renewal())
            .await
    }

    /// The old containers go.
    pub(super) async fn settle(&self, ctx: &Context, secret: &SecretString) -> Result<()> {
        let Some(renewed) = self.renewed(ctx, secret)? else {
            return Ok(());
        };
        renewed.seat.containers.settle(ctx, renewed.renewal()).await
    }

    /// The old containers come back.
    pub(super) async fn take_back(&self, ctx: &Context, secret: &SecretString) -> Result<Undone> {
        let Some(renewed) = self.renewed(ctx, secret)? else {
            return Ok(Undone::Fully);
        };
        renewed
            .seat
            .containers
            .take_back(ctx, renewed.renewal())
            .await
    }

    fn renewed<'a>(
        &'a self,
        ctx: &'a Context,
        secret: &SecretString,
    ) -> Result<Option<Renewed<'a>>> {
        let (Reload::Recreate, Place::EnvFile(place)) = (self.reload, &self.place) else {
            return Ok(None);
        };
        Ok(self.seat(&ctx.read.systems)?.map(|seat| Renewed {
            seat,
            environment: BTreeMap::from([(place.variable().to_owned(), secret.clone())]),
            within: self.within,
        }))
    }

    /// What it is on the engine that it runs on; `None` where nobody has said.
    pub(super) fn seat<'a>(&'a self, systems: &'a Systems) -> Result<Option<Seat<'a>>> {
        let Some(service) = &self.service else {
            return Ok(None);
        };
        let engines: Vec<_> = systems
            .iter()
            .filter_map(|(name, entry)| Some((name, entry.ports.containers.as_ref()?)))
            .collect();
        let found = match (&self.docker, &engines[..]) {
            (Some(wanted), _) => engines.iter().find(|(name, _)| **name == *wanted),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        if let Some(&(engine, containers)) = found {
            return Ok(Some(Seat {
                engine,
                containers: containers.as_ref(),
                service,
            }));
        }
        let names: Vec<_> = engines.iter().map(|(name, _)| name.as_str()).collect();
        Err(ActionError::fatal(match &self.docker {
            Some(wanted) => format!(
                "the consumer `{}`: {}",
                self.name,
                nearest::unknown("Docker system", wanted.as_str(), names)
            ),
            None => format!(
                "the consumer `{}` does not say which Docker system it runs on: add `docker`, one of: {}",
                self.name,
                names.join(", ")
            ),
        }))
    }
}

/// A service on the engine that it runs on.
pub(super) struct Seat<'a> {
    engine: &'a SystemName,
    pub(super) containers: &'a dyn Containers,
    pub(super) service: &'a str,
}

/// Containers that are made anew for a secret.
struct Renewed<'a> {
    seat: Seat<'a>,
    environment: BTreeMap<String, SecretString>,
    within: Duration,
}

impl Renewed<'_> {
    fn renewal(&self) -> Renewal<'_> {
        Renewal {
            service: self.seat.service,
            environment: &self.environment,
            within: self.within,
        }
    }
}

fn place(
    settings: &ConsumerSettings,
    connect: &Connect<'_>,
    wrong: &impl Fn(String) -> ConnectError,
) -> Result<Place, ConnectError> {
    match (&settings.env_file, &settings.file, &settings.http) {
        (Some(file), None, None) => {
            let Some(variable) = &settings.variable else {
                return Err(wrong("say which `variable` of the file holds the secret".to_owned()));
            };
            let place = EnvFile::at(&connect.base.join(file), variable);
            place.map(Place::EnvFile).map_err(wrong)
        }
        (None, Some(file), None) => Ok(Place::File(SecretFile::at(connect.base.join(file)))),
        (None, None, Some(http)) => {
            HttpCall::connect(http, connect).map(Place::Http).map_err(wrong)
        }
        _ => Err(wrong(
            "say where it has the secret from: one of `env_file` (with `variable`), `file` and `http`"
                .to_owned(),
        )),
    }
}

fn reload(settings: &ConsumerSettings, place: &Place) -> Result<Reload, String> {
    if settings.variable.is_some() && settings.env_file.is_none() {
        return Err("`variable` is about an `env_file`, and there is none".to_owned());
    }
    let said: Vec<Reload> = [
        settings.signal.map(Reload::Signal),
        settings.restart.then_some(Reload::Restart),
        settings
            .reads_again
            .map(|within| Reload::Itself(within.duration())),
    ]
    .into_iter()
    .flatten()
    .collect();
    match (place, &said[..]) {
        (Place::EnvFile(_), []) => Ok(Reload::Recreate),
        (Place::EnvFile(_), _) => Err(
            "a container's environment stays what it was made with, so it is made anew: leave `signal`, \
             `restart` and `reads_again` out"
                .to_owned(),
        ),
        (_, [one]) => Ok(*one),
        _ => Err(
            "say how it takes up another secret: one of `signal` (SIGHUP), `restart` (true) and \
             `reads_again` (how long that takes: 10s)"
                .to_owned(),
        ),
    }
}
