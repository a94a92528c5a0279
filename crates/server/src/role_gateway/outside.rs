//! What the gateway does besides SIP: HTTP calls to the conference service, the log behind a foreign IM server, and finding
//! that server.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use convoke_types::RequestId;
use gateway_core::{Direction, LogEntry};
use runtime::clock;
use runtime::tasks::Tasks;
use store::{NewMessage, Store};
use tokio::sync::mpsc;

use super::Surroundings;
use super::core::{Input, Told};
use crate::im_account::ServerSearch;
use crate::start::StartError;

/// How long one call may take: longer than the longest `get` waits.
const CALL_TIMEOUT: Duration = Duration::from_secs(34);
/// Largest answer of the conference service, in bytes.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;
/// Idle connections to the conference service that are kept.
const IDLE_CONNECTIONS_MAX: usize = 32;

pub(super) struct Outside {
    http: reqwest::Client,
    url: String,
    secret: String,
    store: Store,
    inputs: mpsc::Sender<Input>,
    search: ServerSearch,
    tasks: Tasks,
}

impl Outside {
    pub fn start(
        store: &Store,
        around: Surroundings,
        inputs: mpsc::Sender<Input>,
        tasks: &Tasks,
    ) -> Result<Self, StartError> {
        let http = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(crate::http::CLIENT_IDLE_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| StartError::Part {
                part: "gateway",
                words: error.to_string(),
            })?;
        let server = around.im_server;
        let search = ServerSearch::start("gateway", server, inputs.clone(), Input::Target, tasks);
        Ok(Self {
            http,
            url: around.conference_url,
            secret: around.shared_secret,
            store: store.clone(),
            inputs,
            search,
            tasks: tasks.clone(),
        })
    }

    /// Begins what the core wants; never waits.
    pub fn carry_out(&self, told: Told) {
        match told {
            Told::Call {
                token,
                envelope,
                request_id,
            } => self.call(token, envelope, request_id),
            Told::Log { number, entry } => self.log(number, entry),
            Told::FindServer => self.search.ask(),
            Told::Drained => {}
        }
    }

    /// The core bounds how many calls are under way.
    fn call(&self, token: u64, envelope: Vec<u8>, request_id: RequestId) {
        let request = self
            .http
            .post(&self.url)
            .bearer_auth(&self.secret)
            .header("Content-Type", soap_proto::names::CONTENT_TYPE)
            .header("SOAPAction", "\"\"")
            .header("X-Request-Id", request_id.as_str())
            .body(envelope);
        let inputs = self.inputs.clone();
        self.tasks.spawn("gateway call", async move {
            let (status, body) = match answer(request).await {
                Ok(answer) => answer,
                Err(words) => {
                    tracing::warn!(request = %request_id, words, "the conference service did not answer");
                    (0, Bytes::new())
                }
            };
            tracing::info!(request = %request_id, status, "answer of the conference service");
            let result = Input::HttpResult {
                token,
                status,
                body,
            };
            // The core may have ended.
            let _ = inputs.send(result).await;
        });
    }

    fn log(&self, number: u64, entry: LogEntry) {
        let message = NewMessage {
            at: clock::unix_ms(clock::wall()),
            from: entry.from.into(),
            to: entry.to.into(),
            device: None,
            content_type: entry.content_type,
            body: entry.body,
            direction: match entry.direction {
                Direction::In => store::Direction::Received,
                Direction::Out => store::Direction::Sent,
            },
            control: true,
            keep: false,
        };
        let inputs = self.inputs.clone();
        self.store.log_message_then(message, move |result| {
            if let Err(error) = &result {
                tracing::error!(%error, "control traffic could not be logged");
            }
            let durable = result.is_ok();
            if inputs.try_send(Input::Logged { number, durable }).is_err() {
                tracing::warn!("the gateway was not told that its log is durable");
            }
        });
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Bytes), String> {
    let failed = |error: reqwest::Error| error.without_url().to_string();
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > ANSWER_MAX_BYTES {
            return Err(format!(
                "expected at most {ANSWER_MAX_BYTES} bytes, came more"
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body.freeze()))
}
