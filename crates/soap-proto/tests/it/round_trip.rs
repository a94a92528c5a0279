//! What is written is read again, and bytes of any kind never panic.

use convoke_types::limits::{PARTIES_MAX, SOAP_MAX_BYTES};
use proptest::prelude::*;
use soap_proto::{
    Answer, OperationName, Response, Snapshot, fuzz, parse_report, parse_report_ack, parse_request,
    parse_response, write_report, write_report_ack, write_request, write_response,
};

use crate::samples;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn requests(request in samples::request()) {
        let bytes = write_request(&request).unwrap();
        prop_assert_eq!(parse_request(&bytes).unwrap(), request);
    }

    #[test]
    fn responses(response in samples::response()) {
        let bytes = write_response(&response);
        prop_assert_eq!(parse_response(&bytes).unwrap(), response);
    }

    #[test]
    fn reports(report in samples::report()) {
        let bytes = write_report(&report).unwrap();
        prop_assert_eq!(parse_report(&bytes).unwrap(), report);
    }

    #[test]
    fn acknowledgements(ack in samples::report_ack()) {
        let bytes = write_report_ack(&ack);
        prop_assert_eq!(parse_report_ack(&bytes).unwrap(), ack);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz(&bytes);
    }

    #[test]
    fn wounded_documents(
        request in samples::request(),
        wounds in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0u8..3), 1..5),
    ) {
        let mut bytes = write_request(&request).unwrap();
        for (at, byte, how) in wounds {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        fuzz(&bytes);
    }

    #[test]
    fn a_roster_of_any_length_fits(one in samples::snapshot(), copies in 0usize..400) {
        let participants: Vec<_> = one.participants.iter().cycle().take(if one.participants.is_empty() { 0 } else { copies }).cloned().collect();
        let big = Snapshot { count: u32::try_from(participants.len()).unwrap(), participants, ..one };
        let response = Response {
            headers: Default::default(),
            outcome: Ok(Answer::Done { operation: OperationName::Create, conference: big.clone() }),
        };
        let bytes = write_response(&response);
        prop_assert!(bytes.len() <= SOAP_MAX_BYTES);
        let Ok(Answer::Done { conference, .. }) = parse_response(&bytes).unwrap().outcome else { panic!("another answer") };
        prop_assert_eq!(conference.count, big.count);
        prop_assert!(big.participants.starts_with(&conference.participants));
        prop_assert!(conference.participants.len() == big.participants.len() || conference.participants.len() >= 10);
        prop_assert!(big.participants.len() <= PARTIES_MAX);
    }
}

/// The corpus that the fuzz target starts from, replayed; `fuzz` panics when something is wrong.
#[test]
fn the_fuzzers_seeds() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds");
    let mut judged = [0, 0];
    for entry in std::fs::read_dir(seeds).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        fuzz(&bytes);
        let read = parse_request(&bytes).is_ok()
            || parse_response(&bytes).is_ok()
            || parse_report(&bytes).is_ok()
            || parse_report_ack(&bytes).is_ok();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(read || !name.starts_with("good-"), "{name}");
        judged[usize::from(read)] += 1;
    }
    assert!(judged[0] >= 5 && judged[1] >= 10, "{judged:?}");
}
