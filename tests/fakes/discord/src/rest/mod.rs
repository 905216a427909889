//! The REST API: what is asked, whether it may be, and what is answered.

pub(crate) mod call;
mod commands;
mod interactions;
pub(crate) mod limits;
mod messages;
mod people;
mod reply;
mod route;
pub(crate) mod serve;
mod threads;

#[cfg(test)]
mod tests;
