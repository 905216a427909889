//! The REST API: what is asked, whether it may be, and what is answered.

pub(crate) mod call;
mod commands;
mod history;
mod interactions;
pub(crate) mod limits;
mod lookups;
mod messages;
mod reply;
mod route;
pub(crate) mod serve;
mod threads;

#[cfg(test)]
mod tests;
