//! The fuzz targets, replayed on their seeds and on the messages of the RFCs.

#[path = "../../../../fuzz/src/targets.rs"]
mod targets;

use std::path::{Path, PathBuf};

/// Every file of a directory under this crate, in order of its name.
pub fn files(directory: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = std::fs::read_dir(&root).unwrap_or_else(|e| panic!("{}: {e}", root.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    paths
        .iter()
        .map(|path| (name(path), std::fs::read(path).unwrap()))
        .collect()
}

#[test]
fn every_target_stands_its_seeds() {
    let messages: Vec<Vec<u8>> = ["tests/corpus/rfc4475", "tests/corpus/rfc5118"]
        .iter()
        .flat_map(|directory| files(directory))
        .map(|(_, bytes)| bytes)
        .collect();
    assert_eq!(messages.len(), 49 + 12);
    for (name, target) in targets::TARGETS {
        for message in &messages {
            target(message);
        }
        if name != "sip_message" {
            let seeds = files(&format!("../../fuzz/seeds/{name}"));
            assert!(!seeds.is_empty(), "{name}");
            seeds.iter().for_each(|(_, bytes)| target(bytes));
        }
    }
}

/// Cheap, deterministic fuzzing: every message cut short at every byte, and with every byte changed in turn.
#[test]
fn spoiled_messages_never_panic() {
    for (_, bytes) in files("tests/corpus/rfc4475")
        .into_iter()
        .filter(|(_, bytes)| bytes.len() < 600)
    {
        for at in 0..bytes.len() {
            targets::sip_message(&bytes[..at]);
            let mut spoiled = bytes.clone();
            for spoil in [0, b'\n', b' ', b'"', b'<', b',', b':', 0xff] {
                spoiled[at] = spoil;
                targets::sip_message(&spoiled);
            }
        }
    }
}
