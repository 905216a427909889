//! Every test that goes through the public interface, in one binary: one link, many stories.

mod s3;
mod support;
