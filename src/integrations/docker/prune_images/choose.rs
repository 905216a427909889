//! Which images may go: of each repository all but the newest, and none that is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::image;

/// No run removes more; the oldest go first.
pub(super) const MOST: usize = 200;

/// The fewest digits of an id that stand for an image.
const SHORTEST_ID: usize = 12;

/// An image of the engine's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Image {
    /// `sha256:…`.
    pub(super) id: String,
    /// `shop/web:v1`, each.
    pub(super) tags: Vec<String>,
    /// `shop/web@sha256:…`, each: by these it can be fetched again.
    pub(super) digests: Vec<String>,
    /// When it was made, in seconds since 1970.
    pub(super) created: i64,
    /// With the layers that it shares with others.
    pub(super) bytes: u64,
}

impl Image {
    /// What people call it.
    pub(super) fn name(&self) -> String {
        match (&self.tags[..], &self.digests[..]) {
            ([], []) => format!("{} (without a name)", image::short(&self.id)),
            ([], [digest, ..]) => digest.clone(),
            (tags, _) => tags.join(", "),
        }
    }

    /// The repositories that it belongs to.
    pub(super) fn repositories(&self) -> BTreeSet<&str> {
        let tagged = self.tags.iter().filter_map(|tag| tag.rsplit_once(':'));
        let digested = self
            .digests
            .iter()
            .filter_map(|digest| digest.split_once('@'));
        tagged.chain(digested).map(|(name, _)| name).collect()
    }

    fn is_meant_by(&self, entry: &str) -> bool {
        let digits = entry.strip_prefix("sha256:").unwrap_or(entry);
        let is_id = digits.len() >= SHORTEST_ID
            && self.id.trim_start_matches("sha256:").starts_with(digits);
        is_id
            || self.tags.iter().any(|tag| tag == entry)
            || self.digests.iter().any(|digest| digest == entry)
            || self.repositories().contains(entry)
    }
}

/// Why an image stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// A container was made of it, running or stopped.
    Used(String),
    /// `except` says so.
    Excepted,
    /// Another image was built on it.
    Base,
    /// It is among the newest of this repository.
    Newest(String),
    /// It is as old as the last of the newest of this repository.
    AsOld(String),
    /// There are more than one run removes.
    TooMany,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Used(by) => write!(f, "the container {by} was made of it"),
            Self::Excepted => f.write_str("`except` names it"),
            Self::Base => f.write_str("another image was built on it"),
            Self::Newest(repository) => write!(f, "it is among the newest of {repository}"),
            Self::AsOld(repository) => {
                write!(
                    f,
                    "it was made at the same instant as the last kept of {repository}"
                )
            }
            Self::TooMany => write!(f, "one run removes {MOST}: the next one takes it"),
        }
    }
}

/// What the engine has.
#[derive(Debug, Default)]
pub(super) struct Stock {
    pub(super) images: Vec<Image>,
    /// The images that others were built on.
    pub(super) bases: BTreeSet<String>,
    /// By image the container that was made of it.
    pub(super) users: BTreeMap<String, String>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule<'a> {
    pub(super) keep: usize,
    pub(super) except: &'a [String],
    /// Only these repositories; `None`: all, and what belongs to none.
    pub(super) repositories: Option<&'a [String]>,
}

/// What goes, and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Choice {
    /// The oldest first.
    pub(super) remove: Vec<Image>,
    pub(super) stay: Vec<(Image, Why)>,
}

/// Parts the images. What rests on it stays as long as something does: a base goes in a later run.
pub(super) fn choose(stock: Stock, rule: Rule<'_>) -> Choice {
    let Stock {
        mut images,
        bases,
        users,
    } = stock;
    images.sort_by(|one, other| {
        let age = |image: &Image| (image.created, image.id.clone());
        age(one).cmp(&age(other))
    });
    let newest = newest(&images, rule.keep);
    let mut choice = Choice::default();
    for image in images {
        if !is_looked_at(&image, rule) {
            continue;
        }
        let why = needed(&image, &bases, &users, rule).or_else(|| newest.get(&image.id).cloned());
        let why = why.or_else(|| (choice.remove.len() >= MOST).then_some(Why::TooMany));
        match why {
            Some(why) => choice.stay.push((image, why)),
            None => choice.remove.push(image),
        }
    }
    choice
}

fn is_looked_at(image: &Image, rule: Rule<'_>) -> bool {
    let Some(only) = rule.repositories else {
        return true;
    };
    let of = image.repositories();
    !of.is_empty()
        && of
            .iter()
            .all(|repository| only.iter().any(|one| one == repository))
}

fn needed(
    image: &Image,
    bases: &BTreeSet<String>,
    users: &BTreeMap<String, String>,
    rule: Rule<'_>,
) -> Option<Why> {
    if let Some(by) = users.get(&image.id) {
        return Some(Why::Used(by.clone()));
    }
    if rule.except.iter().any(|entry| image.is_meant_by(entry)) {
        return Some(Why::Excepted);
    }
    bases.contains(&image.id).then_some(Why::Base)
}

/// The newest of each repository, of images by age. Builds that are the same everywhere carry one
/// date for all: which of those is newest, nobody can tell, and they stay.
fn newest(images: &[Image], keep: usize) -> BTreeMap<String, Why> {
    let mut by_repository: BTreeMap<&str, Vec<&Image>> = BTreeMap::new();
    for image in images.iter().rev() {
        for repository in image.repositories() {
            by_repository.entry(repository).or_default().push(image);
        }
    }
    let mut kept = BTreeMap::new();
    for (repository, images) in by_repository {
        let oldest_kept = images
            .get(keep.saturating_sub(1))
            .map(|image| image.created);
        for (place, image) in images.iter().enumerate() {
            let why = if place < keep {
                Why::Newest(repository.to_owned())
            } else if Some(image.created) == oldest_kept {
                Why::AsOld(repository.to_owned())
            } else {
                break;
            };
            kept.entry(image.id.clone()).or_insert(why);
        }
    }
    kept
}

/// The entries of a list that mean no image there is.
pub(super) fn idle<'a>(entries: &'a [String], images: &[Image]) -> Vec<&'a str> {
    let means = |entry: &&String| !images.iter().any(|image| image.is_meant_by(entry));
    entries.iter().filter(means).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name` is a tag, a digest (with `@`) or nothing.
    fn image(digit: char, names: &[&str], created: i64) -> Image {
        let names = names.iter().map(|name| (*name).to_owned());
        let (digests, tags) = names.partition(|name| name.contains('@'));
        Image {
            id: format!("sha256:{}", String::from(digit).repeat(64)),
            tags,
            digests,
            created,
            bytes: 1,
        }
    }

    fn rule(keep: usize) -> Rule<'static> {
        Rule {
            keep,
            except: &[],
            repositories: None,
        }
    }

    fn told(choice: &Choice) -> String {
        let gone = choice
            .remove
            .iter()
            .map(|image| format!("- {}", image.name()));
        let stay = choice.stay.iter();
        let stay = stay.map(|(image, why)| format!("{}: {why}", image.name()));
        gone.chain(stay).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn of_each_repository_the_newest_stay() {
        let stock = Stock {
            images: vec![
                image('1', &["shop/web:v1"], 10),
                image('2', &["shop/web:v2", "shop/web:stable"], 20),
                image('3', &["shop/web@sha256:33"], 30),
                image('4', &["shop/web:v4"], 40),
                image('5', &["shop/db:v1"], 5),
                image('6', &["r.example:5000/shop/web:v1"], 6),
                image('7', &[], 50),
                // As long as it is among the newest of one, it stays in the other too.
                image('8', &["shop/web:v0", "shop/old:v0"], 1),
            ],
            ..Stock::default()
        };
        insta::assert_snapshot!(told(&choose(stock, rule(2))), @"
        - shop/web:v1
        - shop/web:v2, shop/web:stable
        - 777777777777 (without a name)
        shop/web:v0, shop/old:v0: it is among the newest of shop/old
        shop/db:v1: it is among the newest of shop/db
        r.example:5000/shop/web:v1: it is among the newest of r.example:5000/shop/web
        shop/web@sha256:33: it is among the newest of shop/web
        shop/web:v4: it is among the newest of shop/web
        ");
    }

    #[test]
    fn what_is_needed_stays_however_old() {
        let all = |digit: char| format!("sha256:{}", String::from(digit).repeat(64));
        let stock = Stock {
            images: vec![
                image('1', &["shop/web:v1"], 1),
                image('2', &["shop/web:v2"], 2),
                image('3', &["shop/web:v3"], 3),
                image('4', &["shop/web:v4"], 4),
                image('5', &["shop/web:v5"], 5),
                image('6', &["shop/web:v6"], 6),
                image('a', &[], 1),
                image('b', &[], 1),
                image('c', &["base/os:12"], 0),
                image('d', &["base/os:13"], 9),
            ],
            bases: BTreeSet::from([all('a'), all('c')]),
            users: BTreeMap::from([(all('1'), "shop-web-1".to_owned())]),
        };
        let except = ["shop/web:v2", "333333333333", "shop/web", "444"].map(str::to_owned);
        let rule = Rule {
            keep: 1,
            except: &except[..2],
            repositories: None,
        };
        let unknown = idle(&except, &stock.images);
        assert_eq!(unknown, ["444"]);
        insta::assert_snapshot!(told(&choose(stock, rule)), @"
        - bbbbbbbbbbbb (without a name)
        - shop/web:v4
        - shop/web:v5
        base/os:12: another image was built on it
        shop/web:v1: the container shop-web-1 was made of it
        aaaaaaaaaaaa (without a name): another image was built on it
        shop/web:v2: `except` names it
        shop/web:v3: `except` names it
        shop/web:v6: it is among the newest of shop/web
        base/os:13: it is among the newest of base/os
        ");
    }

    #[test]
    fn images_of_one_date_are_not_told_apart() {
        let stock = Stock {
            images: vec![
                image('1', &["nix/web:v1"], 0),
                image('2', &["nix/web:v2"], 0),
                image('3', &["nix/web:v3"], 0),
                image('4', &["nix/db:v1"], 1),
                image('5', &["nix/db:v2"], 2),
                image('6', &["nix/db:v3"], 2),
            ],
            ..Stock::default()
        };
        insta::assert_snapshot!(told(&choose(stock, rule(1))), @"
        - nix/db:v1
        nix/web:v1: it was made at the same instant as the last kept of nix/web
        nix/web:v2: it was made at the same instant as the last kept of nix/web
        nix/web:v3: it is among the newest of nix/web
        nix/db:v2: it was made at the same instant as the last kept of nix/db
        nix/db:v3: it is among the newest of nix/db
        ");
    }

    #[test]
    fn only_what_belongs_to_the_named_repositories_alone_is_looked_at() {
        let stock = Stock {
            images: vec![
                image('1', &["shop/web:v1"], 1),
                image('2', &["shop/web:v2"], 2),
                image('3', &["shop/web:v0", "shop/live:v0"], 0),
                image('4', &["shop/db:v0"], 0),
                image('5', &[], 0),
            ],
            ..Stock::default()
        };
        let rule = Rule {
            repositories: Some(&["shop/web".to_owned()]),
            ..rule(1)
        };
        insta::assert_snapshot!(told(&choose(stock, rule)), @"
        - shop/web:v1
        shop/web:v2: it is among the newest of shop/web
        ");
    }

    #[test]
    fn one_run_removes_so_many_and_the_oldest_first() {
        let images = (0..300).map(|at| Image {
            id: format!("sha256:{at:064}"),
            created: 300 - at,
            ..Image::default()
        });
        let stock = Stock {
            images: images.collect(),
            ..Stock::default()
        };
        let choice = choose(stock, rule(3));
        assert_eq!((choice.remove.len(), choice.stay.len()), (MOST, 100));
        assert_eq!(choice.remove[0].created, 1);
        assert_eq!(choice.remove[MOST - 1].created, 200);
    }
}
