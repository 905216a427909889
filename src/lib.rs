//! Purser: a ChatOps and workflow-automation bot for a self-hosted Docker stack.
//!
//! The map of the modules, from the inside out. Who may import whom is tested in `tests/it/layers.rs`.

pub mod action;
pub mod app;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod http;
pub mod integrations;
pub mod service;
pub mod store;
pub mod telemetry;
