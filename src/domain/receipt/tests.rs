use super::*;

fn actor() -> Actor {
    Actor {
        person: "ann".into(),
        roles: vec![],
        through: "uid 1".into(),
    }
}

fn chain(length: u64) -> (Vec<Receipt>, VerifyingKey) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let mut head = None;
    let mut receipts = Vec::new();
    for n in 0..length {
        let subject = Subject::Changed {
            what: format!("catalog {n}"),
        };
        let at = Timestamp::from_micros(0);
        let draft = Draft::without_run(subject, actor(), at, "reloaded", [3; 32]);
        let receipt = Receipt::seal(draft, head, &key);
        head = Some((receipt.seq, receipt.hash.clone()));
        receipts.push(receipt);
    }
    (receipts, key.verifying_key())
}

fn verify(receipts: &[Receipt], key: &VerifyingKey) -> Result<u64, String> {
    let mut chain = Chain::default();
    for receipt in receipts {
        chain
            .next(receipt, key)
            .map_err(|broken| broken.to_string())?;
    }
    Ok(chain.head().map_or(0, |(seq, _)| *seq))
}

#[test]
fn an_untouched_chain_holds_also_after_a_trip_through_json() {
    let (receipts, key) = chain(3);
    let text = serde_json::to_string(&receipts).unwrap();
    assert_eq!(
        verify(&serde_json::from_str::<Vec<_>>(&text).unwrap(), &key),
        Ok(3)
    );
}

#[test]
fn whatever_is_altered_is_found_and_named() {
    let (receipts, key) = chain(3);
    let alter = |change: &dyn Fn(&mut Vec<Receipt>)| {
        let mut copy = receipts.clone();
        change(&mut copy);
        verify(&copy, &key).unwrap_err()
    };
    let errors = [
        alter(&|all| all[1].content.by.person = "bo".into()),
        alter(&|all| {
            all.remove(1);
        }),
        alter(&|all| all[2].signature = all[1].signature.clone()),
        alter(&|all| {
            for text in all[0].texts.values_mut() {
                text.text = "nothing happened".into();
            }
        }),
    ];
    assert_eq!(
        errors,
        [
            "receipt 2 does not hold: its content does not have the hash that it was sealed with",
            "receipt 3 does not hold: receipt 2 is missing before it",
            "receipt 3 does not hold: its signature is not by this store's key",
            "receipt 1 does not hold: a text was altered: \"nothing happened\"",
        ]
    );
}

#[test]
fn a_text_can_be_erased_and_the_chain_still_holds() {
    let (mut receipts, key) = chain(2);
    receipts[0].texts.clear();
    assert_eq!(verify(&receipts, &key), Ok(2));
}
