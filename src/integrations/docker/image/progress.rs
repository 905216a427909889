//! How far the fetching of an image has come, by what the engine says of each layer.

use std::collections::BTreeMap;
use std::fmt;

use bollard::models::CreateImageInfo;

use crate::domain::words::size;

/// An image has at most 127 layers; whatever more an engine tells of is not kept.
const MOST_LAYERS: usize = 256;

/// A layer's name is twelve digits.
const LONGEST_NAME: usize = 80;

/// What is known of the layers by now.
#[derive(Debug, Default)]
pub(super) struct Progress {
    layers: BTreeMap<String, Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    fetched: u64,
    /// The bytes to fetch; not known before the layer's turn comes.
    total: Option<u64>,
    /// It is where it belongs.
    there: bool,
}

impl Progress {
    /// Takes in one line of the engine's.
    pub(super) fn take(&mut self, told: &CreateImageInfo) {
        let (Some(id), Some(status)) = (&told.id, &told.status) else {
            return;
        };
        if id.len() > LONGEST_NAME || !is_of_a_layer(status) {
            return;
        }
        if !self.layers.contains_key(id) && self.layers.len() >= MOST_LAYERS {
            return;
        }
        let layer = self.layers.entry(id.clone()).or_default();
        match status.as_str() {
            "Already exists" => layer.there = true,
            "Downloading" => {
                let detail = told.progress_detail.as_ref();
                let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
                layer.total = bytes(detail.and_then(|d| d.total)).filter(|total| *total > 0);
                layer.fetched = bytes(detail.and_then(|d| d.current)).unwrap_or_default();
            }
            "Download complete" | "Extracting" => layer.fetched = layer.total.unwrap_or_default(),
            "Pull complete" => {
                layer.fetched = layer.total.unwrap_or_default();
                layer.there = true;
            }
            _ => {}
        }
    }

    /// The bytes that are to be fetched as far as the engine has said by now, compressed.
    pub(super) fn to_fetch(&self) -> u64 {
        let totals = self.layers.values().filter_map(|layer| layer.total);
        totals.fold(0, u64::saturating_add)
    }

    fn fetched(&self) -> u64 {
        let fetched = self.layers.values().map(|layer| layer.fetched);
        fetched.fold(0, u64::saturating_add)
    }

    /// Whether layers wait of which the engine has not said yet how large they are.
    fn is_partly_known(&self) -> bool {
        let unknown = |layer: &Layer| !layer.there && layer.total.is_none();
        self.layers.values().any(unknown)
    }
}

/// Other lines name a tag or a digest.
fn is_of_a_layer(status: &str) -> bool {
    const ALL: [&str; 8] = [
        "Pulling fs layer",
        "Waiting",
        "Already exists",
        "Downloading",
        "Verifying Checksum",
        "Download complete",
        "Extracting",
        "Pull complete",
    ];
    ALL.contains(&status) || status.starts_with("Retrying in")
}

impl fmt::Display for Progress {
    /// `34 MiB of 120 MiB, 5 of 7 layers`; nothing before there is a layer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.layers.len();
        if all == 0 {
            return Ok(());
        }
        let there = self.layers.values().filter(|layer| layer.there).count();
        let total = self.to_fetch();
        if total > 0 {
            let at_least = if self.is_partly_known() {
                "at least "
            } else {
                ""
            };
            write!(f, "{} of {at_least}{}, ", size(self.fetched()), size(total))?;
        }
        write!(f, "{there} of {all} layers")
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    fn told(id: &str, status: &str, bytes: Option<(i64, i64)>) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: bytes.map(|(current, total)| ProgressDetail {
                current: Some(current),
                total: Some(total),
            }),
            ..CreateImageInfo::default()
        }
    }

    const MIB: i64 = 1 << 20;

    #[test]
    fn bytes_and_layers_are_counted_as_they_come() {
        let mut progress = Progress::default();
        assert_eq!(progress.to_string(), "");
        let mut said = Vec::new();
        let lines = [
            told("v2", "Pulling from shop/web", None),
            told("a", "Already exists", None),
            told("b", "Pulling fs layer", None),
            told("c", "Waiting", None),
            told("b", "Downloading", Some((10 * MIB, 80 * MIB))),
            told("b", "Verifying Checksum", None),
            told("b", "Download complete", None),
            told("c", "Downloading", Some((MIB, 40 * MIB))),
            told("b", "Extracting", Some((MIB, 80 * MIB))),
            told("c", "Pull complete", None),
            told("b", "Pull complete", None),
            told("", "Digest: sha256:00ff", None),
        ];
        for line in lines {
            progress.take(&line);
            said.push(progress.to_string());
        }
        // The first line is of no layer.
        said.retain(|line| !line.is_empty());
        said.dedup();
        insta::assert_snapshot!(said.join("\n"), @"
        1 of 1 layers
        1 of 2 layers
        1 of 3 layers
        10 MiB of at least 80 MiB, 1 of 3 layers
        80 MiB of at least 80 MiB, 1 of 3 layers
        81 MiB of 120 MiB, 1 of 3 layers
        120 MiB of 120 MiB, 2 of 3 layers
        120 MiB of 120 MiB, 3 of 3 layers
        ");
    }

    #[test]
    fn an_engine_that_tells_nonsense_fills_no_memory() {
        let mut progress = Progress::default();
        for layer in 0..10_000 {
            progress.take(&told(
                &layer.to_string(),
                "Downloading",
                Some((-5, i64::MAX)),
            ));
        }
        progress.take(&told(&"x".repeat(1 << 20), "Downloading", Some((1, 2))));
        assert_eq!(progress.layers.len(), MOST_LAYERS);
        assert_eq!(progress.to_fetch(), u64::MAX);
        assert_eq!(progress.fetched(), 0);
    }
}
