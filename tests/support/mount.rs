//! File systems that are full or read-only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::skip;

/// A file system of its own, unmounted in the end.
pub struct Mount(pub PathBuf);

impl Mount {
    pub fn new(at: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).stderr(Stdio::null());
        if !mount.status().is_ok_and(|s| s.success()) {
            skip("tmpfs cannot be mounted here (not root?)");
            return None;
        }
        Some(Self(at.into()))
    }

    pub fn remount(&self, options: &str) {
        assert!(Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
