//! Where the lines that were typed are kept.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// `$XDG_STATE_HOME/purser/history`, else `~/.local/state/purser/history`, in a folder that is
/// there. `None` where there is no home, or it cannot be written to.
pub(super) fn file() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let file = path(
        variable("XDG_STATE_HOME").as_deref(),
        variable("HOME").as_deref(),
    )?;
    let folder = file.parent()?;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.is_ok().then_some(file)
}

/// A relative folder is none, as the XDG specification has it.
fn path(state: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    let state = state.filter(|path| path.is_absolute());
    let home = home.filter(|path| path.is_absolute());
    let folder = match state {
        Some(state) => state.to_owned(),
        None => home?.join(".local/state"),
    };
    Some(folder.join("purser/history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_xdg_specification() {
        let at = |state: Option<&str>, home: Option<&str>| {
            let path = path(state.map(Path::new), home.map(Path::new))?;
            path.to_str().map(str::to_owned)
        };
        assert_eq!(at(Some("/s"), None).unwrap(), "/s/purser/history");
        let in_home = "/home/ann/.local/state/purser/history";
        assert_eq!(at(Some("s"), Some("/home/ann")).unwrap(), in_home);
        assert_eq!(at(None, None), None);
    }
}
