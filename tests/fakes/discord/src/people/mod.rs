//! People: what they type, click, choose and fill in, as Discord's client lets them.

mod acted;
mod acting;
mod fit;
mod line;

pub use acted::Acted;
pub use line::Given;
