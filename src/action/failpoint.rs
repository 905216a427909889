//! Named moments at which a kill test may end the process.

/// Ends the process as SIGKILL would, when `PURSER_FAILPOINT` names this moment. Absent without
/// the feature `failpoints`.
#[allow(unused_variables, reason = "only used with the feature")]
pub fn failpoint(here: &str) {
    #[cfg(feature = "failpoints")]
    if std::env::var("PURSER_FAILPOINT").is_ok_and(|wanted| wanted == here) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::SIGKILL);
    }
}
