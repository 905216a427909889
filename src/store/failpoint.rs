//! Where tests have the process die.

/// Ends the process as SIGKILL would, when `PURSER_FAILPOINT` is this place; nothing without the
/// feature `failpoints`.
#[allow(unused_variables, reason = "only used with the feature")]
pub(super) fn failpoint(here: &str) {
    #[cfg(feature = "failpoints")]
    if std::env::var("PURSER_FAILPOINT").is_ok_and(|at| at == here) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::SIGKILL);
    }
}
