//! The services' descriptions, WSDL 1.1 with their schemas: what is served to toolkits and committed under `docs/wsdl/`.

use convoke_types::xml::escaped;

/// A file of a service's description, for `/soap/…/NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaFile {
    /// Name by which the others import it.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The schema of the conference service's operations and types.
pub const CONFERENCE_XSD: &str = include_str!("../schema/conference.xsd");
/// The schema of the reporting service's operations.
pub const REPORT_XSD: &str = include_str!("../schema/report.xsd");

/// The schema of the video services' operations and types.
pub const VIDEO_XSD: &str = include_str!("../schema/video.xsd");

/// Every schema file; `envelope.xsd` describes whole documents as strictly as the parser.
pub const SCHEMAS: [SchemaFile; 6] = [
    SchemaFile {
        name: "conference.xsd",
        text: CONFERENCE_XSD,
    },
    SchemaFile {
        name: "report.xsd",
        text: REPORT_XSD,
    },
    SchemaFile {
        name: "video.xsd",
        text: VIDEO_XSD,
    },
    SchemaFile {
        name: "addressing.xsd",
        text: include_str!("../schema/addressing.xsd"),
    },
    SchemaFile {
        name: "must-understand.xsd",
        text: include_str!("../schema/must-understand.xsd"),
    },
    SchemaFile {
        name: "envelope.xsd",
        text: include_str!("../schema/envelope.xsd"),
    },
];

const CONFERENCE_WSDL: &str = include_str!("../schema/conference.wsdl");
const REPORT_WSDL: &str = include_str!("../schema/report.wsdl");
const VIDEO_WSDL: &str = include_str!("../schema/video.wsdl");
const ADDRESS: &str = "@ADDRESS@";
const MODES: &str = "@MODES@";

/// The addresses in the committed copies of the descriptions.
pub const EXAMPLE_CONFERENCE_ADDRESS: &str = "http://127.0.0.1:8080/soap/conference";
/// See `EXAMPLE_CONFERENCE_ADDRESS`.
pub const EXAMPLE_REPORT_ADDRESS: &str = "http://127.0.0.1:8080/soap/report";

/// The video allocator's address in the committed copy.
pub const EXAMPLE_VIDEO_ADDRESS: &str = "sip:video@example.org";
/// The modes service's.
pub const EXAMPLE_MODES_ADDRESS: &str = "sip:modes@example.org";

/// The video services' WSDL for services at these SIP addresses, with their schemas inside.
pub fn video_wsdl(allocator: &str, modes: &str) -> String {
    let wsdl = VIDEO_WSDL.replace(MODES, &escaped(modes));
    inline(&wsdl, allocator, &[CONFERENCE_XSD, VIDEO_XSD])
}

/// The conference service's WSDL for a service at this URL, with its schema inside: one file is all that a toolkit needs.
pub fn conference_wsdl(address: &str) -> String {
    inline(CONFERENCE_WSDL, address, &[CONFERENCE_XSD])
}

/// The reporting service's WSDL for a service at this URL, with its schemas inside.
pub fn report_wsdl(address: &str) -> String {
    inline(REPORT_WSDL, address, &[CONFERENCE_XSD, REPORT_XSD])
}

/// Puts schemas in the place of their imports, and the address in its place.
fn inline(wsdl: &str, address: &str, schemas: &[&str]) -> String {
    let mut out = String::with_capacity(32 * 1024);
    let mut in_types = false;
    for line in wsdl.lines() {
        match line.trim() {
            "<wsdl:types>" => {
                in_types = true;
                out.push_str("  <wsdl:types>\n");
                for schema in schemas {
                    push_schema(&mut out, schema);
                }
            }
            "</wsdl:types>" => {
                in_types = false;
                out.push_str("  </wsdl:types>\n");
            }
            _ if in_types => {}
            _ => {
                out.push_str(&line.replace(ADDRESS, &escaped(address)));
                out.push('\n');
            }
        }
    }
    out
}

/// A schema without XML declaration; its imports find their namespaces among the schemas beside it.
fn push_schema(out: &mut String, schema: &str) {
    for line in schema.lines().filter(|line| !line.starts_with("<?xml")) {
        match line.split_once(" schemaLocation=\"") {
            Some((before, _)) => {
                out.push_str(before);
                out.push_str("/>");
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
}
