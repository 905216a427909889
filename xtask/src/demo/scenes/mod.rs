//! The scenes, in the order in which they are played.

mod approve;
mod backup;
mod clock;
mod deploy;
mod graph;
mod hook;
mod init;
mod kill;
mod receipts;
mod sick;
mod status;

use super::play::Scene;

/// All of them.
pub(crate) const ALL: &[Scene] = &[
    init::SCENE,
    status::SCENE,
    deploy::SCENE,
    sick::SCENE,
    backup::SCENE,
    approve::SCENE,
    hook::SCENE,
    clock::SCENE,
    graph::SCENE,
    kill::SCENE,
    receipts::SCENE,
];
