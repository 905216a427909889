//! How the configuration names the store: all that the torture knows of it.

/// Where runs are kept.
#[derive(Clone, Debug)]
pub enum Store {
    /// A folder beside the configuration.
    Sqlite,
}

impl Store {
    /// The store of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        (name == "sqlite").then_some(Self::Sqlite)
    }

    /// The section of `purser.toml`.
    pub(super) fn settings(&self) -> String {
        match self {
            Self::Sqlite => "[store]\npath = 'store'\n".to_owned(),
        }
    }
}
