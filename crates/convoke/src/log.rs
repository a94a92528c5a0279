//! `convoke log`.

use std::io::Write;

use anyhow::Result;
use serde_json::Value;

use crate::cli::Log;
use crate::site::Site;
use crate::words::{moment, one_line, safe};

/// Prints the log of messages, newest last.
pub async fn run(options: Log) -> Result<bool> {
    let site = Site::open(&options.installation.data)?;
    let messages = site
        .messages(options.user.as_deref(), options.lines, options.bodies)
        .await?;
    let mut out = std::io::stdout().lock();
    for message in &messages {
        if options.json {
            writeln!(out, "{message}")?;
        } else {
            writeln!(out, "{}", line(message))?;
            if let Some(body) = message.get("body").and_then(Value::as_str) {
                for line in safe(body).lines() {
                    writeln!(out, "    {line}")?;
                }
            }
        }
    }
    if messages.is_empty() && !options.json {
        match &options.user {
            Some(user) => eprintln!("No message of {} has passed yet.", one_line(user)),
            None => eprintln!("No message has passed yet."),
        }
    }
    Ok(true)
}

fn line(message: &Value) -> String {
    let text = |key: &str| one_line(message.get(key).and_then(Value::as_str).unwrap_or("?"));
    let number = |key: &str| message.get(key).and_then(Value::as_i64);
    let control = message.get("control").and_then(Value::as_bool) == Some(true);
    let fate = match number("deliveredAt") {
        Some(_) => ", delivered",
        None if control => "",
        None => ", not delivered yet",
    };
    format!(
        "{}  {} → {}  {}, {} bytes{}{fate}",
        moment(number("at").unwrap_or(0)),
        text("from"),
        text("to"),
        text("contentType"),
        number("bytes").unwrap_or(0),
        if control { ", control" } else { "" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_who_what_and_whether_it_arrived() {
        let message = serde_json::json!({
            "id": 1, "at": 1_700_000_000_000_i64, "from": "alice@x", "to": "bob@x", "contentType": "text/plain",
            "bytes": 5, "control": false, "deliveredAt": null,
        });
        assert_eq!(
            line(&message),
            "2023-11-14 22:13:20Z  alice@x → bob@x  text/plain, 5 bytes, not delivered yet"
        );
    }
}
