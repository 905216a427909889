//! A realm, a client, three services that log in as it, and a Purser that knows them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::geteuid;
use xtask::exchange::Request;

use super::report::{Logins, Rotation, Way};
use crate::deploys::log::Log;
use crate::deploys::purser::{Purser, filled, run_of};
use crate::rotations::logins::gaps;
use crate::rotations::realm::{self, Realm};
use crate::rotations::shop::{Counts, Shop, Watch};
use crate::sh;
use crate::stack::parts::docker;
use crate::stack::places::Places;

const CLIENT: &str = "orders";
const SERVICES: usize = 3;
/// Every service logs in so often, in milliseconds.
const EVERY: (&str, &str) = ("LOGIN_EVERY_MS", "100");
/// The logins that there have to be before the first rotation.
const BEFORE: usize = 10;

pub(super) struct Stage<'a> {
    // What is first goes first.
    purser: Purser,
    watch: Watch,
    shop: Shop<'a>,
    realm: Realm<'a>,
}

impl<'a> Stage<'a> {
    pub(super) fn set(places: &'a Places, program: &Path, folder: &Path, way: Way) -> Result<Self> {
        let name = format!("purser-bench-rotation-{}", way.name());
        let realm = Realm::create(places, &name)?;
        let secret = realm.client(CLIENT)?;
        if way == Way::Two {
            realm.keeps_two_secrets()?;
            realm.mark(CLIENT)?;
        }
        let files = folder.join("files");
        fs::create_dir_all(&files)?;
        let shop = Shop::new(places, &name, files)?;
        let store = start_services(&shop, &realm, &secret)?;
        shop.write("key-of-purser", &realm.administrator("purser")?)?;
        let holes = [
            ("@UID@", geteuid().to_string()),
            ("@DOCKER@", docker::host(places)),
            ("@KEYCLOAK@", realm::url()),
            ("@REALM@", realm.name.clone()),
            ("@PROJECT@", shop.project.clone()),
            ("@FILES@", shop.file("").display().to_string()),
            ("@STORE@", store),
            ("@GAP@", (way == Way::Gap).to_string()),
        ];
        let config = filled(include_str!("files/purser.toml"), &holes);
        let workflow = filled(include_str!("files/rotate.yaml"), &holes);
        let home = folder.join("purser");
        let purser = Purser::start_with(program, &home, &config, &[("rotate", &workflow)])?;
        let stage = Self {
            purser,
            watch: Watch::begin(&shop)?,
            shop,
            realm,
        };
        stage.until_all_log_in()?;
        Ok(stage)
    }

    fn until_all_log_in(&self) -> Result<()> {
        loop {
            sh::check_interrupted()?;
            let counts = self.shop.containers()?;
            let counts = counts.iter().map(|one| one.logins().unwrap_or_default());
            if counts.filter(|counts| counts.ok >= BEFORE).count() == SERVICES {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// One rotation, and what is there afterwards.
    pub(super) fn rotate(&self) -> Result<Rotation> {
        let old = self.realm.secret(CLIENT)?;
        let run = run_of(&self.purser.ask(&["run", "rotate", "--detach"])?)?;
        let over = self.purser.until_over(&run)?;
        let log = Log(&over["log"]);
        let new = self.realm.secret(CLIENT)?;
        let logins = self.realm.logins(CLIENT, log.begun()? / 1000, false)?;
        let mut rotation = Rotation {
            took: log.total()?,
            gaps: gaps(&logins, &self.watch.services())?,
            is_old_refused: !self.realm.accepts(CLIENT, &old)?,
            wrong: Vec::new(),
        };
        let ended = &over["run"]["ended"];
        let mut expect = |holds: bool, what: &dyn Fn() -> String| {
            rotation.wrong.extend((!holds).then(what));
        };
        expect(ended["state"] == "succeeded", &|| {
            format!("the run: {ended}")
        });
        expect(new != old, &|| {
            "the client has the secret that it had".to_owned()
        });
        expect(self.realm.accepts(CLIENT, &new)?, &|| {
            "the new secret is refused".to_owned()
        });
        expect(!self.realm.keeps_rotated(CLIENT)?, &|| {
            "a second secret counts".to_owned()
        });
        for one in self.shop.containers()? {
            let has_it = one.service == "store" || one.logins()?.use_secret(&new);
            expect(has_it, &|| {
                format!("{} has not the new secret", one.service)
            });
        }
        Ok(rotation)
    }

    /// All logins that there were, by the services' own counts and by Keycloak's.
    pub(super) fn end(self) -> Result<Logins> {
        let Self {
            purser,
            watch,
            shop,
            realm,
        } = self;
        let counted = watch.end();
        let refused = realm.logins(CLIENT, 0, true)?;
        let from_outside = |from| from != Some(realm::seen_from_here());
        let recorded = refused.iter().filter(|login| from_outside(login.from));
        drop((purser, shop));
        let sum = |of: fn(&Counts) -> usize| -> usize {
            counted.iter().map(|(_, counts)| of(counts)).sum()
        };
        let last = counted
            .iter()
            .filter_map(|(service, counts)| Some((service, counts.last_failure.as_ref()?)));
        Ok(Logins {
            failures: last
                .map(|(service, last)| format!("{service}: {last}"))
                .collect(),
            ok: sum(|counts| counts.ok),
            failed: sum(|counts| counts.failed),
            unanswered: sum(|counts| counts.unreachable),
            recorded: recorded.count(),
        })
    }
}

/// Starts all; where the store of the one that polls is.
fn start_services(shop: &Shop, realm: &Realm, secret: &str) -> Result<String> {
    const KEY: &str = "key of the store";
    shop.write("key-of-the-store", KEY)?;
    shop.write("orders.env", &format!("LOGIN_SECRET={secret}\n"))?;
    let file = shop.write("invoices", secret)?;
    let store = shop.start("store", &[("STORE", "1"), ("STORE_TOKEN", KEY)])?;
    let put = Request {
        method: "PUT",
        path: "/secret",
        headers: &[("Authorization", &format!("Bearer {KEY}"))],
        body: secret,
    };
    store.sends(&put).context("the store takes no secret")?;
    let url = realm.token_url();
    let common = [("LOGIN_URL", url.as_str()), ("LOGIN_CLIENT", CLIENT), EVERY];
    let polled = store.url("/secret");
    let services: [(&str, &[(&str, &str)]); SERVICES] = [
        ("orders", &[("LOGIN_SECRET", secret)]),
        ("invoices", &[("LOGIN_SECRET_FILE", &file)]),
        (
            "reports",
            &[("LOGIN_SECRET_POLL_URL", &polled), ("STORE_TOKEN", KEY)],
        ),
    ];
    for (service, own) in services {
        shop.start(service, &[&common[..], own].concat())?;
    }
    Ok(store.url(""))
}
