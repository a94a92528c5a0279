//! How one can take part in conferences (requirement V7): one's own modes, seen and edited.

use axum::Json;
use axum::extract::State;
use convoke_types::{E164, Fault, FaultCode, Mode, ModeSource, NetworkAddress, loggable};
use runtime::clock;
use serde::{Deserialize, Serialize};
use store::{MODES_MAX, PersonMode, mode_of};
use utoipa::ToSchema;

use super::Rest;
use super::answer::{Body, Refusal};
use super::who::Person;
use crate::directory::store_fault;

/// Longest SIP URI, in characters.
const URI_MAX_CHARS: usize = 250;

/// How somebody takes part in a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Mode)]
pub(crate) enum ModeName {
    /// A telephone of the public network.
    Pstn,
    /// A mobile telephone.
    Mobile,
    /// A SIP address, such as a video room.
    Sip,
    /// One's own client.
    Computer,
    /// H.323, through a gateway.
    H323,
    /// ISDN with H.320, through a gateway.
    Isdn,
    /// ATM with H.321 or H.310, through a gateway.
    Atm,
    /// What a gateway alone understands.
    Gateway,
}

impl ModeName {
    const ALL: [(ModeName, Mode); 8] = [
        (ModeName::Pstn, Mode::Pstn),
        (ModeName::Mobile, Mode::Mobile),
        (ModeName::Sip, Mode::Sip),
        (ModeName::Computer, Mode::Computer),
        (ModeName::H323, Mode::H323),
        (ModeName::Isdn, Mode::Isdn),
        (ModeName::Atm, Mode::Atm),
        (ModeName::Gateway, Mode::Gateway),
    ];
    fn of(mode: Mode) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, one)| *one == mode)
            .map_or(ModeName::Computer, |(name, _)| name)
    }
    fn mode(self) -> Mode {
        let mut all = Self::ALL.into_iter();
        all.find(|(name, _)| *name == self)
            .map_or(Mode::Computer, |(_, mode)| mode)
    }
}

/// How a mode became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ModeSource)]
pub(crate) enum SourceName {
    /// A device registered it.
    Registration,
    /// From the telephones of the profile.
    Profile,
    /// From a conference in which one took part so.
    Conference,
    /// Written in.
    ByHand,
}

impl From<ModeSource> for SourceName {
    fn from(source: ModeSource) -> Self {
        match source {
            ModeSource::Registration => SourceName::Registration,
            ModeSource::Profile => SourceName::Profile,
            ModeSource::Conference => SourceName::Conference,
            ModeSource::ByHand => SourceName::ByHand,
        }
    }
}

/// One way in which one can take part.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PersonMode)]
pub(crate) struct ModeView {
    /// Which mode.
    mode: ModeName,
    /// Where: a number, a SIP URI, an address of another network; `null` for one's own clients.
    address: Option<String>,
    /// The label of the telephone, if it is one of the profile.
    place: Option<String>,
    /// Whether it carries pictures.
    video: bool,
    /// How it became known.
    source: SourceName,
    /// When it was last heard of; `null`: never.
    last_seen: Option<i64>,
}

/// One way as one wants it; those that are there keep how they became known.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ModeBody {
    /// Which mode.
    mode: ModeName,
    /// Where, for all but one's own clients.
    #[serde(default)]
    #[schema(max_length = 250)]
    address: Option<String>,
    /// Whether it carries pictures; by the mode where it is missing.
    #[serde(default)]
    video: Option<bool>,
    /// How one became known that was there before and is brought back: `registration` or `conference`. Any other that is new is written in, but
    /// for a telephone of the profile.
    #[serde(default)]
    source: Option<SourceName>,
    /// When that one was last heard of.
    #[serde(default)]
    last_seen: Option<i64>,
}

/// My modes.
#[utoipa::path(get, path = "/api/v1/me/modes", operation_id = "getModes", tag = "me",
    responses((status = 200, description = "The one that I like best first", body = Vec<ModeView>), Refusal))]
pub(crate) async fn modes(
    Person(user): Person,
    State(rest): State<Rest>,
) -> Result<Json<Vec<ModeView>>, Refusal> {
    let modes = rest.http.accounts.store().modes(&user).await;
    let view = |one: PersonMode| ModeView {
        mode: ModeName::of(one.mode),
        address: Some(one.address).filter(|address| !address.is_empty()),
        place: Some(one.place).filter(|place| !place.is_empty()),
        video: one.video,
        source: one.source.into(),
        last_seen: Some(one.last_seen).filter(|at| *at != 0),
    };
    Ok(Json(
        modes.map_err(store_fault)?.into_iter().map(view).collect(),
    ))
}

/// Replace my modes.
///
/// Their order is the one in which the video allocator tries them. What is left out comes back when it is heard of again.
#[utoipa::path(put, path = "/api/v1/me/modes", operation_id = "saveModes", tag = "me", request_body = Vec<ModeBody>,
    responses((status = 200, description = "As they are now", body = Vec<ModeView>), Refusal))]
pub(crate) async fn save_modes(
    Person(user): Person,
    State(rest): State<Rest>,
    Body(body): Body<Vec<ModeBody>>,
) -> Result<Json<Vec<ModeView>>, Refusal> {
    let store = rest.http.accounts.store();
    let before = store.modes(&user).await.map_err(store_fault)?;
    let telephones = store.telephones(&user).await.map_err(store_fault)?;
    let of_profile: Vec<PersonMode> = telephones.iter().filter_map(mode_of).collect();
    let modes = wanted(body, &before, &of_profile)?;
    store.save_modes(&user, modes).await.map_err(store_fault)?;
    self::modes(Person(user), State(rest)).await
}

fn wanted(
    body: Vec<ModeBody>,
    before: &[PersonMode],
    of_profile: &[PersonMode],
) -> Result<Vec<PersonMode>, Fault> {
    let refused =
        |expected: &str, came: &str| Fault::new(FaultCode::BadRequest, expected, loggable(came));
    if body.len() > MODES_MAX {
        let expected = format!("at most {MODES_MAX} modes");
        return Err(refused(&expected, &body.len().to_string()));
    }
    let mut modes: Vec<PersonMode> = Vec::new();
    for one in body {
        let mode = one.mode.mode();
        let address = checked(mode, one.address.as_deref())?;
        if modes
            .iter()
            .any(|known| known.mode == mode && known.address == address)
        {
            return Err(refused("each mode and address once", &address));
        }
        let same = |known: &&PersonMode| known.mode == mode && known.address == address;
        // One that was left out, and is wanted again, is what it was.
        let (place, source, last_seen, video) =
            match (before.iter().find(same), of_profile.iter().find(same)) {
                (Some(known), _) => (
                    known.place.clone(),
                    known.source,
                    known.last_seen,
                    known.video,
                ),
                (None, Some(telephone)) => (
                    telephone.place.clone(),
                    telephone.source,
                    heard(one.last_seen),
                    telephone.video,
                ),
                (None, None) => {
                    let video = !matches!(mode, Mode::Pstn | Mode::Mobile);
                    let (source, last_seen) = brought_back(one.source, one.last_seen);
                    (String::new(), source, last_seen, video)
                }
            };
        modes.push(PersonMode {
            mode,
            address,
            place,
            source,
            video: one.video.unwrap_or(video),
            last_seen,
        });
    }
    Ok(modes)
}

/// How a new one became known: what was heard of by itself stays that.
fn brought_back(source: Option<SourceName>, last_seen: Option<i64>) -> (ModeSource, i64) {
    match source {
        Some(SourceName::Registration) => (ModeSource::Registration, heard(last_seen)),
        Some(SourceName::Conference) => (ModeSource::Conference, heard(last_seen)),
        Some(SourceName::Profile | SourceName::ByHand) | None => (ModeSource::ByHand, 0),
    }
}

/// When one was last heard of as its owner says, which is not later than now.
fn heard(last_seen: Option<i64>) -> i64 {
    let now = clock::unix_ms(clock::wall());
    last_seen.unwrap_or(0).clamp(0, now.max(0))
}

/// The address as it is stored: `isdn:+493012345` for another network, also where only the number was given.
fn checked(mode: Mode, address: Option<&str>) -> Result<String, Fault> {
    let address = address.unwrap_or_default().trim();
    let refused = |expected: &str| Fault::new(FaultCode::BadRequest, expected, loggable(address));
    match mode {
        Mode::Computer if address.is_empty() => Ok(String::new()),
        Mode::Computer => Err(refused("no address for one's own clients")),
        Mode::Pstn | Mode::Mobile => address
            .parse::<E164>()
            .map(|number| number.to_string())
            .map_err(|error| refused(error.expected)),
        Mode::Sip => {
            let rest = address
                .strip_prefix("sip:")
                .or_else(|| address.strip_prefix("sips:"));
            let fits = rest.is_some_and(|rest| rest.contains('@'))
                && address.len() <= URI_MAX_CHARS
                && address.bytes().all(|byte| byte.is_ascii_graphic());
            match fits {
                true => Ok(address.to_owned()),
                false => Err(refused("a SIP URI like sip:room@example.org")),
            }
        }
        Mode::H323 | Mode::Isdn | Mode::Atm | Mode::Gateway => {
            let bare = address.strip_prefix(&format!("{mode}:")).unwrap_or(address);
            format!("{mode}:{bare}")
                .parse::<NetworkAddress>()
                .map(|address| address.to_string())
                .map_err(|error| refused(error.expected))
        }
    }
}
