//! Who logs in by what, held against what the run says.

use std::collections::BTreeMap;

use super::stage::Deed;
use crate::books::Findings;

/// A rotation that is over, and what is there then.
pub(super) struct Case<'a> {
    pub(super) deed: Deed,
    /// What the run says that it came to.
    pub(super) state: &'a str,
    /// How many attempts its step took.
    pub(super) attempts: u64,
    /// The client's secret before and after it.
    pub(super) secrets: [&'a str; 2],
    /// Those of them that Keycloak takes.
    pub(super) taken: Vec<&'a str>,
    /// It keeps a second one, whichever.
    pub(super) keeps_another: bool,
    /// Those who log in as the client.
    pub(super) services: Vec<Service>,
    /// How many containers of each service were made meanwhile.
    pub(super) made: BTreeMap<String, usize>,
    /// How many logins of services were refused meanwhile.
    pub(super) refused: usize,
    /// Files of Purser's in which a secret is to be read.
    pub(super) readable_in: Vec<String>,
}

/// A service that logs in as the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) name: String,
    /// The names of its containers that there are.
    pub(super) containers: Vec<String>,
    /// The client's secret is in its file.
    pub(super) is_written: bool,
    /// It has logged in by the client's secret within half a minute.
    pub(super) logs_in: bool,
}

/// Judges a rotation.
pub(super) fn judge(case: &Case) -> Findings {
    let mut found = Findings::default();
    case.judge_end(&mut found);
    case.judge_secrets(&mut found);
    case.judge_services(&mut found);
    found
}

impl Case<'_> {
    fn judge_end(&self, found: &mut Findings) {
        let (state, due) = (self.state, self.deed.end());
        let what = || format!("the run is {state}, and was to be {due}");
        match self.deed {
            Deed::Rotate => found.lost_unless(state == due, what),
            Deed::Unproven => found.wrong_unless(state == due, what),
        }
        let attempts = self.attempts;
        found.repeated_unless(attempts == 1, || {
            format!("the step took {attempts} attempts")
        });
        for file in &self.readable_in {
            found
                .wrong
                .push(format!("a secret is to be read in {file}"));
        }
    }

    fn judge_secrets(&self, found: &mut Findings) {
        let (state, [old, current]) = (self.state, self.secrets);
        let is_taken = |secret| self.taken.contains(&secret);
        found.lost_unless(is_taken(current), || {
            "Keycloak does not take the client's own secret".to_owned()
        });
        found.wrong_unless(!self.keeps_another, || {
            format!("the run is {state}, and a second secret is kept")
        });
        match state {
            "succeeded" => found.wrong_unless(!is_taken(old), || {
                "the run has succeeded, and the old secret counts".to_owned()
            }),
            "rolled_back" => found.wrong_unless(old == current, || {
                "the run is rolled back, and the client has another secret".to_owned()
            }),
            // The end itself has been complained of.
            _ => {}
        }
    }

    fn judge_services(&self, found: &mut Findings) {
        for service in &self.services {
            let Service {
                name, containers, ..
            } = service;
            found.lost_unless(service.logs_in, || {
                format!("{name} does not log in by the client's secret")
            });
            found.lost_unless(service.is_written, || {
                format!("the file of {name} does not hold the client's secret")
            });
            let is_alone = matches!(&containers[..], [one] if one.ends_with(&format!("-{name}-1")));
            found.wrong_unless(is_alone, || {
                format!("the containers of {name} are {}", containers.join(", "))
            });
            let (made, due) = (self.made.get(name).copied(), self.deed.makes(name));
            let made = made.unwrap_or_default();
            found.repeated_unless(made <= due, || {
                format!("{made} containers of {name} were made, and {due} were due")
            });
        }
        if self.deed == Deed::Rotate {
            let refused = self.refused;
            found.wrong_unless(refused == 0, || format!("{refused} logins were refused"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> Service {
        Service {
            name: name.to_owned(),
            containers: vec![format!("x-{name}-1")],
            is_written: true,
            logs_in: true,
        }
    }

    fn found(change: impl FnOnce(&mut Case)) -> Findings {
        let mut case = Case {
            deed: Deed::Rotate,
            state: "succeeded",
            attempts: 1,
            secrets: ["old", "new"],
            taken: vec!["new"],
            keeps_another: false,
            services: vec![service("orders"), service("invoices")],
            made: BTreeMap::from([("orders".to_owned(), 1)]),
            refused: 0,
            readable_in: Vec::new(),
        };
        change(&mut case);
        judge(&case)
    }

    #[test]
    fn of_a_rotation_that_is_what_it_says_nothing_is_found() {
        assert_eq!(found(|_| {}), Findings::default());
        let back = found(|case| {
            (case.deed, case.state) = (Deed::Unproven, "rolled_back");
            (case.secrets, case.taken, case.refused) = (["old"; 2], vec!["old"], 9);
            case.services.clear();
        });
        assert_eq!(back, Findings::default());
    }

    #[test]
    fn an_end_that_is_not_true_is_wrong() {
        let found_then = found(|case| {
            case.taken.push("old");
            (case.keeps_another, case.refused) = (true, 2);
        });
        assert_eq!(
            found_then.wrong,
            [
                "the run is succeeded, and a second secret is kept",
                "the run has succeeded, and the old secret counts",
                "2 logins were refused"
            ]
        );
        let back = found(|case| case.state = "rolled_back");
        assert_eq!(
            back.lost,
            ["the run is rolled_back, and was to be succeeded"]
        );
        let wrong = "the run is rolled back, and the client has another secret";
        assert_eq!(back.wrong, [wrong]);
        let none = found(|case| case.taken.clear());
        let lost = "Keycloak does not take the client's own secret";
        assert_eq!(none.lost, [lost]);
    }

    #[test]
    fn a_service_without_a_secret_that_counts_or_made_twice_is_found() {
        let mut orders = service("orders");
        (orders.logs_in, orders.is_written) = (false, false);
        orders.containers.push("x-orders-1-purser-0a".to_owned());
        let found = found(|case| {
            case.services = vec![orders];
            case.made.insert("orders".to_owned(), 2);
        });
        assert_eq!(
            found.lost,
            [
                "orders does not log in by the client's secret",
                "the file of orders does not hold the client's secret"
            ]
        );
        let left = "the containers of orders are x-orders-1, x-orders-1-purser-0a";
        assert_eq!(found.wrong, [left]);
        assert_eq!(
            found.repeated,
            ["2 containers of orders were made, and 1 were due"]
        );
    }
}
