//! An image whose only program waits for ever: for containers of which only the labels matter.
//!
//! It is made here and not fetched, so that it is there on a host without a registry; and as its bytes
//! are always the same, whoever guards an engine can let just these through.

use sha2::{Digest as _, Sha256};

/// Its repository.
pub const REPOSITORY: &str = "purser/idle";

/// Its program within it.
pub const PROGRAM: &str = "/idle";

/// Where the program's only segment lies in memory.
const BASE: u64 = 0x40_0000;
/// The lengths of an ELF header and of one program header.
const HEADERS: u64 = 64 + 56;

/// What is known of a processor.
struct Machine {
    /// As Docker calls it.
    name: &'static str,
    /// As ELF calls it (`e_machine`).
    elf: u16,
    code: &'static [u8],
}

/// One system call that ends with a signal only, and the way back to it.
const MACHINES: [Machine; 2] = [
    Machine {
        name: "amd64",
        elf: 62,
        code: &[
            0xb8, 0x22, 0x00, 0x00, 0x00, // mov eax, 34 (pause)
            0x0f, 0x05, // syscall
            0xeb, 0xf7, // jmp -9
        ],
    },
    Machine {
        name: "arm64",
        elf: 183,
        code: &[
            0x00, 0x00, 0x80, 0xd2, // mov x0, 0 (no files)
            0x01, 0x00, 0x80, 0xd2, // mov x1, 0
            0x02, 0x00, 0x80, 0xd2, // mov x2, 0 (no limit of time)
            0x03, 0x00, 0x80, 0xd2, // mov x3, 0 (the same signals)
            0x28, 0x09, 0x80, 0xd2, // mov x8, 73 (ppoll)
            0x01, 0x00, 0x00, 0xd4, // svc 0
            0xfa, 0xff, 0xff, 0x17, // b -6
        ],
    },
];

/// The image as `docker import` takes it, for a processor by Docker's name; `None` for others than
/// `amd64` and `arm64`.
pub fn archive(architecture: &str) -> Option<Vec<u8>> {
    let machine = MACHINES
        .iter()
        .find(|machine| machine.name == architecture)?;
    Some(tar(&program(machine)))
}

/// The tag of that archive: another one for every change of it.
pub fn tag(archive: &[u8]) -> String {
    hex::encode(&Sha256::digest(archive)[..6])
}

/// Whether these bytes are that image.
pub fn is_archive(bytes: &[u8]) -> bool {
    let mut all = MACHINES.iter().map(|machine| tar(&program(machine)));
    all.any(|archive| archive == bytes)
}

/// An executable: the ELF header, one segment that holds the whole file, and the code.
/// Source: the System V ABI, "Object Files".
fn program(machine: &Machine) -> Vec<u8> {
    let length = HEADERS + machine.code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let words = |file: &mut Vec<u8>, words: &[u64]| {
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    };
    let halves = |file: &mut Vec<u8>, halves: &[u16]| {
        file.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    };
    // An executable for this machine, version 1.
    halves(&mut file, &[2, machine.elf, 1, 0]);
    // Where it begins, its program headers, no section headers.
    words(&mut file, &[BASE + HEADERS, 64, 0]);
    // No flags; how long its headers are, and how many.
    halves(&mut file, &[0, 0, 64, 56, 1, 0, 0, 0]);
    // A segment to load, readable and executable.
    halves(&mut file, &[1, 0, 5, 0]);
    // From the file's beginning to there, whole, in pages.
    words(&mut file, &[0, BASE, BASE, length, length, 0x1000]);
    file.extend(machine.code);
    file
}

/// An archive with that one file. Source: POSIX.1, "ustar Interchange Format".
fn tar(program: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 512;
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, PROGRAM.trim_start_matches('/').as_bytes());
    put(100, b"0000755\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", program.len()).as_bytes());
    put(136, b"00000000000\0");
    // The sum counts itself as blanks.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend(program);
    archive.resize(archive.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    archive
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn it_is_an_archive_with_one_program() {
        for machine in &MACHINES {
            let bytes = archive(machine.name).unwrap();
            let mut archive = tar::Archive::new(&bytes[..]);
            let mut files = archive.entries().unwrap();
            let mut file = files.next().unwrap().unwrap();
            assert_eq!(file.path().unwrap().to_str(), Some("idle"));
            assert_eq!(file.header().mode().unwrap(), 0o755);
            let mut found = vec![];
            file.read_to_end(&mut found).unwrap();
            assert_eq!(found, program(machine));
            assert!(files.next().is_none());
            assert!(is_archive(&bytes));
        }
        assert_eq!(archive("s390x"), None);
    }

    #[test]
    fn anything_else_is_not_it() {
        let mut bytes = archive("amd64").unwrap();
        assert!(!is_archive(&[]));
        bytes[700] ^= 1;
        assert!(!is_archive(&bytes));
    }

    #[test]
    fn its_tag_is_that_of_its_bytes() {
        let tags = ["amd64", "arm64"].map(|name| tag(&archive(name).unwrap()));
        assert_ne!(tags[0], tags[1]);
        assert_eq!(tags[0].len(), 12);
    }
}
