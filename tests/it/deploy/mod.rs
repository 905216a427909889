//! What a person needs to leave Purser running: the filter before Docker's socket, the image, the
//! Compose file and the units, each tried with the real thing.

mod attacks;
mod compose;
mod image;
mod stage;
mod stories;
mod through;
mod units;
