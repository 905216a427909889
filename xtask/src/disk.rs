//! A small disk of one's own, to be filled.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// The file that takes up all the room.
const FILLER: &str = "filler";

/// One in memory, mounted on a folder until it is dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// An empty one of so many MiB.
    ///
    /// # Errors
    /// It cannot be mounted: that takes root.
    pub fn mounted_on(folder: &Path, mib: u32) -> Result<Self> {
        Self::mounted(folder, mib, MsFlags::empty())
    }

    /// One to which nothing can be written.
    ///
    /// # Errors
    /// It cannot be mounted: that takes root.
    pub fn read_only_on(folder: &Path) -> Result<Self> {
        Self::mounted(folder, 1, MsFlags::MS_RDONLY)
    }

    fn mounted(folder: &Path, mib: u32, flags: MsFlags) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let tmpfs = Some("tmpfs");
        let options = format!("size={mib}m,mode=700");
        mount(tmpfs, folder, tmpfs, flags, Some(options.as_str()))
            .context("no disk can be mounted: that takes root")?;
        Ok(Self(folder.to_owned()))
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    /// There is not even room for an empty file, or it is read-only.
    pub fn fill(&self) -> io::Result<()> {
        self.filled().map(drop)
    }

    /// Fills it, but for the last so many bytes.
    ///
    /// # Errors
    /// There is less room than that, or it is read-only.
    pub fn fill_but(&self, bytes: u64) -> io::Result<()> {
        let filler = self.filled()?;
        let length = filler.metadata()?.len().checked_sub(bytes);
        filler.set_len(length.ok_or(io::ErrorKind::StorageFull)?)
    }

    fn filled(&self) -> io::Result<File> {
        let filler = self.0.join(FILLER);
        let mut filler = File::options().create(true).append(true).open(filler)?;
        for size in [1 << 20, 4096, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
        Ok(filler)
    }

    /// Removes what fills it.
    ///
    /// # Errors
    /// Nothing does.
    pub fn make_room(&self) -> io::Result<()> {
        fs::remove_file(self.0.join(FILLER))
    }

    /// Leaves what is on it in the folder that it is mounted on, and is gone. Nobody may write there.
    ///
    /// # Errors
    /// It cannot be copied: then it is gone with all that is on it.
    pub fn leaves_its_files(self) -> Result<()> {
        let folder = self.0.clone();
        let beside = folder.with_extension("kept");
        copy_but(FILLER, &folder, &beside).context("what is on the disk cannot be copied")?;
        drop(self);
        fs::remove_dir(&folder)?;
        fs::rename(beside, folder).context("what was on the disk cannot be put in its place")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is killed a moment later still has it open.
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// Copies a folder with all that is in it, but for files of this name.
fn copy_but(left_out: &str, from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_but(left_out, &here, &there)?;
        } else if entry.file_name() != left_out {
            fs::copy(here, there)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_a_disk_can_be_kept_without_it() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("purser-disk-{}", std::process::id()));
        let disk = Disk::mounted_on(&folder.join("store"), 3)?;
        fs::create_dir(folder.join("store/inner"))?;
        fs::write(folder.join("store/inner/log"), "what went wrong")?;
        disk.fill()?;
        disk.leaves_its_files()?;
        assert_eq!(
            fs::read_to_string(folder.join("store/inner/log"))?,
            "what went wrong"
        );
        assert!(!folder.join("store").join(FILLER).exists());
        let mounts = fs::read_to_string("/proc/mounts")?;
        assert!(!mounts.contains(&folder.display().to_string()), "{mounts}");
        fs::remove_dir_all(folder)?;
        Ok(())
    }
}
