//! The names of the keys in the store's folder.

/// The one that signs receipts.
pub const RECEIPTS_KEY: &str = "receipts.key";

/// The one that opens secrets.
pub const SECRETS_KEY: &str = "secrets.key";

/// All of them.
pub const KEYS: [&str; 2] = [RECEIPTS_KEY, SECRETS_KEY];
