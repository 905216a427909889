//! Where people are told. Each kind of place is a file; a chat platform is one more.

mod webhook;

pub use webhook::{Format, Webhook, WebhookSettings};
