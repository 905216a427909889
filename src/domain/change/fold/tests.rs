use proptest::prelude::*;

use super::*;

fn change(second: i64, id: &str, image: &str, act: Act) -> Change {
    Change {
        at: Timestamp::from_micros(second * 1_000_000),
        key: format!("{second}/{id}/{act:?}"),
        item: Item {
            id: id.to_owned(),
            name: "shop-web-1".to_owned(),
            service: Some("shop/web".to_owned()),
            image: Some(image.to_owned()),
            ..Item::default()
        },
        act,
    }
}

/// What happened to one container, a second after the other.
fn told(acts: &[Act]) -> Vec<What> {
    let seconds = 0_i64..;
    let changes = seconds.zip(acts);
    let changes = changes.map(|(second, act)| change(second, "a", "web:v1", act.clone()));
    let folded = fold(changes.collect());
    assert_eq!(
        folded.iter().map(|one| one.events).sum::<usize>(),
        acts.len()
    );
    folded.into_iter().map(|one| one.what).collect()
}

fn kill() -> Act {
    Act::Signalled { signal: Some(15) }
}

fn end() -> Act {
    Act::Ended { code: Some(1) }
}

fn net() -> String {
    "shop_default".to_owned()
}

#[test]
fn what_is_one_act_for_people_is_one_thing() {
    let code = Some(1);
    let (join, left) = (Act::Joined { network: net() }, Act::Left { network: net() });
    let stop = [kill(), kill(), left.clone(), end(), Act::Stopped];
    assert_eq!(told(&stop), [What::Stopped { code }]);
    let start = [join.clone(), Act::Started];
    assert_eq!(told(&start), [What::Single(Act::Started)]);
    let restart = [&stop[..], &start, &[Act::Restarted]].concat();
    assert_eq!(told(&restart), [What::Restarted]);
    let made = [Act::Created, join, Act::Started];
    assert_eq!(told(&made), [What::Begun]);
    assert_eq!(
        told(&[kill(), end(), left.clone()]),
        [What::Killed { code }]
    );
    assert_eq!(told(&[kill(), end(), Act::Removed]), [What::Gone]);
    let once = [&made[..], &[left, end(), Act::Removed]].concat();
    assert_eq!(told(&once), [What::CameAndWent]);
    assert_eq!(told(&[end()]), [What::Single(end())]);
    assert_eq!(told(&[kill()]), [What::Single(kill())]);
    let network = [Act::Joined { network: net() }];
    assert_eq!(told(&network), [What::Single(network[0].clone())]);
}

#[test]
fn a_container_that_fails_again_and_again_is_one_line() {
    let crash = [end(), Act::Started];
    let folded = fold(
        (0..20_i64)
            .flat_map(|n: i64| {
                let at = |second| n * 90 + second;
                [
                    change(at(0), "a", "v1", crash[0].clone()),
                    change(at(60), "a", "v1", crash[1].clone()),
                ]
            })
            .collect(),
    );
    assert_eq!(folded.len(), 1, "{folded:#?}");
    assert_eq!((folded[0].times, folded[0].events), (20, 40));
}

#[test]
fn a_container_that_is_made_anew_has_the_place_of_the_one_before() {
    let acts = [
        ("b", "web:v2", Act::Created),
        ("a", "web:v1", kill()),
        ("a", "web:v1", end()),
        ("a", "web:v1", Act::Stopped),
        ("a", "web:v1", Act::Removed),
        (
            "b",
            "web:v2",
            Act::Renamed {
                from: "b_shop-web-1".to_owned(),
            },
        ),
        ("b", "web:v2", Act::Started),
    ];
    let changes = (0..)
        .zip(acts)
        .map(|(second, (id, image, act))| change(second, id, image, act));
    let folded = fold(changes.collect());
    assert_eq!(folded.len(), 1, "{folded:#?}");
    let from = "web:v1".to_owned();
    assert_eq!(folded[0].what, What::Replaced { from });
    assert_eq!(folded[0].item.image.as_deref(), Some("web:v2"));
    assert_eq!(folded[0].events, 7);
}

#[test]
fn a_container_does_not_take_the_place_of_itself_or_of_a_later_one() {
    let acts = [
        ("a", Act::Created),
        ("a", Act::Started),
        ("a", Act::Paused),
        ("a", Act::Removed),
        ("b", Act::Created),
        ("b", Act::Started),
        ("b", Act::Updated),
        ("b", Act::Removed),
    ];
    let changes = (0..)
        .zip(acts)
        .map(|(second, (id, act))| change(second, id, "web:v1", act));
    let what: Vec<_> = fold(changes.collect())
        .into_iter()
        .map(|one| one.what)
        .collect();
    let expected = [
        What::Begun,
        What::Single(Act::Paused),
        What::Replaced {
            from: "web:v1".to_owned(),
        },
        What::Single(Act::Updated),
        What::Single(Act::Removed),
    ];
    assert_eq!(what, expected);
}

#[test]
fn an_image_that_goes_with_its_name_is_removed_once() {
    let image = |second, act| {
        let mut change = change(second, "sha256:1", "", act);
        change.item.sort = Sort::Image;
        change
    };
    let folded = fold(vec![image(1, Act::Untagged), image(2, Act::Removed)]);
    assert_eq!(folded.len(), 1);
    assert_eq!(folded[0].what, What::Single(Act::Removed));
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Created),
        Just(Act::Started),
        Just(Act::Restarted),
        Just(kill()),
        Just(end()),
        Just(Act::Stopped),
        Just(Act::OutOfMemory),
        Just(Act::Paused),
        Just(Act::Updated),
        Just(Act::Removed),
        Just(Act::Renamed {
            from: "other".to_owned()
        }),
        Just(Act::Joined { network: net() }),
        Just(Act::Left { network: net() }),
    ]
}

fn any_changes() -> impl Strategy<Value = Vec<Change>> {
    let one = (0_i64..600, 0_u8..4, any_act());
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let changes = all.into_iter().map(|(second, id, act)| {
            let mut change = change(second, &id.to_string(), "web:v1", act);
            change.item.service = Some(format!("shop/{}", id % 2));
            change.item.name = format!("shop-{id}");
            change
        });
        changes.collect()
    })
}

proptest! {
    /// Nothing is lost and nothing is told twice; what is told is in the order of time and lies within
    /// the time of its events.
    #[test]
    fn each_event_is_part_of_exactly_one_thing(changes in any_changes()) {
        let folded = fold(changes.clone());
        let events: usize = folded.iter().map(|one| one.events).sum();
        prop_assert_eq!(events, changes.len());
        prop_assert!(folded.windows(2).all(|two| two[0].at <= two[1].at));
        for one in &folded {
            prop_assert!(one.at <= one.until && one.times >= 1);
            prop_assert!(changes.iter().any(|change| change.at == one.at));
        }
    }

    /// What happened to one service says nothing about what happened to another.
    #[test]
    fn services_are_folded_by_themselves(changes in any_changes()) {
        let of = |service: &str, changes: &[Change]| -> Vec<Change> {
            let is_of = |change: &&Change| change.item.service.as_deref() == Some(service);
            changes.iter().filter(is_of).cloned().collect()
        };
        let together = fold(changes.clone());
        for service in ["shop/0", "shop/1"] {
            let alone = fold(of(service, &changes));
            let is_of = |one: &&Happened| one.item.service.as_deref() == Some(service);
            let within: Vec<_> = together.iter().filter(is_of).cloned().collect();
            prop_assert_eq!(alone, within);
        }
    }

    /// What lies far apart is not brought together, but for a container that takes long to end.
    #[test]
    fn a_long_silence_separates(one in any_changes(), other in any_changes()) {
        let ends_open = |changes: &[Change]| fold(changes.to_vec()).iter().any(|one| {
            matches!(one.what, What::Single(Act::Signalled { .. }) | What::EndedAndStarted { .. })
        });
        prop_assume!(!ends_open(&one));
        let later: Vec<Change> = other
            .into_iter()
            .map(|change| Change { at: change.at.plus(Duration::from_hours(1)), ..change })
            .collect();
        let apart = [fold(one.clone()), fold(later.clone())].concat();
        prop_assert_eq!(fold([one, later].concat()), apart);
    }
}
