//! `convoke watch`.

use std::io::Write;

use anyhow::Result;
use client::{Connection, Incoming};
use serde_json::{Value, json};
use soap_proto::{parse_report, parse_response};

use crate::cli::Watch;
use crate::serve::Stop;
use crate::session::Session;
use crate::words;

/// Prints what an account receives, until it is stopped.
pub async fn run(options: Watch) -> Result<bool> {
    let mut stop = Stop::new()?;
    let session = Session::open(&options.installation, &options.as_user, "watch").await?;
    if !options.json {
        eprintln!(
            "Watching what {} receives; Ctrl-C ends it.",
            session.im.aor()
        );
    }
    let done = tokio::select! {
        done = follow(&session, options.json) => done,
        () = stop.asked() => Ok(()),
    };
    session.close().await;
    done.map(|()| true)
}

async fn follow(session: &Session, as_json: bool) -> Result<()> {
    let mut connection = session.im.connection();
    connection.mark_unchanged();
    loop {
        tokio::select! {
            message = session.im.next() => {
                let Some(message) = message else { return Ok(()) };
                let mut out = std::io::stdout().lock();
                if as_json {
                    writeln!(out, "{}", object(&message)?)?;
                } else {
                    for line in lines(&message) {
                        writeln!(out, "{line}")?;
                    }
                }
                out.flush()?;
            }
            Ok(()) = connection.changed() => {
                match &*connection.borrow_and_update() {
                    Connection::Down { words, .. } => eprintln!("The connection is lost ({words}); trying again."),
                    Connection::Up { .. } => eprintln!("Connected again."),
                    Connection::Connecting | Connection::Closed => {}
                }
            }
        }
    }
}

/// A message as lines: time, sender, words.
fn lines(message: &Incoming) -> Vec<String> {
    let head = format!(
        "{}  {}",
        words::moment(message.at_unix_ms),
        words::one_line(message.sender())
    );
    let said = if message.is_type("text/xml") {
        envelope(&message.body)
    } else if message.is_type("text/plain") {
        words::safe(&message.text())
            .lines()
            .map(str::to_owned)
            .collect()
    } else {
        vec![format!(
            "({}, {} bytes)",
            words::one_line(&message.content_type),
            message.body.len()
        )]
    };
    said.iter().map(|line| format!("{head}  {line}")).collect()
}

/// A SOAP envelope in words.
fn envelope(body: &[u8]) -> Vec<String> {
    if let Ok(message) = parse_report(body) {
        let said = message.reports.iter();
        return said
            .map(|report| {
                format!(
                    "[{} {}] {}",
                    report.conference,
                    report.version,
                    words::report(report)
                )
            })
            .collect();
    }
    match parse_response(body) {
        Ok(response) => vec![match response.outcome {
            Ok(answer) => format!("answer to {}", answer.operation()),
            Err(fault) => format!("refusal: {fault}"),
        }],
        Err(_) => vec![format!("(XML that is not ours, {} bytes)", body.len())],
    }
}

fn object(message: &Incoming) -> Result<Value> {
    let mut object = json!({
        "event": "message",
        "at": message.at_unix_ms,
        "from": message.sender(),
        "name": message.name,
        "contentType": message.content_type,
        "id": message.message_id,
        "text": message.text(),
    });
    if message.is_type("text/xml")
        && let Ok(reports) = parse_report(&message.body)
        && let Some(fields) = object.as_object_mut()
    {
        fields.remove("text");
        fields.insert("reports".to_owned(), serde_json::to_value(reports.reports)?);
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content_type: &str, body: &str) -> Incoming {
        Incoming {
            from: "sip:bob@x".into(),
            name: None,
            content_type: content_type.into(),
            body: body.to_owned().into(),
            call_id: "c".into(),
            message_id: None,
            at_unix_ms: 1_700_000_000_000,
        }
    }

    #[test]
    fn every_line_says_when_and_from_whom() {
        assert_eq!(
            lines(&message("text/plain", "one\ntwo \u{7}")),
            [
                "2023-11-14 22:13:20Z  bob@x  one",
                "2023-11-14 22:13:20Z  bob@x  two \u{fffd}"
            ]
        );
        assert_eq!(
            lines(&message("image/png", "xx")),
            ["2023-11-14 22:13:20Z  bob@x  (image/png, 2 bytes)"]
        );
        let odd = lines(&message("text/xml", "<a/>"));
        assert!(
            odd[0].ends_with("(XML that is not ours, 4 bytes)"),
            "{odd:?}"
        );
    }
}
