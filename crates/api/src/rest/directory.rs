//! The people of this server, as everybody here may see them: never a number.

use axum::Json;
use axum::extract::State;
use convoke_types::Aor;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Rest;
use super::answer::{Asked, Refusal};
use super::me::page;
use super::who::Program;
use crate::accounts::PlaceKind;
use crate::directory::store_fault;

/// People in one answer unless another number is asked for, and at most.
const PEOPLE_DEFAULT: usize = 50;
const PEOPLE_MAX: usize = 200;

/// Whom to look for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DirectoryQuery {
    /// Beginnings of words of the name or of the user; without it everybody.
    #[serde(default)]
    q: String,
    /// The `next` of the page before.
    after: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// People.
#[derive(Serialize, ToSchema)]
pub(crate) struct People {
    /// In the order of their addresses.
    people: Vec<PersonView>,
    /// For `after`, where there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Somebody.
#[derive(Serialize, ToSchema)]
#[schema(as = Person)]
pub(crate) struct PersonView {
    /// Address of record.
    #[schema(value_type = String)]
    user: Aor,
    /// Their name.
    name: String,
    /// Where they can be called.
    places: Vec<PlaceView>,
}

/// A place where somebody can be called.
#[derive(Serialize, ToSchema)]
#[schema(as = Place)]
pub(crate) struct PlaceView {
    /// What it is called: what `place` of a party names.
    pub label: String,
    /// What kind of place it is.
    pub kind: PlaceKind,
    /// Called unless another is asked for.
    pub default: bool,
    /// The number; of one's own places only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// The places of a person, with numbers for themselves.
pub(super) fn places(telephones: Vec<store::Telephone>, own: bool) -> Vec<PlaceView> {
    telephones
        .into_iter()
        .map(|telephone| PlaceView {
            label: telephone.label,
            kind: telephone.kind.into(),
            default: telephone.is_default,
            number: own.then(|| telephone.address.to_string()),
        })
        .collect()
}

/// Look people up.
#[utoipa::path(get, path = "/api/v1/directory", operation_id = "findPeople", tag = "directory", params(DirectoryQuery),
    responses((status = 200, description = "People", body = People), Refusal))]
pub(crate) async fn directory(
    Program { me, .. }: Program,
    State(rest): State<Rest>,
    Asked(query): Asked<DirectoryQuery>,
) -> Result<Json<People>, Refusal> {
    let accounts = &rest.http.accounts;
    let limit = page(query.limit, PEOPLE_DEFAULT, PEOPLE_MAX)?;
    let after = match &query.after {
        Some(after) => Some(accounts.aor(after)?),
        None => None,
    };
    // Whoever writes a whole address means its user.
    let words = query.q.split('@').next().unwrap_or_default();
    let found = accounts.store().people(words, after.as_ref(), limit).await;
    let people: Vec<PersonView> = found
        .map_err(store_fault)?
        .into_iter()
        .map(|(account, telephones)| PersonView {
            places: places(telephones, account.aor == me),
            user: account.aor,
            name: account.display_name,
        })
        .collect();
    let last = people.last().filter(|_| people.len() == limit);
    Ok(Json(People {
        next: last.map(|person| person.user.to_string()),
        people,
    }))
}
