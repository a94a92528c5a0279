//! Runs one target over files, or over standard input when none is named: to look at a crash, or under a fuzzer such as AFL++.

use convoke_fuzz::targets::TARGETS;
use std::io::Read;

fn main() {
    let mut args = std::env::args().skip(1);
    let wanted = args.next().unwrap_or_default();
    let Some((_, target)) = TARGETS.iter().find(|(name, _)| *name == wanted) else {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: replay TARGET [FILE…], TARGET one of {}", names.join(", "));
        std::process::exit(2);
    };
    let files: Vec<String> = args.collect();
    if files.is_empty() {
        let mut data = Vec::new();
        std::io::stdin().read_to_end(&mut data).expect("standard input can be read");
        target(&data);
    }
    for file in files {
        let data = std::fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        target(&data);
    }
}
