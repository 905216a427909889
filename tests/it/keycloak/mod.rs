//! Stories of a real Keycloak, and of services that log in there.

mod by_hand;
pub(crate) mod orders;
mod rotate;
