//! What the labels of a service's containers tell a Traefik, and what they tell it when a set of new
//! containers stands beside the old one.
//!
//! Every set is a service of its own for Traefik, which only a name leads to that nobody outside has.
//! The rule that people come by is on a container that does nothing else: the *switch*. When it starts,
//! or the one before it stops, all new requests go to the other set, at one instant.
//!
//! Source: Traefik's documentation, "Docker configuration reference".

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// What a container of a set would tell Traefik if there were no switch.
pub(in crate::integrations::docker) const FRONT: &str = "purser.front";
/// On a switch: the full name of the service that it leads to.
pub(in crate::integrations::docker) const SWITCH: &str = "purser.switch";
/// On a switch: whether its routers have a higher priority than the service's own.
pub(in crate::integrations::docker) const RAISED: &str = "purser.switch.raised";

const ENABLE: &str = "traefik.enable";
const ROUTERS: &str = "traefik.http.routers.";
const SERVICES: &str = "traefik.http.services.";
/// What is no HTTP, and cannot be switched so.
const OTHERS: [&str; 2] = ["traefik.tcp.", "traefik.udp."];

/// The settings of a router or a service, by the rest of their labels' names.
pub(super) type Fields = BTreeMap<String, String>;

/// What the labels say of HTTP. All that they say beside that goes over to new containers as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::integrations::docker) struct Front {
    routers: BTreeMap<String, Fields>,
    services: BTreeMap<String, Fields>,
}

/// Which of Traefik's providers holds the routers that lead to a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::integrations::docker) enum Provider {
    /// A switch's labels do.
    Docker,
    /// A file does.
    File,
}

impl Provider {
    const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::File => "file",
        }
    }

    /// How far its routers stand above the service's own. A file takes the place of a switch, raised or not:
    /// of two that stand on one level Traefik takes either.
    const fn above(self, raised: bool) -> i64 {
        match (self, raised) {
            (Self::Docker, false) => 0,
            (Self::Docker, true) => 1,
            (Self::File, _) => 2,
        }
    }
}

/// A router of a switch, or of the file that takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::integrations::docker) struct Led {
    /// Its name with its provider.
    pub(in crate::integrations::docker) name: String,
    /// Which requests it takes.
    pub(in crate::integrations::docker) rule: String,
    /// Where it leads, with its provider.
    pub(in crate::integrations::docker) service: String,
    /// What it has above others.
    pub(in crate::integrations::docker) priority: i64,
}

/// A service of a set that nobody outside is led to yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::integrations::docker) struct Inner {
    /// What leads to it, with its provider.
    pub(in crate::integrations::docker) router: String,
    /// Its name with its provider.
    pub(in crate::integrations::docker) service: String,
    /// By which host's name.
    pub(in crate::integrations::docker) host: String,
}

impl Front {
    /// What a container with these labels tells Traefik. `None`: nothing.
    ///
    /// # Errors
    /// Why there can be no switch for it.
    pub(in crate::integrations::docker) fn of(
        labels: &HashMap<String, String>,
        service: &str,
    ) -> Result<Option<Self>, String> {
        let is_off = |value: &String| value.eq_ignore_ascii_case("false");
        if labels.get(ENABLE).is_some_and(is_off) {
            return Ok(None);
        }
        if let Some(kept) = labels.get(FRONT) {
            let front = serde_json::from_str(kept);
            return front
                .map(Some)
                .map_err(|error| format!("its label {FRONT} is garbled ({error})"));
        }
        let mut front = Self {
            routers: grouped(labels, ROUTERS),
            services: grouped(labels, SERVICES),
        };
        let is_other = |name: &&String| OTHERS.iter().any(|other| lower(name).starts_with(other));
        if let Some(name) = labels.keys().filter(is_other).min() {
            return Err(format!(
                "it has the label {name}, and only HTTP can be switched"
            ));
        }
        if front.routers.is_empty() {
            return Ok(None);
        }
        if front.services.is_empty() {
            let alone =
                BTreeMap::from([("loadbalancer.passhostheader".to_owned(), "true".to_owned())]);
            front.services.insert(service.to_owned(), alone);
        }
        for (name, router) in &front.routers {
            if !router.contains_key("rule") {
                return Err(format!("its router `{name}` has no rule of its own"));
            }
            front.target(name, router)?;
        }
        Ok(Some(front))
    }

    /// Which of the services a router leads to.
    fn target<'a>(&'a self, name: &str, router: &'a Fields) -> Result<&'a str, String> {
        let mut all = self.services.keys();
        match (router.get("service"), all.next(), all.next()) {
            (Some(service), ..) => {
                let own = service.strip_suffix("@docker").unwrap_or(service);
                let own = self.services.get_key_value(own);
                own.map(|(own, _)| own.as_str()).ok_or_else(|| {
                    format!("its router `{name}` leads to `{service}`, which is not its own")
                })
            }
            (None, Some(only), None) => Ok(only),
            (None, ..) => Err(format!(
                "its router `{name}` does not say to which of its services it leads"
            )),
        }
    }

    /// Makes the labels of a container those of a new set, which this token tells from others.
    pub(in crate::integrations::docker) fn dress(
        &self,
        labels: &mut HashMap<String, String>,
        token: &str,
    ) {
        labels.retain(|name, _| {
            let name = lower(name);
            ![ROUTERS, SERVICES].iter().any(|own| name.starts_with(own))
        });
        labels.insert(ENABLE.to_owned(), "true".to_owned());
        labels.insert(
            FRONT.to_owned(),
            serde_json::to_string(self).unwrap_or_default(),
        );
        for (name, fields) in &self.services {
            for (field, value) in fields {
                labels.insert(format!("{SERVICES}{name}-{token}.{field}"), value.clone());
            }
            let mut set = |field: &str, value: &str| {
                labels.insert(
                    format!("{ROUTERS}{name}-{token}-inner.{field}"),
                    value.to_owned(),
                )
            };
            set("rule", &format!("Host(`{}`)", self.inner_name(name, token)));
            set("service", &format!("{name}-{token}"));
            if let Some(entry_points) = self.field_of(name, "entrypoints") {
                set("entrypoints", entry_points);
            }
            // The proxy's own certificate: nobody can be asked for one of such a name.
            if self.is_over_tls(name) {
                set("tls", "true");
            }
        }
    }

    /// The labels of the switch that leads to the set of this token.
    pub(in crate::integrations::docker) fn switch(
        &self,
        token: &str,
        raised: bool,
    ) -> HashMap<String, String> {
        let mut labels = HashMap::from([
            (ENABLE.to_owned(), "true".to_owned()),
            (RAISED.to_owned(), raised.to_string()),
            // Every container with labels is a service too; nothing leads to this one.
            (
                format!("{SERVICES}purser-switch-{token}.loadbalancer.server.url"),
                "http://127.0.0.1:9".to_owned(),
            ),
        ]);
        for (name, fields) in &self.routers {
            let own = fields
                .iter()
                .filter(|(field, _)| !matches!(field.as_str(), "service" | "priority"));
            for (field, value) in own {
                labels.insert(format!("{ROUTERS}{name}-{token}.{field}"), value.clone());
            }
        }
        for (name, led) in self
            .routers
            .keys()
            .zip(self.led(token, raised, Provider::Docker))
        {
            labels.insert(format!("{ROUTERS}{name}-{token}.service"), led.service);
            labels.insert(
                format!("{ROUTERS}{name}-{token}.priority"),
                led.priority.to_string(),
            );
        }
        labels
    }

    /// What the service's own labels say of its routers, by their names.
    pub(super) fn routers(&self) -> impl Iterator<Item = (&String, &Fields)> {
        self.routers.iter()
    }

    /// The routers that lead to the set of this token.
    pub(in crate::integrations::docker) fn led(
        &self,
        token: &str,
        raised: bool,
        by: Provider,
    ) -> Vec<Led> {
        let led = |(name, fields): (&String, &Fields)| {
            let rule = fields.get("rule").cloned().unwrap_or_default();
            let target = self.target(name, fields).unwrap_or_default();
            Led {
                name: format!("{name}-{token}@{}", by.name()),
                service: format!("{target}-{token}@docker"),
                priority: priority(fields, &rule) + by.above(raised),
                rule,
            }
        };
        self.routers.iter().map(led).collect()
    }

    /// Which requests the service takes, in words of Traefik.
    pub(in crate::integrations::docker) fn rules(&self) -> Vec<&str> {
        let rules = self
            .routers
            .values()
            .filter_map(|fields| fields.get("rule"));
        rules.map(String::as_str).collect()
    }

    /// How the set is reached by a name of its own, for each of its services.
    pub(in crate::integrations::docker) fn inner(&self, token: &str) -> Vec<Inner> {
        let names = self.services.keys();
        names
            .map(|name| Inner {
                router: format!("{name}-{token}-inner@docker"),
                service: format!("{name}-{token}@docker"),
                host: self.inner_name(name, token),
            })
            .collect()
    }

    /// A service's name may hold what no host's name does.
    fn inner_name(&self, service: &str, token: &str) -> String {
        let number = self.services.keys().position(|name| name == service);
        format!("{token}-{}.purser.internal", number.unwrap_or_default())
    }

    fn routers_to<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Fields> {
        let leads =
            move |(name, fields): &(&String, &Fields)| self.target(name, fields) == Ok(service);
        self.routers.iter().filter(leads).map(|(_, fields)| fields)
    }

    fn field_of<'a>(&'a self, service: &'a str, field: &str) -> Option<&'a str> {
        let mut found = self
            .routers_to(service)
            .filter_map(|fields| fields.get(field));
        found.next().map(String::as_str)
    }

    fn is_over_tls(&self, service: &str) -> bool {
        let is_tls = |field: &String| field == "tls" || field.starts_with("tls.");
        let mut routers = self.routers_to(service);
        routers.any(|fields| {
            fields.keys().any(is_tls) && fields.get("tls").is_none_or(|is| is != "false")
        })
    }
}

/// A router's own priority: what its labels say, else the length of its rule.
fn priority(fields: &Fields, rule: &str) -> i64 {
    let length = || i64::try_from(rule.len()).unwrap_or(i64::MAX);
    let given = fields.get("priority").and_then(|given| given.parse().ok());
    given.filter(|given| *given != 0).unwrap_or_else(length)
}

/// Labels below this prefix, by the name that comes next. Traefik takes small and capital letters for
/// the same in all but names.
fn grouped(labels: &HashMap<String, String>, prefix: &str) -> BTreeMap<String, Fields> {
    let mut groups: BTreeMap<String, Fields> = BTreeMap::new();
    for (label, value) in labels {
        if lower(label).starts_with(prefix)
            && let Some((name, field)) = label[prefix.len()..].split_once('.')
        {
            let group = groups.entry(name.to_owned()).or_default();
            group.insert(lower(field), value.clone());
        }
    }
    groups
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(labels: &[(&str, &str)]) -> HashMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        labels.iter().map(owned).collect()
    }

    fn shown(labels: &HashMap<String, String>) -> String {
        let sorted: BTreeMap<_, _> = labels.iter().collect();
        let lines = sorted
            .iter()
            .map(|(name, value)| format!("{name} = {value}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn shop() -> HashMap<String, String> {
        labels(&[
            ("traefik.enable", "true"),
            ("traefik.http.routers.shop.rule", "Host(`shop.example`)"),
            ("traefik.http.routers.shop.entryPoints", "websecure"),
            ("traefik.http.routers.shop.tls.certresolver", "le"),
            ("traefik.http.routers.shop.middlewares", "limit"),
            ("traefik.http.middlewares.limit.ratelimit.average", "100"),
            (
                "traefik.http.services.shop.loadbalancer.server.port",
                "8080",
            ),
            ("com.docker.compose.project", "shop"),
        ])
    }

    #[test]
    fn a_new_set_has_a_service_of_its_own_and_no_rule_that_people_come_by() {
        let front = Front::of(&shop(), "web").unwrap().unwrap();
        let mut dressed = shop();
        front.dress(&mut dressed, "0c9d");
        assert_eq!(
            dressed
                .remove(FRONT)
                .map(|kept| serde_json::from_str(&kept).unwrap()),
            Some(front)
        );
        insta::assert_snapshot!(shown(&dressed), @"
        com.docker.compose.project = shop
        traefik.enable = true
        traefik.http.middlewares.limit.ratelimit.average = 100
        traefik.http.routers.shop-0c9d-inner.entrypoints = websecure
        traefik.http.routers.shop-0c9d-inner.rule = Host(`0c9d-0.purser.internal`)
        traefik.http.routers.shop-0c9d-inner.service = shop-0c9d
        traefik.http.routers.shop-0c9d-inner.tls = true
        traefik.http.services.shop-0c9d.loadbalancer.server.port = 8080
        ");
    }

    #[test]
    fn the_switch_has_the_rule_with_all_that_belongs_to_it() {
        let front = Front::of(&shop(), "web").unwrap().unwrap();
        insta::assert_snapshot!(shown(&front.switch("0c9d", true)), @"
        purser.switch.raised = true
        traefik.enable = true
        traefik.http.routers.shop-0c9d.entrypoints = websecure
        traefik.http.routers.shop-0c9d.middlewares = limit
        traefik.http.routers.shop-0c9d.priority = 21
        traefik.http.routers.shop-0c9d.rule = Host(`shop.example`)
        traefik.http.routers.shop-0c9d.service = shop-0c9d@docker
        traefik.http.routers.shop-0c9d.tls.certresolver = le
        traefik.http.services.purser-switch-0c9d.loadbalancer.server.url = http://127.0.0.1:9
        ");
        let priority = |raised| front.led("0c9d", raised, Provider::Docker)[0].priority;
        assert_eq!((priority(false), priority(true)), (20, 21));
    }

    #[test]
    fn the_set_and_its_switch_say_nothing_of_the_same_thing() {
        let front = Front::of(&shop(), "web").unwrap().unwrap();
        let mut dressed = shop();
        front.dress(&mut dressed, "0c9d");
        let switch = front.switch("0c9d", false);
        let both: Vec<_> = switch
            .keys()
            .filter(|name| dressed.contains_key(*name))
            .collect();
        assert_eq!(both, [ENABLE]);
        let names = |labels: &HashMap<String, String>| -> Vec<String> {
            grouped(labels, ROUTERS).into_keys().collect()
        };
        assert!(
            !names(&dressed).contains(&names(&switch)[0]),
            "routers of one name and two rules"
        );
    }

    #[test]
    fn of_a_set_all_is_read_as_if_there_were_no_switch() {
        let front = Front::of(&shop(), "web").unwrap().unwrap();
        let mut dressed = shop();
        front.dress(&mut dressed, "0c9d");
        assert_eq!(Front::of(&dressed, "web"), Ok(Some(front.clone())));
        let mut again = dressed.clone();
        front.dress(&mut again, "77aa");
        assert!(!shown(&again).contains("0c9d"), "{}", shown(&again));
    }

    #[test]
    fn what_cannot_be_switched_says_why() {
        let why = |more: &[(&str, &str)]| {
            let mut all = shop();
            all.extend(labels(more));
            Front::of(&all, "web").unwrap_err()
        };
        let told = [
            why(&[("traefik.tcp.routers.db.rule", "HostSNI(`*`)")]),
            why(&[("traefik.http.routers.api.entrypoints", "web")]),
            why(&[("traefik.http.routers.shop.service", "canary@file")]),
            why(&[(
                "traefik.http.services.metrics.loadbalancer.server.port",
                "9090",
            )]),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        it has the label traefik.tcp.routers.db.rule, and only HTTP can be switched
        its router `api` has no rule of its own
        its router `shop` leads to `canary@file`, which is not its own
        its router `shop` does not say to which of its services it leads
        ");
        let off = labels(&[
            ("traefik.enable", "false"),
            ("traefik.http.routers.a.rule", "Path(`/`)"),
        ]);
        assert_eq!(Front::of(&off, "web"), Ok(None));
        assert_eq!(Front::of(&HashMap::new(), "web"), Ok(None));
    }
}
