//! Stories about one Docker engine, told against a real one and checked by Docker's own client.

mod jobs;
mod stage;
