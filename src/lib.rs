//! Purser: a ChatOps and workflow-automation bot for a self-hosted Docker stack.
//!
//! The map of the modules, from the inside out. `tests/it/layers.rs` tests who may import whom.

pub mod domain;

pub mod action;
mod chart;
pub mod rotation;
pub mod store;

pub mod catalog;
pub mod engine;
pub mod integrations;
pub mod places;

pub mod service;
pub mod vitals;

pub mod chat;

pub mod doctor;
pub mod init;

pub mod cli;
pub mod docker_proxy;
pub mod http;

pub mod app;
pub mod config;
pub mod telemetry;
