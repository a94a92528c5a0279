//! What the gateway does besides SIP: HTTP calls to the conference service, the log behind a foreign IM server, and finding
//! that server.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use convoke_types::RequestId;
use gateway_core::{Direction, LogEntry};
use runtime::clock;
use runtime::dns::SipResolver;
use runtime::tasks::Tasks;
use sip_proto::Target;
use store::{NewMessage, Store};
use tokio::sync::mpsc;

use super::core::{Input, Told};
use super::{ImServerAddress, Surroundings};
use crate::start::StartError;

/// How long one call may take: longer than the longest `get` waits.
const CALL_TIMEOUT: Duration = Duration::from_secs(34);
/// Largest answer of the conference service, in bytes.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;
/// Pause before the IM server's name is resolved again.
const RESOLVE_PAUSE: Duration = Duration::from_secs(5);
/// Idle connections to the conference service that are kept.
const IDLE_CONNECTIONS_MAX: usize = 32;

pub(super) struct Outside {
    http: reqwest::Client,
    url: String,
    secret: String,
    store: Store,
    inputs: mpsc::Sender<Input>,
    find: mpsc::Sender<()>,
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
        let (find, wanted) = mpsc::channel(1);
        let finding = find_server(
            around.im_server,
            wanted,
            inputs.clone(),
            tasks.shutdown_token().clone(),
        );
        tasks.spawn_vital("gateway finds its server", finding);
        Ok(Self {
            http,
            url: around.conference_url,
            secret: around.shared_secret,
            store: store.clone(),
            inputs,
            find,
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
            // One search at a time is enough.
            Told::FindServer => drop(self.find.try_send(())),
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

/// Gives the IM server's addresses one after the other (RFC 3263 §4.3), each time it is asked for: after a failure the next.
async fn find_server(
    server: ImServerAddress,
    mut wanted: mpsc::Receiver<()>,
    inputs: mpsc::Sender<Input>,
    shutdown: runtime::tasks::Shutdown,
) {
    let searching = async {
        let mut list: Vec<Target> = Vec::new();
        while wanted.recv().await.is_some() {
            while list.is_empty() {
                list = match server.resolve().await {
                    Ok(targets) => targets,
                    Err(words) => {
                        tracing::warn!(words, "the IM server is not found");
                        clock::sleep(RESOLVE_PAUSE).await;
                        continue;
                    }
                };
            }
            let target = list.remove(0);
            tracing::debug!(target = %target.addr, transport = %target.transport, "IM server");
            if inputs.send(Input::Target(target)).await.is_err() {
                return;
            }
        }
    };
    shutdown.unless_cancelled(searching).await;
}

impl ImServerAddress {
    async fn resolve(&self) -> Result<Vec<Target>, String> {
        match self {
            ImServerAddress::Ours(target) => Ok(vec![target.clone()]),
            ImServerAddress::Elsewhere(wanted) => {
                let resolver = SipResolver::system().map_err(|error| error.to_string())?;
                resolver
                    .resolve(wanted)
                    .await
                    .map_err(|error| error.to_string())
            }
        }
    }
}
