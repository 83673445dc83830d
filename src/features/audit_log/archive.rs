//! A folder as one file: tar in its plainest form (POSIX ustar), which everything can unpack.

use std::fs::File;
use std::io::{Read as _, Result};
use std::path::Path;

const BLOCK_BYTES: usize = 512;
const PIECE_BYTES: usize = 1 << 16;

/// Hands the archive of `folder` to `write`, piece by piece. Paths begin with `name`.
pub fn archive(
    folder: &Path,
    name: &str,
    write: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    add_folder(folder, name, write)?;
    // Two empty blocks end an archive.
    write(&[0; 2 * BLOCK_BYTES])
}

fn add_folder(folder: &Path, name: &str, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            add_folder(&entry.path(), &path, write)?;
        } else {
            add_file(&entry.path(), &path, write)?;
        }
    }
    Ok(())
}

fn add_file(file: &Path, name: &str, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    write(&header(name, length)?)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = length;
    while left > 0 {
        let most = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let read = file.read(&mut piece[..most])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        write(&piece[..read])?;
        left -= read as u64;
    }
    let beyond = usize::try_from(length % BLOCK_BYTES as u64).unwrap_or(0);
    if beyond > 0 {
        write(&vec![0; BLOCK_BYTES - beyond])?;
    }
    Ok(())
}

fn header(name: &str, length: u64) -> Result<[u8; BLOCK_BYTES]> {
    let mut block = [0; BLOCK_BYTES];
    let mut put = |at: usize, field: &[u8]| block[at..at + field.len()].copy_from_slice(field);
    if name.len() > 100 {
        return Err(std::io::Error::other("a path is too long for an archive"));
    }
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, &size_field(length));
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}

/// Octal, or beyond 8 GiB the binary form that every tar of this century reads.
fn size_field(length: u64) -> [u8; 12] {
    let mut field = [0; 12];
    if length < 1 << 33 {
        field.copy_from_slice(format!("{length:011o}\0").as_bytes());
    } else {
        field[0] = 0x80;
        field[4..].copy_from_slice(&length.to_be_bytes());
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tar_unpacks_it() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        std::fs::create_dir_all(from.join("tiles/0/x001")).unwrap();
        std::fs::write(from.join("a"), b"").unwrap();
        std::fs::write(from.join("b"), vec![7; 100_000]).unwrap();
        std::fs::write(from.join("tiles/0/x001/234"), vec![9; 512]).unwrap();
        let mut bytes = Vec::new();
        archive(&from, "export", &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
        let packed = folder.path().join("packed.tar");
        std::fs::write(&packed, bytes).unwrap();
        let unpacked = std::process::Command::new("tar")
            .arg("-xf")
            .arg(&packed)
            .arg("-C")
            .arg(folder.path())
            .status();
        assert!(unpacked.unwrap().success());
        for name in ["a", "b", "tiles/0/x001/234"] {
            let there = std::fs::read(folder.path().join("export").join(name)).unwrap();
            assert_eq!(there, std::fs::read(from.join(name)).unwrap(), "{name}");
        }
    }
}
