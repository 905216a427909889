//! Which step of a file needs which.

use std::collections::BTreeSet;

use super::problem::Report;
use super::source::Node;
use crate::domain::nearest;
use crate::domain::position::Position;

/// The steps of one list, by their places in it.
#[derive(Debug)]
pub(super) struct Graph<'n> {
    ids: Vec<&'n str>,
    needed: Vec<BTreeSet<usize>>,
}

/// What a step needs itself.
struct Needs {
    steps: Vec<usize>,
    at: Position,
}

impl<'n> Graph<'n> {
    /// Reads what each step needs: what it names, or else the one before it. Reports names that
    /// nothing stands behind, and circles.
    pub(super) fn of(steps: &'n [Node], report: &mut Report) -> Self {
        let ids: Vec<_> = steps
            .iter()
            .map(|step| step.get("id").and_then(Node::text).unwrap_or_default())
            .collect();
        let needs: Vec<_> = steps
            .iter()
            .enumerate()
            .map(|(number, step)| needs_of(number, step, &ids, report))
            .collect();
        let mut search = Search {
            ids: &ids,
            needs: &needs,
            needed: vec![None; ids.len()],
            way: Vec::new(),
        };
        for number in 0..ids.len() {
            search.visit(number, report);
        }
        let needed = search.needed.into_iter().map(Option::unwrap_or_default);
        Self {
            needed: needed.collect(),
            ids,
        }
    }

    /// The place of the step of this id.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.ids.iter().position(|known| *known == id)
    }

    /// The id at this place; empty where the step has none.
    pub(super) fn id(&self, place: usize) -> &'n str {
        self.ids[place]
    }

    /// Those that the step at this place needs, directly or not.
    pub(super) fn needed_by(&self, place: usize) -> &BTreeSet<usize> {
        &self.needed[place]
    }
}

fn needs_of(number: usize, step: &Node, ids: &[&str], report: &mut Report) -> Needs {
    let Some(list) = step.get("needs") else {
        return Needs {
            steps: number.checked_sub(1).into_iter().collect(),
            at: step.at,
        };
    };
    let mut steps = Vec::new();
    for item in list.items() {
        let Some(id) = item.text() else { continue };
        match ids.iter().position(|known| *known == id) {
            Some(place) if place == number => {
                report.error(item.at, format!("the step `{id}` needs itself"));
            }
            Some(place) => steps.push(place),
            None => {
                let others = ids.iter().enumerate();
                let others = others.filter(|(place, id)| *place != number && !id.is_empty());
                let others: Vec<_> = others.map(|(_, id)| *id).collect();
                report.error(item.at, nearest::unknown("step", id, others));
            }
        }
    }
    Needs { steps, at: list.at }
}

struct Search<'s> {
    ids: &'s [&'s str],
    needs: &'s [Needs],
    needed: Vec<Option<BTreeSet<usize>>>,
    way: Vec<usize>,
}

impl Search<'_> {
    /// Fills in what the step needs. As deep as the list is long, which is bounded.
    fn visit(&mut self, number: usize, report: &mut Report) {
        if self.needed[number].is_some() {
            return;
        }
        self.way.push(number);
        let mut all = BTreeSet::new();
        for next in &self.needs[number].steps {
            if let Some(start) = self.way.iter().position(|step| step == next) {
                let circle = self.way[start..].iter().chain([next]);
                let circle: Vec<_> = circle.map(|step| self.ids[*step]).collect();
                let message = format!("steps need each other in a circle: {}", circle.join("→"));
                report.error(self.needs[number].at, message);
                continue;
            }
            self.visit(*next, report);
            all.insert(*next);
            all.extend(self.needed[*next].iter().flatten());
        }
        self.way.pop();
        self.needed[number] = Some(all);
    }
}
