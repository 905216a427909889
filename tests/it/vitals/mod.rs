//! Stories of what Purser tells other programs about itself.

mod alerts;
mod beats;
mod figures;
mod overdue;
mod receiver;
