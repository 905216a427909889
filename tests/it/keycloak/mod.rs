//! Stories of a real Keycloak, and of services that log in there.

mod by_hand;
mod fake;
pub mod hands;
mod inventory;
mod refused;
mod set_up;
