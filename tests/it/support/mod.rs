//! What the stories share: the stack of real parts, and contexts to call actions in.

pub mod journal;
pub mod stack;
pub mod toy;
pub mod world;
