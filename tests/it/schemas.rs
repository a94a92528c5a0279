//! The documents that we send, judged by the RFCs' own schemas: what is sent is valid, and the judge refuses what is not.

use std::fs;
use std::path::PathBuf;

use convoke_tests::peers::{python, tests_dir};
use testkit::GIVE_UP;

/// The samples of this name, which the crates' tests hold equal to what they write.
fn samples(prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(tests_dir().join("schema/samples")).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| {
        let name = path.file_name().unwrap();
        name.to_str().unwrap().starts_with(prefix)
    });
    found.sort();
    found
}

fn judge(schema: &str, paths: &[PathBuf]) -> serde_json::Value {
    let mut arguments = vec![schema];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    python::run("schema.py", &arguments, GIVE_UP).unwrap()
}

#[test]
fn presence_and_conference_documents_are_valid_by_the_schemas_of_their_rfcs() {
    for (schema, prefix, at_least, spoiled) in [
        ("pidf.xsd", "presence-", 2, ("<basic>", "<basic>very ")),
        // With what devices can do (RFC 5196).
        (
            "pidf.xsd",
            "presence-",
            2,
            ("<caps:audio>true", "<caps:audio>loudly"),
        ),
        (
            "pidf.xsd",
            "presence-",
            2,
            ("<caps:INVITE/>", "<caps:FROB/>"),
        ),
        (
            "conference-info.xsd",
            "conference-",
            5,
            (">departed<", ">eaten<"),
        ),
        // Our own extension too.
        (
            "conference-info.xsd",
            "conference-",
            5,
            ("state=\"left\"", "state=\"gone\""),
        ),
        (
            "invitation-1.xsd",
            "invitation-",
            5,
            ("kind=\"call\"", "kind=\"summons\""),
        ),
        (
            "invitation-1.xsd",
            "invitation-",
            5,
            ("answer=\"decline\"", "answer=\"perhaps\""),
        ),
    ] {
        let paths = samples(prefix);
        assert!(paths.len() >= at_least, "{prefix}: {paths:?}");
        let verdicts = judge(schema, &paths);
        for path in &paths {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(verdicts[name].is_null(), "{name}: {}", verdicts[name]);
        }
        let directory = tempfile::tempdir().unwrap();
        let mut refused = 0;
        for path in &paths {
            let text = fs::read_to_string(path).unwrap();
            if !text.contains(spoiled.0) {
                continue;
            }
            let bad = directory.path().join("bad.xml");
            fs::write(&bad, text.replace(spoiled.0, spoiled.1)).unwrap();
            assert!(judge(schema, &[bad])["bad.xml"].is_string(), "{path:?}");
            refused += 1;
        }
        assert!(refused > 0, "{spoiled:?} is in no sample");
    }
}

/// What the page shows is what the schema says.
#[test]
fn the_invitations_of_the_docs_are_valid() {
    let page = fs::read_to_string(tests_dir().join("../docs/messages.md")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (number, rest) in page.split("```xml\n").skip(1).enumerate() {
        let path = directory.path().join(format!("{number}.xml"));
        fs::write(&path, rest.split("```").next().unwrap()).unwrap();
        paths.push(path);
    }
    assert_eq!(paths.len(), 3);
    let verdicts = judge("invitation-1.xsd", &paths);
    for (name, verdict) in verdicts.as_object().unwrap() {
        assert!(verdict.is_null(), "{name}: {verdict}");
    }
}
