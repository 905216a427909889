//! People: what they type, click, choose and fill in, as Discord's client lets them.

mod acted;
mod acting;
mod commands;
mod components;
mod fit;
mod forms;
mod line;

pub use acted::Acted;
pub use line::Given;
