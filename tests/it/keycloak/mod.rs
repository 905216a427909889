//! Stories of a real Keycloak, and of services that log in there.

pub(crate) mod asked;
mod away;
mod by_hand;
mod cannot;
mod expires;
mod fake;
mod goes_back;
pub mod hands;
mod inventory;
pub(crate) mod orders;
mod refused;
mod rotate;
mod set_up;
mod tls;
mod undeclared;
mod unrecorded;
mod unseen;
mod without_feature;
