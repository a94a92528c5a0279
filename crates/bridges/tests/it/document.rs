//! The document of the bridge protocol says what the code does.

use convoke_types::bridge_protocol::{FromBridge, SUBPROTOCOL, ToBridge};

#[test]
fn every_text_of_the_document_is_one_of_the_protocol() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/bridge-protocol.md");
    let document = std::fs::read_to_string(path).unwrap();
    assert!(document.contains(SUBPROTOCOL));
    let texts = document.split("```json\n").skip(1);
    let texts: Vec<&str> = texts
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect();
    assert!(texts.len() > 15);
    for text in texts {
        let told: Option<FromBridge> = serde_json::from_str(text).ok();
        let asked: Option<ToBridge> = serde_json::from_str(text).ok();
        let again = match (told, asked) {
            (Some(told), None) => serde_json::to_value(told),
            (None, Some(asked)) => serde_json::to_value(asked),
            _ => panic!("neither, or both: {text}"),
        };
        let written: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(again.unwrap(), written, "nothing is left out");
    }
}
