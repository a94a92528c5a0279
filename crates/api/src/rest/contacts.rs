//! One's own list of contacts: people of this server, and others by their numbers.

use axum::Json;
use axum::extract::State;
use convoke_types::{Aor, Fault, FaultCode};
use serde::{Deserialize, Serialize};
use store::{CONTACT_NUMBERS_MAX, CONTACTS_MAX, Contact, ContactKey, ContactNumber};
use utoipa::{IntoParams, ToSchema};

use super::Rest;
use super::answer::{Asked, Body, Place, Refusal};
use super::directory::{PlaceView, places};
use super::me::{page, somebody};
use super::who::Person;
use crate::accounts::{PlaceKind, number, text};
use crate::directory::store_fault;

/// Contacts in one answer unless another number is asked for, and at most.
const CONTACTS_DEFAULT: usize = 200;
const CONTACTS_PAGE_MAX: usize = 500;
/// Longest name or label, in characters.
const NAME_MAX_CHARS: usize = 64;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ContactsQuery {
    /// The `next` of the page before.
    after: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Contacts.
#[derive(Serialize, ToSchema)]
pub(crate) struct Contacts {
    /// In the order of their addresses or numbers.
    contacts: Vec<ContactView>,
    /// For `after`, where there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A contact.
#[derive(Serialize, ToSchema)]
#[schema(as = Contact)]
pub(crate) struct ContactView {
    /// What stands in its path: the address of record, or the number.
    key: String,
    /// The address of record, of somebody with an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    user: Option<Aor>,
    /// What I call them, or else their own name.
    name: String,
    /// Shown first.
    favourite: bool,
    /// Numbers that I know of them.
    numbers: Vec<NumberView>,
    /// Where they can be called by name.
    places: Vec<PlaceView>,
}

/// A number of a contact.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ContactNumber)]
pub(crate) struct NumberView {
    /// What I call it.
    #[schema(min_length = 1, max_length = 64)]
    label: String,
    /// What kind of place it is.
    kind: PlaceKind,
    /// The number in international form.
    number: String,
}

/// A contact to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactBody {
    /// What I call them; empty: by their own name.
    #[serde(default)]
    #[schema(max_length = 64)]
    name: String,
    /// Shown first.
    #[serde(default)]
    favourite: bool,
    /// Numbers that I know of them.
    #[serde(default)]
    #[schema(max_items = 16)]
    numbers: Vec<NumberView>,
}

/// What a path names: a number, or else a user.
async fn key_of(rest: &Rest, named: &str) -> Result<ContactKey, Fault> {
    if named.starts_with('+') {
        return Ok(ContactKey::Number(number(named)?));
    }
    Ok(ContactKey::User(rest.http.accounts.aor(named)?))
}

async fn view(rest: &Rest, me: &Aor, contact: Contact) -> Result<ContactView, Fault> {
    let store = rest.http.accounts.store();
    let user = match &contact.key {
        ContactKey::User(aor) => Some(aor.clone()),
        ContactKey::Number(_) => None,
    };
    let (mut name, mut theirs) = (contact.name, Vec::new());
    if let Some(aor) = &user {
        let account = store.account(aor).await.map_err(store_fault)?;
        if name.is_empty() {
            // An account that is gone leaves its address.
            name = account.map_or_else(|| aor.to_string(), |account| account.display_name);
        }
        theirs = store.telephones(aor).await.map_err(store_fault)?;
    }
    Ok(ContactView {
        key: contact.key.to_string(),
        places: places(theirs, user.as_ref() == Some(me)),
        user,
        name,
        favourite: contact.favourite,
        numbers: contact
            .numbers
            .into_iter()
            .map(|number| NumberView {
                label: number.label,
                kind: number.kind.into(),
                number: number.number.to_string(),
            })
            .collect(),
    })
}

fn nobody(key: &ContactKey) -> Fault {
    Fault::new(
        FaultCode::UnknownPerson,
        "a contact of yours",
        key.to_string(),
    )
}

/// My contacts.
#[utoipa::path(get, path = "/api/v1/me/contacts", operation_id = "listContacts", tag = "me", params(ContactsQuery),
    responses((status = 200, description = "A page of them", body = Contacts), Refusal))]
pub(crate) async fn list(
    Person(me): Person,
    State(rest): State<Rest>,
    Asked(query): Asked<ContactsQuery>,
) -> Result<Json<Contacts>, Refusal> {
    let limit = page(query.limit, CONTACTS_DEFAULT, CONTACTS_PAGE_MAX)?;
    let after = match &query.after {
        Some(after) => Some(key_of(&rest, after).await?),
        None => None,
    };
    let store = rest.http.accounts.store();
    let found = store.contacts(&me, after.as_ref(), limit).await;
    let found = found.map_err(store_fault)?;
    let last = found.last().filter(|_| found.len() == limit);
    let next = last.map(|contact| contact.key.to_string());
    let mut contacts = Vec::with_capacity(found.len());
    for contact in found {
        contacts.push(view(&rest, &me, contact).await?);
    }
    Ok(Json(Contacts { contacts, next }))
}

/// One contact.
#[utoipa::path(get, path = "/api/v1/me/contacts/{contact}", operation_id = "getContact", tag = "me",
    params(("contact" = String, Path, description = "A user, or a number in international form")),
    responses((status = 200, description = "The contact", body = ContactView), Refusal))]
pub(crate) async fn get(
    Person(me): Person,
    State(rest): State<Rest>,
    Place(named): Place<String>,
) -> Result<Json<ContactView>, Refusal> {
    let key = key_of(&rest, &named).await?;
    let found = rest.http.accounts.store().contact(&me, &key).await;
    let contact = found.map_err(store_fault)?.ok_or_else(|| nobody(&key))?;
    Ok(Json(view(&rest, &me, contact).await?))
}

/// Make or replace a contact.
#[utoipa::path(put, path = "/api/v1/me/contacts/{contact}", operation_id = "saveContact", tag = "me", request_body = ContactBody,
    params(("contact" = String, Path, description = "A user, or a number in international form")),
    responses((status = 200, description = "The contact as it is now", body = ContactView), Refusal))]
pub(crate) async fn save(
    Person(me): Person,
    State(rest): State<Rest>,
    Place(named): Place<String>,
    Body(body): Body<ContactBody>,
) -> Result<Json<ContactView>, Refusal> {
    let key = key_of(&rest, &named).await?;
    let name = text(&body.name, 0, NAME_MAX_CHARS, "a name")?;
    match &key {
        ContactKey::User(aor) => drop(somebody(&rest, &aor.to_string()).await?),
        ContactKey::Number(_) if name.is_empty() => {
            let expected = "a name for somebody without an account";
            return Err(Fault::new(FaultCode::BadRequest, expected, "none").into());
        }
        ContactKey::Number(_) => {}
    }
    if body.numbers.len() > CONTACT_NUMBERS_MAX {
        let expected = format!("at most {CONTACT_NUMBERS_MAX} numbers");
        let came = body.numbers.len().to_string();
        return Err(Fault::new(FaultCode::LimitReached, expected, came).into());
    }
    let mut numbers = Vec::with_capacity(body.numbers.len());
    for view in &body.numbers {
        numbers.push(ContactNumber {
            label: text(&view.label, 1, NAME_MAX_CHARS, "a label")?,
            kind: view.kind.into(),
            number: number(&view.number)?,
        });
    }
    let contact = Contact {
        key,
        name,
        favourite: body.favourite,
        numbers,
    };
    let saved = rest
        .http
        .accounts
        .store()
        .save_contact(&me, contact.clone());
    saved.await.map_err(|error| match error {
        store::StoreError::Conflict { .. } => Fault::new(
            FaultCode::LimitReached,
            format!("at most {CONTACTS_MAX} contacts"),
            "one more",
        ),
        other => store_fault(other),
    })?;
    Ok(Json(view(&rest, &me, contact).await?))
}

/// Take a contact off the list.
#[utoipa::path(delete, path = "/api/v1/me/contacts/{contact}", operation_id = "removeContact", tag = "me",
    params(("contact" = String, Path, description = "A user, or a number in international form")),
    responses((status = 200, description = "Done", body = ()), Refusal))]
pub(crate) async fn remove(
    Person(me): Person,
    State(rest): State<Rest>,
    Place(named): Place<String>,
) -> Result<Json<()>, Refusal> {
    let key = key_of(&rest, &named).await?;
    let removed = rest.http.accounts.store().remove_contact(&me, &key).await;
    match removed.map_err(store_fault)? {
        true => Ok(Json(())),
        false => Err(nobody(&key).into()),
    }
}
