//! What a chat posts to us of what its people do, in place of a connection of ours: a port between the
//! server and a platform.

use serde_json::Value;

/// A chat that posts what its people do, signed by it.
pub trait SignedPosts: Send + Sync {
    /// Says something to a post with these headers at once; what it asks for is answered later.
    fn take(&self, signature: Option<&str>, timestamp: Option<&str>, body: &[u8]) -> Posted;
}

/// What is said to a post.
#[derive(Clone, Debug, PartialEq)]
pub enum Posted {
    /// This.
    Answered(Value),
    /// Nothing: it is answered by a request of ours.
    Taken,
    /// It does not come from that chat, or was altered on the way.
    Forged,
    /// It is not understood: why.
    Unreadable(String),
    /// It cannot be answered yet.
    NotThere,
}
