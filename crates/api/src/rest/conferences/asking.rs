//! How conferences are asked of the conference service: who asks, under which id, and rosters that come in pages.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use convoke_types::report::Report;
use convoke_types::{CommandId, ConferenceId, Fault, FaultCode, loggable};
use serde::Deserialize;
use soap_proto::{Answer, Operation, Request, Snapshot};
use utoipa::IntoParams;

use crate::accounts::random_text;
use crate::caller::Caller;
use crate::rest::Rest;
use crate::rest::answer::Refusal;
use crate::rest::view::ConferenceView;
use crate::rest::who::Anyone;

/// The header with the command's id.
const COMMAND_ID: &str = "Idempotency-Key";
/// Random characters of a command id that we make up: 80 bits.
const COMMAND_ID_CHARS: usize = 16;
/// How often a roster that changes while its pages are read is read anew.
const ROSTER_TRIES: usize = 8;

/// Who commands, and under which id if they chose one.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Commander {
    #[param(ignore)]
    pub caller: Caller,
    /// The command's id, of the asker's choice: a repeat within ten minutes gets the first answer.
    #[param(rename = "Idempotency-Key", value_type = Option<String>, pattern = r"^[A-Za-z0-9._~:+@-]{1,128}$")]
    pub id: Option<CommandId>,
}

impl FromRequestParts<Rest> for Commander {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Refusal> {
        let Anyone(caller) = Anyone::from_request_parts(parts, rest).await?;
        let id = match parts.headers.get(COMMAND_ID) {
            Some(value) => Some(command_id(value.to_str().unwrap_or_default())?),
            None => None,
        };
        Ok(Self { caller, id })
    }
}

fn command_id(text: &str) -> Result<CommandId, Fault> {
    text.parse().map_err(|_| {
        Fault::new(
            FaultCode::BadRequest,
            format!("{COMMAND_ID} of 1 to 128 letters, digits and . _ ~ : + - @"),
            loggable(text),
        )
    })
}

/// What is wanted of a conference's state.
#[derive(Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateQuery {
    /// With the reports after this version.
    pub since: Option<u64>,
    /// Wait so long for one, in milliseconds.
    #[param(maximum = 25_000)]
    pub wait_ms: Option<u32>,
}

impl Rest {
    /// Asks the conference service.
    pub(in crate::rest) async fn ask(
        &self,
        caller: &Caller,
        operation: Operation,
        id: Option<CommandId>,
    ) -> Result<Answer, Fault> {
        let Some(service) = &self.http.conference else {
            return Err(Fault::new(
                FaultCode::UnknownOperation,
                "a server that runs the conference service",
                "one that does not",
            ));
        };
        let id = match id {
            Some(id) => id,
            None => made_up_id()?,
        };
        let request = soap_proto::write_request(&Request::new(operation, id))?;
        let given = service.handle(&request, Ok(caller.clone())).await;
        let response = soap_proto::parse_response(&given.envelope).map_err(|error| {
            tracing::error!(%error, "an answer of the conference service is not understood");
            internal()
        })?;
        response.outcome
    }

    /// Carries a command out; the answer is the conference as it left it.
    pub(in crate::rest) async fn done(
        &self,
        by: Commander,
        operation: Operation,
    ) -> Result<ConferenceView, Fault> {
        let Answer::Done { mut conference, .. } = self.ask(&by.caller, operation, by.id).await?
        else {
            return Err(internal());
        };
        // It was carried out. Who has taken themselves off the roster, for one, sees nothing more than this.
        let _ = self.whole(&by.caller, &mut conference).await;
        Ok(conference.into())
    }

    /// The state, and the reports after `since`.
    pub(in crate::rest) async fn state(
        &self,
        caller: &Caller,
        conference: ConferenceId,
        asked: StateQuery,
        first: Option<u32>,
    ) -> Result<(Snapshot, Vec<Report>), Fault> {
        let get = Operation::Get {
            conference,
            since: asked.since,
            wait_ms: asked.wait_ms,
            first,
        };
        match self.ask(caller, get, None).await? {
            Answer::Get {
                conference,
                reports,
            } => Ok((conference, reports)),
            Answer::Done { .. } | Answer::List { .. } => Err(internal()),
        }
    }

    /// Completes the roster: a large one comes in pages, which must be of one version.
    ///
    /// # Errors
    /// What the service refuses; the state is then as far as it was read.
    pub(in crate::rest) async fn whole(
        &self,
        caller: &Caller,
        snapshot: &mut Snapshot,
    ) -> Result<(), Fault> {
        let now = StateQuery::default();
        for _ in 0..ROSTER_TRIES {
            while let Some(first) = next_page(snapshot) {
                let id = snapshot.id.clone();
                let (page, _) = self.state(caller, id, now, Some(first)).await?;
                if page.version != snapshot.version || page.participants.is_empty() {
                    break;
                }
                snapshot.participants.extend(page.participants);
            }
            if next_page(snapshot).is_none() {
                return Ok(());
            }
            let id = snapshot.id.clone();
            (*snapshot, _) = self.state(caller, id, now, None).await?;
        }
        // It changes faster than it can be read: the count says that there are more.
        Ok(())
    }
}

/// Where the roster goes on, if it does.
fn next_page(snapshot: &Snapshot) -> Option<u32> {
    let have = u32::try_from(snapshot.participants.len()).unwrap_or(u32::MAX);
    (have < snapshot.count).then_some(have)
}

pub(super) fn internal() -> Fault {
    Fault::new(
        FaultCode::Internal,
        "an answer of the conference service",
        "another",
    )
}

fn made_up_id() -> Result<CommandId, Fault> {
    let text = format!("rest-{}", random_text(COMMAND_ID_CHARS)?);
    text.parse().map_err(|_| internal())
}
