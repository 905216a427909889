//! Every test that goes through the public interface, in one binary: one link, many stories.

mod catalog;
mod docker;
mod engine;
mod layers;
mod postgres;
mod s3;
mod support;
