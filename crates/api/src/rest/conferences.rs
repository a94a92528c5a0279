//! Conferences: each call becomes a request of the conference web service, which checks, decides and remembers as it does for
//! everybody. `Idempotency-Key` is the command's id.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use convoke_types::{CommandId, ConferenceId, Fault, FaultCode, ParticipantId, loggable};
use serde::{Deserialize, Serialize};
use soap_proto::{Answer, CallAt, Operation, Request, Snapshot, Who};
use utoipa::{IntoParams, ToSchema};

use super::Rest;
use super::answer::{Asked, Body, OptionalBody, Place, Refusal};
use super::view::{ConferenceView, ReportView};
use super::who::Anyone;
use crate::accounts::random_text;
use crate::caller::{Caller, SCOPE_CONFERENCE};

/// The header with the command's id.
const COMMAND_ID: &str = "Idempotency-Key";
/// Random characters of a command id that we make up: 80 bits.
const COMMAND_ID_CHARS: usize = 16;
/// How often a roster that changes while its pages are read is read anew.
const ROSTER_TRIES: usize = 8;

/// Somebody to be called: exactly one of person, number and sip.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Party)]
pub(crate) struct PartyBody {
    /// A name, a user, or `user@domain`.
    #[serde(default)]
    person: Option<String>,
    /// A number.
    #[serde(default)]
    number: Option<String>,
    /// A SIP address.
    #[serde(default)]
    sip: Option<String>,
    /// The name to show, if another.
    #[serde(default)]
    name: Option<String>,
    /// Which of their telephones: `mobile`, `work` …
    #[serde(default)]
    place: Option<String>,
}

/// A conference to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewConference)]
pub(crate) struct CreateBody {
    /// Its title.
    #[serde(default)]
    #[schema(max_length = 64)]
    title: Option<String>,
    /// Where I am called, first of all; without it on my usual telephone.
    #[serde(default)]
    initiator: Option<PartyBody>,
    /// The others.
    #[serde(default)]
    #[schema(max_items = 500)]
    participants: Vec<PartyBody>,
    /// Departures from the usual rules.
    #[serde(default)]
    policy: Option<PolicyBody>,
    /// Who pays, for the call detail records.
    #[serde(default)]
    payer: Option<String>,
    /// Which bridge account to use, for the call detail records.
    #[serde(default)]
    account: Option<String>,
}

/// Departures from the usual rules.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Policy)]
struct PolicyBody {
    /// Call everybody at once instead of the initiator first.
    #[serde(default)]
    call_all_at_once: Option<bool>,
    /// What happens when the owner leaves.
    #[serde(default)]
    on_owner_left: Option<OnOwnerLeft>,
}

/// What happens when the owner leaves.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum OnOwnerLeft {
    /// The conference ends.
    End,
    /// Somebody else becomes the owner.
    HandOver,
}

/// People to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddBody {
    /// Whom; 1 to 500.
    #[schema(min_items = 1, max_items = 500)]
    participants: Vec<PartyBody>,
}

/// What a command to one participant may say beside whom.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerbBody {
    /// `call`: on which of their telephones, if not the same as before; `browser`: with their own clients.
    #[serde(default)]
    place: Option<String>,
    /// `call`: at this number instead.
    #[serde(default)]
    number: Option<String>,
    /// `decline`: what one says to it.
    #[serde(default)]
    words: Option<String>,
}

/// What is done to a conference as a whole.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConferenceVerb {
    /// End it for all.
    End,
    /// Only moderators add people, and nobody new comes in.
    Lock,
    /// Open again.
    Unlock,
    /// Nobody but moderators is heard any more.
    MuteAll,
    /// They are heard again.
    UnmuteAll,
    /// Hang up everybody but oneself; they stay on the roster.
    DisconnectAll,
}

/// What is done to one participant.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ParticipantVerb {
    /// Call them again.
    Call,
    /// Hang up; they stay on the roster.
    Disconnect,
    /// Nobody hears them any more.
    Mute,
    /// They are heard again.
    Unmute,
    /// Ask to speak.
    RaiseHand,
    /// Ask no more, or take the hand down.
    LowerHand,
    /// Let them speak: lowers the hand and unmutes.
    GiveFloor,
    /// Give a moderator's rights.
    MakeModerator,
    /// Make them the owner.
    HandOver,
    /// Refuse a call to oneself.
    Decline,
}

impl ConferenceVerb {
    fn operation(self, conference: ConferenceId) -> Operation {
        match self {
            ConferenceVerb::End => Operation::End { conference },
            ConferenceVerb::Lock => Operation::Lock { conference },
            ConferenceVerb::Unlock => Operation::Unlock { conference },
            ConferenceVerb::MuteAll => Operation::MuteAll { conference },
            ConferenceVerb::UnmuteAll => Operation::UnmuteAll { conference },
            ConferenceVerb::DisconnectAll => Operation::DisconnectAll { conference },
        }
    }
}

impl VerbBody {
    fn call_at(self) -> Result<Option<CallAt>, Fault> {
        match (self.place, self.number) {
            (None, None) => Ok(None),
            (Some(place), None) => Ok(Some(CallAt::Place(place))),
            (None, Some(number)) => Ok(Some(CallAt::Number(number))),
            (Some(_), Some(_)) => {
                let expected = "a place or a number";
                Err(Fault::new(FaultCode::BadRequest, expected, "both"))
            }
        }
    }
}

impl ParticipantVerb {
    fn operation(
        self,
        conference: ConferenceId,
        participant: ParticipantId,
        said: VerbBody,
    ) -> Result<Operation, Fault> {
        Ok(match self {
            ParticipantVerb::Call => Operation::Call {
                conference,
                participant,
                at: said.call_at()?,
            },
            ParticipantVerb::Decline => Operation::Decline {
                conference,
                participant,
                words: said.words,
            },
            ParticipantVerb::Disconnect => Operation::Disconnect {
                conference,
                participant,
            },
            ParticipantVerb::Mute => Operation::Mute {
                conference,
                participant,
            },
            ParticipantVerb::Unmute => Operation::Unmute {
                conference,
                participant,
            },
            ParticipantVerb::RaiseHand => Operation::RaiseHand {
                conference,
                participant,
            },
            ParticipantVerb::LowerHand => Operation::LowerHand {
                conference,
                participant,
            },
            ParticipantVerb::GiveFloor => Operation::GiveFloor {
                conference,
                participant,
            },
            ParticipantVerb::MakeModerator => Operation::MakeModerator {
                conference,
                participant,
            },
            ParticipantVerb::HandOver => Operation::HandOver {
                conference,
                participant,
            },
        })
    }
}

/// What is wanted of a conference's state.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateQuery {
    /// With the reports after this version.
    pub(super) since: Option<u64>,
    /// Wait so long for one, in milliseconds.
    #[param(maximum = 25_000)]
    pub(super) wait_ms: Option<u32>,
}

/// A conference as a command left it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Changed {
    /// The conference.
    conference: ConferenceView,
}

/// A conference and what happened.
#[derive(Serialize, ToSchema)]
#[schema(as = ConferenceNews)]
pub(crate) struct StateView {
    /// The conference.
    conference: ConferenceView,
    /// The reports after `since`, as many as fit: ask for more from the last one on.
    reports: Vec<ReportView>,
}

/// Conferences.
#[derive(Serialize, ToSchema)]
pub(crate) struct Conferences {
    /// Those that run and that I own or take part in, at most 32.
    conferences: Vec<ConferenceView>,
}

impl Rest {
    /// Asks the conference service.
    pub(super) async fn ask(
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

    /// Asks for something that changes a conference.
    async fn change(
        &self,
        caller: &Caller,
        operation: Operation,
        id: Option<CommandId>,
    ) -> Result<ConferenceView, Fault> {
        match self.ask(caller, operation, id).await? {
            Answer::Done { conference, .. } => self.whole(caller, conference).await,
            Answer::Get { .. } | Answer::List { .. } => Err(internal()),
        }
    }

    /// The state, and the reports after `since`.
    pub(super) async fn state(
        &self,
        caller: &Caller,
        conference: ConferenceId,
        asked: StateQuery,
        first: Option<u32>,
    ) -> Result<(Snapshot, Vec<convoke_types::report::Report>), Fault> {
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

    /// The state with its whole roster: a large one comes in pages, which must be of one version.
    pub(super) async fn whole(
        &self,
        caller: &Caller,
        mut snapshot: Snapshot,
    ) -> Result<ConferenceView, Fault> {
        for _ in 0..ROSTER_TRIES {
            while let Some(first) = next_page(&snapshot) {
                let none = StateQuery {
                    since: None,
                    wait_ms: None,
                };
                let id = snapshot.id.clone();
                let (page, _) = self.state(caller, id, none, Some(first)).await?;
                if page.version != snapshot.version || page.participants.is_empty() {
                    break;
                }
                snapshot.participants.extend(page.participants);
            }
            if next_page(&snapshot).is_none() {
                return Ok(snapshot.into());
            }
            let now = StateQuery {
                since: None,
                wait_ms: None,
            };
            (snapshot, _) = self.state(caller, snapshot.id.clone(), now, None).await?;
        }
        // It changes faster than it can be read: the count says that there are more.
        Ok(snapshot.into())
    }
}

/// Where the roster goes on, if it does.
fn next_page(snapshot: &Snapshot) -> Option<u32> {
    let have = u32::try_from(snapshot.participants.len()).unwrap_or(u32::MAX);
    (have < snapshot.count).then_some(have)
}

fn internal() -> Fault {
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

fn command_id(headers: &HeaderMap) -> Result<Option<CommandId>, Fault> {
    let Some(value) = headers.get(COMMAND_ID) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    text.parse().map(Some).map_err(|_| {
        Fault::new(
            FaultCode::BadRequest,
            format!("{COMMAND_ID} of 1 to 128 letters, digits and . _ ~ : + - @"),
            loggable(text),
        )
    })
}

fn party(body: PartyBody) -> Result<soap_proto::Party, Fault> {
    let who = match (body.person, body.number, body.sip) {
        (Some(person), None, None) => Who::Person(person),
        (None, Some(number), None) => Who::Number(number),
        (None, None, Some(sip)) => Who::Sip(sip),
        _ => {
            return Err(Fault::new(
                FaultCode::BadRequest,
                "one of person, number and sip",
                "none or several",
            ));
        }
    };
    Ok(soap_proto::Party {
        who,
        name: body.name,
        place: body.place,
    })
}

fn parties(bodies: Vec<PartyBody>) -> Result<Vec<soap_proto::Party>, Fault> {
    bodies.into_iter().map(party).collect()
}

/// The conferences that run.
#[utoipa::path(get, path = "/api/v1/conferences", operation_id = "listConferences", tag = "conferences",
    responses((status = 200, description = "Mine", body = Conferences), Refusal))]
pub(crate) async fn list(
    Anyone(caller): Anyone,
    State(rest): State<Rest>,
) -> Result<Json<Conferences>, Refusal> {
    let Answer::List { conferences } = rest.ask(&caller, Operation::List, None).await? else {
        return Err(internal().into());
    };
    let mut views = Vec::with_capacity(conferences.len());
    for snapshot in conferences {
        views.push(rest.whole(&caller, snapshot).await?);
    }
    Ok(Json(Conferences { conferences: views }))
}

/// Start a conference.
///
/// Answers at once; the calls follow. A repeat with the same Idempotency-Key within ten minutes gets the first answer and
/// calls nobody twice.
#[utoipa::path(post, path = "/api/v1/conferences", operation_id = "createConference", tag = "conferences", request_body = CreateBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "The command's id, of the asker's choice")),
    responses((status = 201, description = "It is under way", body = Changed,
        headers(("Location" = String, description = "Where it is"))), Refusal))]
pub(crate) async fn create(
    Anyone(caller): Anyone,
    State(rest): State<Rest>,
    headers: HeaderMap,
    Body(body): Body<CreateBody>,
) -> Result<Response, Refusal> {
    let initiator = match (body.initiator, caller.person(SCOPE_CONFERENCE)) {
        (Some(initiator), _) => party(initiator)?,
        (None, Some(me)) => soap_proto::Party::of(Who::Person(me.to_string())),
        (None, None) => {
            let expected = "an initiator, where a person does not ask themselves";
            return Err(Fault::new(FaultCode::BadRequest, expected, "none").into());
        }
    };
    let create = soap_proto::Create {
        title: body.title,
        initiator,
        participants: parties(body.participants)?,
        policy: body.policy.map(|policy| soap_proto::Policy {
            call_all_at_once: policy.call_all_at_once,
            on_owner_left: policy.on_owner_left.map(|what| match what {
                OnOwnerLeft::End => soap_proto::OnOwnerLeft::End,
                OnOwnerLeft::HandOver => soap_proto::OnOwnerLeft::HandOver,
            }),
        }),
        payer: body.payer,
        account: body.account,
    };
    let id = command_id(&headers)?;
    let made = rest.change(&caller, Operation::Create(create), id).await?;
    let at = format!("/api/v1/conferences/{}", made.id());
    let body = Json(Changed { conference: made });
    let mut response = (StatusCode::CREATED, body).into_response();
    if let Ok(at) = HeaderValue::from_str(&at) {
        response.headers_mut().insert(header::LOCATION, at);
    }
    Ok(response)
}

/// A conference's state.
///
/// Also for some time after its end, for who was in it.
#[utoipa::path(get, path = "/api/v1/conferences/{id}", operation_id = "getConference", tag = "conferences",
    params(("id" = String, Path, description = "The conference"), StateQuery),
    responses((status = 200, description = "Its state, and what happened since", body = StateView), Refusal))]
pub(crate) async fn get(
    Anyone(caller): Anyone,
    State(rest): State<Rest>,
    Place(id): Place<ConferenceId>,
    Asked(query): Asked<StateQuery>,
) -> Result<Json<StateView>, Refusal> {
    let (snapshot, reports) = rest.state(&caller, id, query, None).await?;
    Ok(Json(StateView {
        conference: rest.whole(&caller, snapshot).await?,
        reports: reports.into_iter().map(Into::into).collect(),
    }))
}

/// Command a conference as a whole.
#[utoipa::path(post, path = "/api/v1/conferences/{id}/{verb}", operation_id = "commandConference", tag = "conferences",
    params(("id" = String, Path, description = "The conference"),
        ("verb" = ConferenceVerb, Path, description = "What to do"),
        ("Idempotency-Key" = Option<String>, Header, description = "The command's id, of the asker's choice")),
    responses((status = 200, description = "Done", body = Changed), Refusal))]
pub(crate) async fn command(
    Anyone(caller): Anyone,
    State(rest): State<Rest>,
    Place((conference, verb)): Place<(ConferenceId, ConferenceVerb)>,
    headers: HeaderMap,
) -> Result<Json<Changed>, Refusal> {
    let operation = verb.operation(conference);
    let id = command_id(&headers)?;
    let conference = rest.change(&caller, operation, id).await?;
    Ok(Json(Changed { conference }))
}

/// Add people.
#[utoipa::path(post, path = "/api/v1/conferences/{id}/participants", operation_id = "addParticipants", tag = "conferences", request_body = AddBody,
    params(("id" = String, Path, description = "The conference"),
        ("Idempotency-Key" = Option<String>, Header, description = "The command's id, of the asker's choice")),
    responses((status = 200, description = "They are called", body = Changed), Refusal))]
pub(crate) async fn add(
    Anyone(caller): Anyone,
    State(rest): State<Rest>,
    Place(conference): Place<ConferenceId>,
    headers: HeaderMap,
    Body(body): Body<AddBody>,
) -> Result<Json<Changed>, Refusal> {
    let operation = Operation::Add {
        conference,
        participants: parties(body.participants)?,
    };
    let id = command_id(&headers)?;
    let conference = rest.change(&caller, operation, id).await?;
    Ok(Json(Changed { conference }))
}

/// Remove somebody.
#[utoipa::path(delete, path = "/api/v1/conferences/{id}/participants/{participant}", operation_id = "removeParticipant", tag = "conferences",
    params(("id" = String, Path, description = "The conference"),
        ("participant" = String, Path, description = "Whom"),
        ("Idempotency-Key" = Option<String>, Header, description = "The command's id, of the asker's choice")),
    responses((status = 200, description = "They are off the roster", body = Changed), Refusal))]
pub(crate) async fn remove(
    Anyone(caller): Anyone,
    State(rest): State<Rest>,
    Place((conference, participant)): Place<(ConferenceId, ParticipantId)>,
    headers: HeaderMap,
) -> Result<Json<Changed>, Refusal> {
    let operation = Operation::Remove {
        conference,
        participant,
    };
    let id = command_id(&headers)?;
    let conference = rest.change(&caller, operation, id).await?;
    Ok(Json(Changed { conference }))
}

/// Command what concerns one participant.
#[utoipa::path(post, path = "/api/v1/conferences/{id}/participants/{participant}/{verb}", operation_id = "commandParticipant", tag = "conferences",
    params(("id" = String, Path, description = "The conference"),
        ("participant" = String, Path, description = "Whom"),
        ("verb" = ParticipantVerb, Path, description = "What to do"),
        ("Idempotency-Key" = Option<String>, Header, description = "The command's id, of the asker's choice")),
    request_body = Option<VerbBody>,
    responses((status = 200, description = "Done", body = Changed), Refusal))]
pub(crate) async fn command_participant(
    Anyone(caller): Anyone,
    State(rest): State<Rest>,
    Place((conference, participant, verb)): Place<(ConferenceId, ParticipantId, ParticipantVerb)>,
    headers: HeaderMap,
    OptionalBody(said): OptionalBody<VerbBody>,
) -> Result<Json<Changed>, Refusal> {
    let operation = verb.operation(conference, participant, said)?;
    let id = command_id(&headers)?;
    let conference = rest.change(&caller, operation, id).await?;
    Ok(Json(Changed { conference }))
}
