//! Stories of what Purser tells other programs about itself.

mod beats;
mod figures;
mod overdue;
mod receiver;
