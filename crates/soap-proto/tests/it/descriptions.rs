//! The descriptions committed under `docs/wsdl/` are the ones that the services give out.
//! `CONVOKE_WRITE_DOCS=1 cargo test -p soap-proto` writes them anew.

use std::path::{Path, PathBuf};

use soap_proto::OperationName;
use soap_proto::wsdl::{
    EXAMPLE_CONFERENCE_ADDRESS, EXAMPLE_MODES_ADDRESS, EXAMPLE_REPORT_ADDRESS,
    EXAMPLE_VIDEO_ADDRESS, SCHEMAS, conference_wsdl, report_wsdl, video_wsdl,
};

fn files() -> Vec<(PathBuf, String)> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/wsdl");
    let mut files = vec![
        (
            docs.join("conference.wsdl"),
            conference_wsdl(EXAMPLE_CONFERENCE_ADDRESS),
        ),
        (
            docs.join("report.wsdl"),
            report_wsdl(EXAMPLE_REPORT_ADDRESS),
        ),
        (
            docs.join("video.wsdl"),
            video_wsdl(EXAMPLE_VIDEO_ADDRESS, EXAMPLE_MODES_ADDRESS),
        ),
    ];
    for file in SCHEMAS {
        files.push((docs.join(file.name), file.text.to_owned()));
    }
    files
}

#[test]
fn the_committed_descriptions_are_fresh() {
    let write = std::env::var_os("CONVOKE_WRITE_DOCS").is_some();
    for (path, text) in files() {
        if write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let came = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            came == text,
            "{} is stale: CONVOKE_WRITE_DOCS=1 cargo test -p soap-proto",
            path.display()
        );
    }
}

#[test]
fn the_wsdl_is_one_whole_file_for_its_address() {
    let wsdl = conference_wsdl("http://h/soap?a=1&b=\"2\"");
    assert!(wsdl.contains("location=\"http://h/soap?a=1&amp;b=&quot;2&quot;\""));
    assert!(!wsdl.contains("schemaLocation") && !wsdl.contains("@ADDRESS@"));
    assert_eq!(wsdl.matches("<?xml").count(), 1);
    for operation in OperationName::ALL {
        let name = operation.as_str();
        assert!(
            wsdl.contains(&format!("<wsdl:operation name=\"{name}\">")),
            "{name}"
        );
        assert!(
            wsdl.contains(&format!("<xs:element name=\"{name}\"")),
            "{name}"
        );
    }
}
