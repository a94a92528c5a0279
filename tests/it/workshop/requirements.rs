//! `tests/requirements.toml` names tests that exist, and `tools/status` keeps its own promises.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use convoke_tests::peers::tests_dir;

/// The last part of the name of every test: functions of Rust, `it('…')` of Vitest.
fn tests() -> BTreeSet<String> {
    fn walk(dir: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with("node_modules") {
                    walk(&path, found);
                }
            } else if extension == Some("rs") {
                functions(&std::fs::read_to_string(&path).unwrap(), found);
            } else if extension == Some("ts") {
                cases(&std::fs::read_to_string(&path).unwrap(), found);
            }
        }
    }
    let mut found = BTreeSet::new();
    for place in ["", "../crates", "../web"] {
        walk(&tests_dir().join(place), &mut found);
    }
    found
}

fn functions(text: &str, found: &mut BTreeSet<String>) {
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or(line.strip_prefix("fn ")) {
            if marked {
                found.insert(rest.split(['(', '<']).next().unwrap().to_owned());
            }
            marked = false;
        }
    }
}

fn cases(text: &str, found: &mut BTreeSet<String>) {
    for line in text.lines().map(str::trim) {
        if !line.starts_with("it(") && !line.starts_with("it.") {
            continue;
        }
        for quote in ['\'', '"', '`'] {
            let parts = line.split_once(&format!("({quote}"));
            let name = parts.and_then(|(_, rest)| rest.split_once(quote));
            found.extend(name.map(|(name, _)| name.to_owned()));
        }
    }
}

#[test]
fn every_test_that_a_requirement_names_exists() {
    let text = std::fs::read_to_string(tests_dir().join("requirements.toml")).unwrap();
    let list: toml::Table = text.parse().unwrap();
    let tests = tests();
    let mut missing = Vec::new();
    let mut ids = 0;
    for (id, requirement) in &list {
        ids += 1;
        for clause in requirement["clauses"].as_array().unwrap() {
            for test in clause
                .get("tests")
                .and_then(toml::Value::as_array)
                .into_iter()
                .flatten()
            {
                let name = test["name"].as_str().unwrap();
                let last = name.rsplit("::").next().unwrap();
                if name.contains("::") && !tests.contains(last) {
                    missing.push(format!("{id}: {name}"));
                }
            }
        }
    }
    assert_eq!(ids, 43, "T1–T16, C1–C18, V1–V9");
    assert!(missing.is_empty(), "no such test:\n{}", missing.join("\n"));
}

#[test]
fn the_status_tool_keeps_its_promises() {
    let root = tests_dir().join("..");
    let output = Command::new("python3")
        .arg(root.join("tools/test_status.py"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = Command::new("python3")
        .arg(root.join("tools/status"))
        .arg("--json")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 43);
    for row in rows {
        assert!(
            ["pass", "fail", "open", "stale"].contains(&row["status"].as_str().unwrap()),
            "{row}"
        );
        assert!(
            row["words"].as_str().unwrap().len() > 20 && row["tests"].is_array(),
            "{row}"
        );
    }
}
