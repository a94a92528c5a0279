//! `convoke send`.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use convoke_types::Aor;
use runtime::clock;
use sip_proto::{HeaderName, Uri};

use crate::cli::Send;
use crate::serve::Stop;
use crate::session::Session;
use crate::words::safe;

/// Longest text, in bytes: what the IM server takes.
const TEXT_MAX_BYTES: u64 = 60_000;
/// How long a service's answer in words is waited for.
const ANSWER_WAIT: Duration = Duration::from_secs(15);
/// How long nothing more may come until the answer counts as whole: before it may stand what was on its way to an earlier
/// client of the same person.
const QUIET: Duration = Duration::from_millis(200);
/// Life of a command in words, in seconds: nobody's telephone rings for it later.
const COMMAND_LIFE_S: u32 = 30;

/// Sends one message; to a service it is a command, whose answer is printed.
pub async fn run(options: Send) -> Result<bool> {
    let text = match &options.text {
        Some(text) => text.clone(),
        None => {
            let mut text = String::new();
            let input = std::io::stdin().lock();
            input
                .take(TEXT_MAX_BYTES + 1)
                .read_to_string(&mut text)
                .context("the text on standard input")?;
            text.trim_end().to_owned()
        }
    };
    if text.is_empty() {
        bail!("there is no text to send");
    }
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > TEXT_MAX_BYTES {
        bail!("the text is longer than {TEXT_MAX_BYTES} bytes");
    }
    let mut stop = Stop::new()?;
    let session = Session::open(&options.installation, &options.as_user, "send").await?;
    let done = tokio::select! {
        done = send(&session, &options.to, text) => done,
        () = stop.asked() => Err(anyhow!("interrupted")),
    };
    session.close().await;
    done.map(|()| true)
}

async fn send(session: &Session, to: &str, text: String) -> Result<()> {
    let aor = session.site.aor(to)?;
    let is_command = session.takes_commands(&aor)?;
    let uri = Uri::parse(aor.to_uri())?;
    let mut headers = vec![];
    if is_command {
        headers.push((HeaderName::Expires, COMMAND_LIFE_S.to_string()));
    }
    let sent = session
        .im
        .message(&uri, "text/plain; charset=utf-8", text, headers)
        .await?;
    if !sent.is_success() {
        bail!(
            "{}",
            refusal(&aor.to_string(), is_command, sent.code, &sent.words)
        );
    }
    if is_command {
        clock::within(ANSWER_WAIT, answer(session, &aor))
            .await
            .map_err(|_| {
                anyhow!(
                    "{aor} took the command but did not answer within {} s",
                    ANSWER_WAIT.as_secs()
                )
            })??;
        while let Ok(Ok(())) = clock::within(QUIET, answer(session, &aor)).await {}
    }
    Ok(())
}

/// Prints the next words of the service.
async fn answer(session: &Session, service: &Aor) -> Result<()> {
    loop {
        match session.im.next().await {
            Some(message) if message.sender() == service.to_string() => {
                println!("{}", safe(&message.text()));
                return Ok(());
            }
            // Chat that this device has taken is on no other.
            Some(message) => eprintln!("{}: {}", message.sender(), safe(&message.text())),
            None => bail!("the connection was lost before the answer came"),
        }
    }
}

fn refusal(to: &str, is_command: bool, status: u16, words: &str) -> String {
    match status {
        404 => format!("{to} has no account here; `convoke user list` shows who has"),
        480 if is_command => {
            format!(
                "{to} is not there now, so nobody was called; does the server run with its roles (gateway and conference, for video allocator too)?"
            )
        }
        403 => format!("messages to {to} are not carried from here: {words}"),
        413 | 513 => format!("the message is too long for {to}"),
        408 => format!("the IM server did not answer; whether {to} gets the message is not known"),
        _ => format!("the IM server refuses the message to {to}: {status} {words}"),
    }
}
