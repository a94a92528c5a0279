//! The other half of `tests/py/agree.py`. Documents are separated by NUL bytes, which no XML document contains.
//!
//! `soapcheck generate COUNT` writes documents of every kind to stdout; `soapcheck judge` reads documents from stdin and
//! writes one line for each: `request`, `response`, `report`, `ack`, `video request`, `video response` for what it was read as,
//! or `refused` and why.

use std::io::{Read, Write};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use soap_proto::{
    parse_report, parse_report_ack, parse_request, parse_response, parse_video_request,
    parse_video_response, write_report, write_report_ack, write_request, write_response,
    write_video_request, write_video_response,
};

#[path = "../tests/it/samples.rs"]
mod samples;
#[path = "../tests/it/video_samples.rs"]
mod video_samples;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["generate", count] => generate(count.parse()?),
        ["judge"] => judge(),
        _ => Err("usage: soapcheck generate COUNT | soapcheck judge".into()),
    }
}

fn generate(count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut out = std::io::stdout().lock();
    for n in 0..count {
        let document = match n % 6 {
            4 => write_video_request(&one(video_samples::request(), &mut runner)?)?,
            5 => write_video_response(&one(video_samples::response(), &mut runner)?),
            0 | 1 => write_request(&one(samples::request(), &mut runner)?)?,
            2 => write_response(&one(samples::response(), &mut runner)?),
            _ if n % 12 == 3 => write_report(&one(samples::report(), &mut runner)?)?,
            _ => write_report_ack(&one(samples::report_ack(), &mut runner)?),
        };
        out.write_all(&document)?;
        out.write_all(b"\0")?;
    }
    Ok(())
}

fn one<S: Strategy>(samples: S, runner: &mut TestRunner) -> Result<S::Value, String> {
    let tree = samples.new_tree(runner).map_err(|e| e.to_string())?;
    Ok(tree.current())
}

fn judge() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let mut out = std::io::stdout().lock();
    let documents = input.strip_suffix(b"\0").unwrap_or(&input);
    for document in documents.split(|b| *b == 0) {
        let verdict = match parse_request(document) {
            Ok(_) => "request".to_owned(),
            Err(error) => {
                if parse_response(document).is_ok() {
                    "response".to_owned()
                } else if parse_report(document).is_ok() {
                    "report".to_owned()
                } else if parse_report_ack(document).is_ok() {
                    "ack".to_owned()
                } else if parse_video_request(document).is_ok() {
                    "video request".to_owned()
                } else if parse_video_response(document).is_ok() {
                    "video response".to_owned()
                } else {
                    format!("refused {error}").replace('\n', " ")
                }
            }
        };
        writeln!(out, "{verdict}")?;
    }
    Ok(())
}
