//! Chats: what people say in them and what they see there, the same in every one of them.
//!
//! A chat is a *platform*: one folder that turns what its people do into what is asked of
//! [`crate::service`], and draws the neutral things of this module in its own way. [`card`] is what is
//! shown of a run, [`text`] what its sentences are made of, [`built_in`] what can be said whatever files there
//! are; a terminal draws and takes the same.

pub mod built_in;
pub mod card;
pub mod discord;
pub mod text;
