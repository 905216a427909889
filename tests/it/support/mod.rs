//! What the stories share: the stack of real parts, and contexts to call actions in.

pub mod consumer;
pub mod database;
pub mod detour;
pub mod discord_js;
pub mod gateway;
pub mod hand_clock;
pub mod journal;
pub mod keycloak;
pub mod line;
pub mod offers;
pub mod own_engine;
pub mod own_keycloak;
pub mod own_traefik;
pub mod patience;
pub mod pgbouncer;
pub mod program;
pub mod proxy;
pub mod s3;
pub mod screen;
pub mod speech;
pub mod stack;
pub mod systems;
pub mod tls;
pub mod toy;
pub mod world;
