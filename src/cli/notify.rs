//! `purser notify`: where people are told, and whether that works.

use clap::Subcommand;

use super::client::{Server, segment};
use super::{Failure, print_json};
use crate::chat::card::value;
use crate::http::types::{PlaceAnswer, PlaceView};

/// Look at the places where people are told, and try one.
#[derive(Debug, Subcommand)]
pub enum Notify {
    /// All places, and what waits for them.
    List,
    /// Send a test message, past what waits, and say what the place answered.
    Test {
        /// The name in `[places.NAME]`.
        place: String,
    },
}

impl Notify {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        match self {
            Self::List => {
                let places: Vec<PlaceView> = server.get("places").await?;
                if json {
                    return print_json(&places);
                }
                println!("{}", table(&places));
                Ok(())
            }
            Self::Test { place } => {
                let path = format!("places/{}/test", segment(&place));
                let answer: PlaceAnswer = server.post(&path, &()).await?;
                if json {
                    print_json(&answer)?;
                } else {
                    println!("{}", said(&answer));
                }
                if answer.taken {
                    Ok(())
                } else {
                    Err(Failure::silent(Failure::FAILED))
                }
            }
        }
    }
}

fn said(
    PlaceAnswer {
        place,
        taken,
        answer,
    }: &PlaceAnswer,
) -> String {
    if *taken {
        format!("✓ {place} took the test message: {answer}")
    } else {
        format!("✗ {place} did not take the test message: {answer}")
    }
}

fn table(places: &[PlaceView]) -> String {
    if places.is_empty() {
        return "no places yet: the configuration has them as [places.NAME]".to_owned();
    }
    let row = |place: &PlaceView| {
        vec![
            place.name.to_string(),
            place.sort.clone(),
            place.waiting.to_string(),
            place.oldest.map_or("-".to_owned(), |at| at.to_string()),
            place.problem.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let rows: Vec<_> = places.iter().map(row).collect();
    value::table(&["PLACE", "WHAT", "WAITING", "SINCE", "WHY"], &rows)
}
