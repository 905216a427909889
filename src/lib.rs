//! Purser: a ChatOps and workflow-automation bot for a self-hosted Docker stack.
//!
//! The map of the modules, from the inside out. Who may import whom is tested in `tests/it/layers.rs`.

pub mod action;
pub mod catalog;
pub mod config;
pub mod domain;
pub mod engine;
pub mod integrations;
pub mod store;
