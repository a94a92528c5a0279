//! Dependencies point down only, and pure cores hold no clock, socket, task or thread (ARCHITECTURE.md, *Invariants*).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use convoke_tests::peers::tests_dir;

/// What each crate may import of our own, as the table of ARCHITECTURE.md says; development dependencies are free.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("convoke-types", &[]),
    ("sip-proto", &["convoke-types"]),
    ("soap-proto", &["convoke-types"]),
    ("media-core", &["convoke-types"]),
    ("conference-core", &["convoke-types"]),
    ("im-core", &["sip-proto", "convoke-types"]),
    (
        "service-core",
        &["sip-proto", "soap-proto", "convoke-types"],
    ),
    (
        "gateway-core",
        &["service-core", "sip-proto", "soap-proto", "convoke-types"],
    ),
    (
        "allocator-core",
        &["service-core", "sip-proto", "soap-proto", "convoke-types"],
    ),
    ("sound-core", &["convoke-types"]),
    ("telephony", &["sip-proto", "convoke-types"]),
    (
        "conference-ua",
        &[
            "conference-core",
            "service-core",
            "sip-proto",
            "convoke-types",
        ],
    ),
    ("runtime", &["sip-proto", "convoke-types"]),
    ("store", &["runtime", "sip-proto", "convoke-types"]),
    (
        "media",
        &["media-core", "runtime", "sip-proto", "convoke-types"],
    ),
    ("bridges", &["media", "runtime", "convoke-types"]),
    (
        "client",
        &["sip-proto", "soap-proto", "runtime", "convoke-types"],
    ),
    (
        "load",
        &[
            "runtime",
            "bridges",
            "media-core",
            "sip-proto",
            "convoke-types",
        ],
    ),
    (
        "phones",
        &["runtime", "media-core", "sip-proto", "convoke-types"],
    ),
    (
        "api",
        &[
            "store",
            "runtime",
            "conference-core",
            "gateway-core",
            "im-core",
            "media-core",
            "soap-proto",
            "sip-proto",
            "convoke-types",
        ],
    ),
    (
        "server",
        &[
            "api",
            "client",
            "phones",
            "load",
            "sound-core",
            "telephony",
            "conference-ua",
            "media",
            "bridges",
            "store",
            "runtime",
            "im-core",
            "service-core",
            "gateway-core",
            "allocator-core",
            "conference-core",
            "media-core",
            "soap-proto",
            "sip-proto",
            "convoke-types",
        ],
    ),
];

/// The pure cores, and what they may import of others': words, hashes, parsers and error derivation, nothing that waits.
const PURE: &[&str] = &[
    "convoke-types",
    "sip-proto",
    "soap-proto",
    "media-core",
    "im-core",
    "service-core",
    "gateway-core",
    "allocator-core",
    "conference-core",
    "sound-core",
    "telephony",
    "conference-ua",
];
/// Pure parts of crates that are edges otherwise.
const PURE_PARTS: &[(&str, &str)] = &[("bridges", "src/janus")];
const PURE_MAY_IMPORT: &[&str] = &[
    "bytes",
    "md-5",
    "memchr",
    "miniz_oxide",
    "opus",
    "quick-xml",
    "serde",
    "serde_json",
    "sha2",
    "subtle",
    "thiserror",
];

/// Words that betray a clock, a socket, a task, a thread or a log, each with what the core does instead.
const IMPURE: &[(&str, &str)] = &[
    ("Instant::now", "time is a parameter"),
    ("SystemTime", "wall time is a parameter"),
    (".elapsed()", "it reads the clock"),
    ("std::net::Tcp", "addresses are fine, sockets are not"),
    ("std::net::Udp", "addresses are fine, sockets are not"),
    ("std::os::unix::net", "addresses are fine, sockets are not"),
    ("UdpSocket", "addresses are fine, sockets are not"),
    ("TcpStream", "addresses are fine, sockets are not"),
    ("TcpListener", "addresses are fine, sockets are not"),
    ("ToSocketAddrs", "it asks the resolver"),
    ("std::thread", "a core has no thread"),
    ("thread::spawn", "a core has no thread"),
    ("thread::sleep", "a core has no thread"),
    ("std::sync::mpsc", "a core has no channel"),
    ("Condvar", "a core does not wait"),
    ("std::fs", "a core has no files"),
    ("std::process", "a core has no processes"),
    ("std::env::", "a core has no environment"),
    ("tokio", "a core has no task"),
    ("async fn", "a core has no task"),
    (".await", "a core has no task"),
    ("rand::", "randomness is a seed handed in"),
    ("getrandom", "randomness is a seed handed in"),
    ("RandomState::new", "it takes its seed from the system"),
    ("tracing::", "a core says what happened in its outputs"),
    ("println!", "a core has no terminal"),
    ("eprintln!", "a core has no terminal"),
    ("unsafe ", "a core has no need of it"),
];

fn root() -> PathBuf {
    tests_dir().join("..").canonicalize().unwrap()
}

/// Our crates: name, directory, and what each imports outside of tests.
fn crates() -> BTreeMap<String, (PathBuf, BTreeSet<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let imports = dependencies
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .collect();
            (
                text(&package["name"]),
                (manifest.parent().unwrap().to_owned(), imports),
            )
        })
        .collect()
}

#[test]
fn dependencies_point_down_only() {
    let crates = crates();
    let ours: BTreeSet<_> = crates.keys().map(String::as_str).collect();
    let rules: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let mut faults = Vec::new();
    for (name, (_, imports)) in &crates {
        // The binary may import everything; nobody imports the test kit outside of tests.
        if ["convoke", "testkit", "convoke-tests"].contains(&name.as_str()) {
            continue;
        }
        let Some(allowed) = rules.get(name.as_str()) else {
            faults.push(format!(
                "{name} has no place in the layers: give it one here and in ARCHITECTURE.md"
            ));
            continue;
        };
        for import in imports
            .iter()
            .filter(|import| ours.contains(import.as_str()))
        {
            if !allowed.contains(&import.as_str()) {
                faults.push(format!("{name} imports {import}, which is not below it"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pure_cores_import_nothing_that_waits() {
    let crates = crates();
    let ours: BTreeSet<_> = crates.keys().cloned().collect();
    let mut faults = Vec::new();
    for name in PURE {
        let (_, imports) = &crates[*name];
        for import in imports.iter().filter(|import| !ours.contains(*import)) {
            if !PURE_MAY_IMPORT.contains(&import.as_str()) {
                faults.push(format!("{name} imports {import}"));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "a pure core may import {PURE_MAY_IMPORT:?} only:\n{}",
        faults.join("\n")
    );
}

#[test]
fn pure_cores_hold_no_clock_socket_task_or_thread() {
    let crates = crates();
    let mut faults = Vec::new();
    let whole = PURE.iter().map(|name| (*name, "src"));
    for (name, part) in whole.chain(PURE_PARTS.iter().copied()) {
        let mut files = Vec::new();
        sources(&crates[name].0.join(part), &mut files);
        assert!(!files.is_empty(), "{name} has no sources");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            faults.extend(impurities(&text).into_iter().map(|(line, word, why)| {
                let shown = file.strip_prefix(root()).unwrap_or(&file).display();
                format!("{shown}:{line}: {word} ({why})")
            }));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Sources of a crate, without files that hold tests only.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let is_tests = path.file_stem().is_some_and(|stem| {
            let stem = stem.to_string_lossy();
            stem == "tests" || stem.ends_with("_tests")
        });
        if is_tests {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Where the module of tests begins, which stands last in a file: `#[cfg(test)]`, other attributes, `mod … {`.
fn tests_begin(text: &str) -> usize {
    const MARK: &str = "#[cfg(test)]\n";
    text.match_indices(MARK)
        .filter(|(at, _)| *at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n'))
        .find(|(at, _)| {
            let mut rest = text.get(at + MARK.len()..).unwrap_or_default();
            while let Some(attribute) = rest.strip_prefix("#[") {
                rest = attribute.split_once("]\n").map_or("", |(_, after)| after);
            }
            rest.starts_with("mod ") && rest.lines().next().is_some_and(|line| line.ends_with('{'))
        })
        .map_or(text.len(), |(at, _)| at)
}

/// Line number, word and reason of each impurity before the module of tests, comments left out.
fn impurities(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    let code = text.get(..tests_begin(text)).unwrap_or_default();
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        let line = line.split(" // ").next().unwrap_or_default();
        for (word, why) in IMPURE {
            if line.contains(word) {
                found.push((number + 1, *word, *why));
            }
        }
    }
    found
}

#[test]
fn impurities_are_found_in_code_and_not_in_comments_or_tests() {
    let text = "//! Instant::now is not for us\nlet a = Instant::now();\nlet b = 1; // std::thread\n\
                #[cfg(test)]\n#[expect(\n    x,\n    reason = \"y\"\n)]\nmod tests {\n use tokio;\n}\n";
    let found: Vec<_> = impurities(text)
        .into_iter()
        .map(|(line, word, _)| (line, word))
        .collect();
    assert_eq!(found, [(2, "Instant::now")]);
}
