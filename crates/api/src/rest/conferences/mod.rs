//! Conferences: each call becomes a request of the conference web service, which checks, decides and remembers as it does for
//! everybody. `Idempotency-Key` is the command's id.

mod asking;
mod bodies;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use convoke_types::{ConferenceId, FaultCode, ParticipantId};
use serde::Serialize;
use soap_proto::{Answer, Operation};
use utoipa::ToSchema;

use super::answer::{Asked, Body, OptionalBody, Place, Refusal};
use super::view::{ConferenceView, ReportView};
use super::who::Anyone;
use super::{Rest, base_path};
use crate::caller::SCOPE_CONFERENCE;

pub(super) use asking::StateQuery;
use asking::{Commander, internal};
use bodies::{AddBody, CreateBody, VerbBody};
pub(super) use bodies::{ConferenceVerb, ParticipantVerb};

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
    for mut snapshot in conferences {
        match rest.whole(&caller, &mut snapshot).await {
            Ok(()) => views.push(snapshot.into()),
            // It is not theirs any more.
            Err(gone) if gone.code == FaultCode::UnknownConference => {}
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(Json(Conferences { conferences: views }))
}

/// Start a conference.
///
/// Answers at once; the calls follow. A repeat with the same Idempotency-Key within ten minutes gets the first answer and
/// calls nobody twice.
#[utoipa::path(post, path = "/api/v1/conferences", operation_id = "createConference", tag = "conferences", request_body = CreateBody,
    params(Commander),
    responses((status = 201, description = "It is under way", body = Changed,
        headers(("Location" = String, description = "Where it is"))), Refusal))]
pub(crate) async fn create(
    by: Commander,
    State(rest): State<Rest>,
    Body(body): Body<CreateBody>,
) -> Result<Response, Refusal> {
    let create = body.create(by.caller.person(SCOPE_CONFERENCE))?;
    let conference = rest.done(by, Operation::Create(create)).await?;
    let base = base_path(&rest.http.public_url);
    let at = format!("{base}/api/v1/conferences/{}", conference.id());
    let body = Json(Changed { conference });
    let mut response = (StatusCode::CREATED, body).into_response();
    if let Ok(at) = HeaderValue::from_str(&at) {
        response.headers_mut().insert(header::LOCATION, at);
    }
    Ok(response)
}

/// A conference's state.
///
/// Also for some time after its end, for who was in it until then.
#[utoipa::path(get, path = "/api/v1/conferences/{id}", operation_id = "getConference", tag = "conferences",
    params(("id" = String, Path, description = "The conference"), StateQuery),
    responses((status = 200, description = "Its state, and what happened since", body = StateView), Refusal))]
pub(crate) async fn get(
    Anyone(caller): Anyone,
    State(rest): State<Rest>,
    Place(id): Place<ConferenceId>,
    Asked(query): Asked<StateQuery>,
) -> Result<Json<StateView>, Refusal> {
    let (mut snapshot, reports) = rest.state(&caller, id, query, None).await?;
    rest.whole(&caller, &mut snapshot).await?;
    Ok(Json(StateView {
        conference: snapshot.into(),
        reports: reports.into_iter().map(Into::into).collect(),
    }))
}

/// Command a conference as a whole.
#[utoipa::path(post, path = "/api/v1/conferences/{id}/{verb}", operation_id = "commandConference", tag = "conferences",
    params(("id" = String, Path, description = "The conference"),
        ("verb" = ConferenceVerb, Path, description = "What to do"), Commander),
    responses((status = 200, description = "Done", body = Changed), Refusal))]
pub(crate) async fn command(
    by: Commander,
    State(rest): State<Rest>,
    Place((conference, verb)): Place<(ConferenceId, ConferenceVerb)>,
) -> Result<Json<Changed>, Refusal> {
    let conference = rest.done(by, verb.operation(conference)).await?;
    Ok(Json(Changed { conference }))
}

/// Add people.
#[utoipa::path(post, path = "/api/v1/conferences/{id}/participants", operation_id = "addParticipants", tag = "conferences", request_body = AddBody,
    params(("id" = String, Path, description = "The conference"), Commander),
    responses((status = 200, description = "They are called", body = Changed), Refusal))]
pub(crate) async fn add(
    by: Commander,
    State(rest): State<Rest>,
    Place(conference): Place<ConferenceId>,
    Body(body): Body<AddBody>,
) -> Result<Json<Changed>, Refusal> {
    let participants = body.participants.into_iter().map(Into::into).collect();
    let add = Operation::Add {
        conference,
        participants,
    };
    let conference = rest.done(by, add).await?;
    Ok(Json(Changed { conference }))
}

/// Remove somebody.
#[utoipa::path(delete, path = "/api/v1/conferences/{id}/participants/{participant}", operation_id = "removeParticipant", tag = "conferences",
    params(("id" = String, Path, description = "The conference"),
        ("participant" = String, Path, description = "Whom"), Commander),
    responses((status = 200, description = "They are off the roster", body = Changed), Refusal))]
pub(crate) async fn remove(
    by: Commander,
    State(rest): State<Rest>,
    Place((conference, participant)): Place<(ConferenceId, ParticipantId)>,
) -> Result<Json<Changed>, Refusal> {
    let remove = Operation::Remove {
        conference,
        participant,
    };
    let conference = rest.done(by, remove).await?;
    Ok(Json(Changed { conference }))
}

/// Command what concerns one participant.
#[utoipa::path(post, path = "/api/v1/conferences/{id}/participants/{participant}/{verb}", operation_id = "commandParticipant", tag = "conferences",
    params(("id" = String, Path, description = "The conference"),
        ("participant" = String, Path, description = "Whom"),
        ("verb" = ParticipantVerb, Path, description = "What to do"), Commander),
    request_body = Option<VerbBody>,
    responses((status = 200, description = "Done", body = Changed), Refusal))]
pub(crate) async fn command_participant(
    by: Commander,
    State(rest): State<Rest>,
    Place((conference, participant, verb)): Place<(ConferenceId, ParticipantId, ParticipantVerb)>,
    OptionalBody(said): OptionalBody<VerbBody>,
) -> Result<Json<Changed>, Refusal> {
    let operation = verb.operation(conference, participant, said)?;
    let conference = rest.done(by, operation).await?;
    Ok(Json(Changed { conference }))
}
