//! What leads to a set, as a file for Traefik's file provider: what a switch's labels say otherwise.
//!
//! JSON is YAML, so the text is both; its name ends with `.yml`, as Traefik takes no `.json`.
//!
//! Source: Traefik's documentation, "File" and "Routers" (reference of the dynamic configuration).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::labels::{Fields, Front, Provider};

/// What people read who find such a file.
const HEAD: &str = "# Written by Purser with each deploy: it leads to the containers that are live, whose own labels do not.\n\
                    # Without it nobody is led to them.\n";

#[derive(Serialize, Deserialize)]
struct Routes {
    http: Http,
}

#[derive(Serialize, Deserialize)]
struct Http {
    routers: BTreeMap<String, Map<String, Value>>,
}

impl Front {
    /// The text of a file that leads to the set of this token.
    ///
    /// # Errors
    /// A router has a setting of which it is not known how a file says it.
    pub(in crate::integrations::docker) fn file(
        &self,
        token: &str,
        raised: bool,
    ) -> Result<String, String> {
        let mut routers = BTreeMap::new();
        for ((name, fields), led) in self.routers().zip(self.led(token, raised, Provider::File)) {
            let mut router = router(fields).map_err(|field| {
                format!("its router `{name}` has the setting `{field}`, which Purser cannot say in a file")
            })?;
            router.insert("rule".to_owned(), led.rule.into());
            router.insert("service".to_owned(), led.service.into());
            router.insert("priority".to_owned(), led.priority.into());
            let (own, _) = led.name.rsplit_once('@').unwrap_or((&led.name, ""));
            routers.insert(own.to_owned(), router);
        }
        let routes = Routes {
            http: Http { routers },
        };
        let text = serde_json::to_string_pretty(&routes).map_err(|error| error.to_string())?;
        Ok(format!("{HEAD}{text}\n"))
    }
}

/// To which services a file leads that [`Front::file`] has made; `None`: it is none of those. Comments are
/// left out of account.
pub(in crate::integrations::docker) fn services_in(text: &str) -> Option<Vec<String>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let routes: Routes = serde_json::from_str(&lines.collect::<String>()).ok()?;
    if routes.http.routers.is_empty() {
        return None;
    }
    let services = routes.http.routers.values().map(|router| {
        let service = router.get("service")?.as_str()?;
        Some(service.to_owned())
    });
    services.collect()
}

/// What the file says of a router beside rule, service and priority; `Err` is the field that it cannot.
fn router(fields: &Fields) -> Result<Map<String, Value>, String> {
    let mut router = Map::new();
    for (field, value) in fields {
        match field.as_str() {
            "rule" | "service" | "priority" => {}
            "entrypoints" => {
                router.insert("entryPoints".to_owned(), list(value, str::to_owned));
            }
            "middlewares" => {
                router.insert("middlewares".to_owned(), list(value, of_docker));
            }
            "rulesyntax" => {
                router.insert("ruleSyntax".to_owned(), value.as_str().into());
            }
            "tls" if value == "false" => {}
            "tls" => {
                within(&mut router, "tls", |_| Some(()));
            }
            _ => {
                let (group, rest) = field.split_once('.').ok_or_else(|| field.clone())?;
                let known = match group {
                    "tls" => within(&mut router, group, |group| tls(group, rest, value)),
                    "observability" => {
                        within(&mut router, group, |group| observed(group, rest, value))
                    }
                    _ => None,
                };
                known.ok_or_else(|| field.clone())?;
            }
        }
    }
    Ok(router)
}

/// Puts something into a group of settings.
fn within(
    router: &mut Map<String, Value>,
    group: &str,
    put: impl FnOnce(&mut Map<String, Value>) -> Option<()>,
) -> Option<()> {
    let group = router.entry(group).or_insert_with(|| Map::new().into());
    put(group.as_object_mut()?)
}

/// `options`, `certresolver`, `domains[0].main`, `domains[0].sans`.
fn tls(tls: &mut Map<String, Value>, field: &str, value: &str) -> Option<()> {
    match field {
        "options" if value == "default" => tls.insert("options".to_owned(), value.into()),
        "options" => tls.insert("options".to_owned(), of_docker(value).into()),
        "certresolver" => tls.insert("certResolver".to_owned(), value.into()),
        _ => {
            let (number, part) = field.strip_prefix("domains[")?.split_once("].")?;
            let number: usize = number.parse().ok().filter(|number| *number < 100)?;
            let domains = tls.entry("domains").or_insert_with(|| Value::Array(vec![]));
            let domains = domains.as_array_mut()?;
            while domains.len() <= number {
                domains.push(Map::new().into());
            }
            let domain = domains.get_mut(number)?.as_object_mut()?;
            match part {
                "main" => domain.insert("main".to_owned(), value.into()),
                "sans" => domain.insert("sans".to_owned(), list(value, str::to_owned)),
                _ => return None,
            }
        }
    };
    Some(())
}

fn observed(observed: &mut Map<String, Value>, field: &str, value: &str) -> Option<()> {
    let name = match field {
        "accesslogs" => "accessLogs",
        "metrics" => "metrics",
        "tracing" => "tracing",
        _ => return None,
    };
    let is_on: bool = value.to_ascii_lowercase().parse().ok()?;
    observed.insert(name.to_owned(), is_on.into());
    Some(())
}

fn list(value: &str, name: impl Fn(&str) -> String) -> Value {
    let names = value
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty());
    names.map(name).collect()
}

/// In labels a name without a provider is one of labels.
fn of_docker(name: &str) -> String {
    if name.contains('@') {
        return name.to_owned();
    }
    format!("{name}@docker")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn front(more: &[(&str, &str)]) -> Front {
        let mut labels: HashMap<String, String> = HashMap::from([(
            "traefik.http.routers.shop.rule".to_owned(),
            "Host(`shop.example`)".to_owned(),
        )]);
        for (field, value) in more {
            labels.insert(
                format!("traefik.http.routers.shop.{field}"),
                (*value).to_owned(),
            );
        }
        Front::of(&labels, "web").unwrap().unwrap()
    }

    #[test]
    fn a_file_says_all_that_the_labels_say_of_a_router() {
        let front = front(&[
            ("entryPoints", "web, websecure"),
            ("middlewares", "limit,auth@file"),
            ("priority", "40"),
            ("tls.certResolver", "le"),
            ("tls.options", "modern@file"),
            ("tls.domains[1].main", "b.example"),
            ("tls.domains[1].sans", "c.b.example,d.b.example"),
            ("tls.domains[0].main", "a.example"),
            ("observability.accessLogs", "false"),
        ]);
        let file = front.file("0c9d", true).unwrap();
        insta::assert_snapshot!(file, @r#"
        # Written by Purser with each deploy: it leads to the containers that are live, whose own labels do not.
        # Without it nobody is led to them.
        {
          "http": {
            "routers": {
              "shop-0c9d": {
                "entryPoints": [
                  "web",
                  "websecure"
                ],
                "middlewares": [
                  "limit@docker",
                  "auth@file"
                ],
                "observability": {
                  "accessLogs": false
                },
                "tls": {
                  "certResolver": "le",
                  "domains": [
                    {
                      "main": "a.example"
                    },
                    {
                      "main": "b.example",
                      "sans": [
                        "c.b.example",
                        "d.b.example"
                      ]
                    }
                  ],
                  "options": "modern@file"
                },
                "rule": "Host(`shop.example`)",
                "service": "web-0c9d@docker",
                "priority": 42
              }
            }
          }
        }
        "#);
        assert_eq!(services_in(&file), Some(vec!["web-0c9d@docker".to_owned()]));
    }

    #[test]
    fn tls_that_is_only_switched_on_or_off_is_that_in_a_file() {
        let tls = |value: &str| {
            let file = front(&[("tls", value)]).file("0c9d", false).unwrap();
            let routes: Value = serde_json::from_str(file.strip_prefix(HEAD).unwrap()).unwrap();
            routes["http"]["routers"]["shop-0c9d"]["tls"].clone()
        };
        assert_eq!(
            (tls("true"), tls("false")),
            (serde_json::json!({}), Value::Null)
        );
    }

    #[test]
    fn what_no_file_is_known_to_say_is_refused() {
        let why = |field| front(&[(field, "x")]).file("0c9d", true).unwrap_err();
        insta::assert_snapshot!([why("tls.domains[x].main"), why("novelty"), why("observability.metrics")].join("\n"), @"
        its router `shop` has the setting `tls.domains[x].main`, which Purser cannot say in a file
        its router `shop` has the setting `novelty`, which Purser cannot say in a file
        its router `shop` has the setting `observability.metrics`, which Purser cannot say in a file
        ");
    }

    #[test]
    fn a_file_of_somebody_else_is_known_for_one() {
        for text in [
            "",
            "http:\n  routers: {}\n",
            HEAD,
            "{\"http\":{\"routers\":{}}}",
        ] {
            assert_eq!(services_in(text), None, "{text}");
        }
    }
}
