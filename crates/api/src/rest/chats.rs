//! One's own chats, from the message log: what was written, what is unread, what became of what one wrote. Commands and
//! reports never appear.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use store::{ChatMessage, Content, MessageId};
use utoipa::{IntoParams, ToSchema};

use super::Rest;
use super::answer::{Asked, Body, Place, Refusal};
use super::me::page;
use super::who::Person;
use crate::directory::store_fault;

/// Chats in one answer unless another number is asked for, and at most.
const CHATS_DEFAULT: usize = 100;
const CHATS_MAX: usize = 500;
/// Messages in one answer unless another number is asked for, and at most.
const MESSAGES_DEFAULT: usize = 50;
const MESSAGES_MAX: usize = 200;

/// Which chats.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChatsQuery {
    /// Only those whose newest message is older than this one; the `next` of the page before.
    before: Option<i64>,
    /// How many.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Which messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// Only those that are older than this one; the `next` of the page before.
    before: Option<i64>,
    /// How many.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// Chats.
#[derive(Serialize, ToSchema)]
pub(crate) struct Chats {
    /// Those with the newest messages first.
    chats: Vec<ChatView>,
    /// For `before`, where there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// A chat.
#[derive(Serialize, ToSchema)]
#[schema(as = Chat)]
pub(crate) struct ChatView {
    /// The other person.
    with: String,
    /// The newest message.
    last: MessageView,
    /// How many of theirs are unread, at most 1000.
    unread: u32,
}

/// Messages of a chat.
#[derive(Serialize, ToSchema)]
pub(crate) struct Messages {
    /// The newest first.
    messages: Vec<MessageView>,
    /// For `before`, where there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// What a message is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum MessageType {
    /// Words.
    Text,
    /// An invitation into a conference.
    Invitation,
    /// The answer to one.
    InvitationAnswer,
    /// Anything else.
    Other,
}

/// A message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Message)]
pub(crate) struct MessageView {
    /// Its place in the log: grows with time.
    id: i64,
    /// When it came.
    at: i64,
    /// Who wrote it.
    from: String,
    /// To whom.
    to: String,
    /// What it is.
    r#type: MessageType,
    /// The words, of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The XML document, of an invitation or the answer to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    /// By which `imdn.Message-ID` notifications speak of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    imdn_id: Option<String>,
    /// Whether a device of the recipient took it.
    delivered: bool,
    /// Whether the recipient has read it.
    read: bool,
}

impl From<ChatMessage> for MessageView {
    fn from(of: ChatMessage) -> Self {
        let (r#type, text, document) = match of.content {
            Content::Text(text) => (MessageType::Text, Some(text), None),
            Content::Invitation(document) => (MessageType::Invitation, None, Some(document)),
            Content::InvitationAnswer(document) => {
                (MessageType::InvitationAnswer, None, Some(document))
            }
            Content::Other | Content::Receipt { .. } | Content::Nothing => {
                (MessageType::Other, None, None)
            }
        };
        Self {
            id: of.message.id.0,
            at: of.message.logged.at,
            from: of.message.logged.from.to_string(),
            to: of.message.logged.to.to_string(),
            r#type,
            text,
            document,
            imdn_id: of.imdn,
            delivered: of.delivered_at.is_some(),
            read: of.read,
        }
    }
}

/// Up to where a chat was read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ReadBody {
    /// The newest message that was read.
    up_to: i64,
}

/// My chats.
#[utoipa::path(get, path = "/api/v1/me/chats", operation_id = "listChats", tag = "me", params(ChatsQuery),
    responses((status = 200, description = "A page of them", body = Chats), Refusal))]
pub(crate) async fn list(
    Person(me): Person,
    State(rest): State<Rest>,
    Asked(query): Asked<ChatsQuery>,
) -> Result<Json<Chats>, Refusal> {
    let limit = page(query.limit, CHATS_DEFAULT, CHATS_MAX)?;
    let store = rest.http.accounts.store();
    let before = query.before.map(MessageId);
    let found = store.chats(&me.to_string(), before, limit).await;
    let chats: Vec<ChatView> = found
        .map_err(store_fault)?
        .into_iter()
        .map(|chat| ChatView {
            with: chat.with.to_string(),
            last: chat.last.into(),
            unread: chat.unread,
        })
        .collect();
    let last = chats.last().filter(|_| chats.len() == limit);
    Ok(Json(Chats {
        next: last.map(|chat| chat.last.id),
        chats,
    }))
}

/// A chat.
#[utoipa::path(get, path = "/api/v1/me/chats/{user}", operation_id = "getChat", tag = "me",
    params(("user" = String, Path, description = "The other person"), MessagesQuery),
    responses((status = 200, description = "A page of its messages", body = Messages), Refusal))]
pub(crate) async fn messages(
    Person(me): Person,
    State(rest): State<Rest>,
    Place(user): Place<String>,
    Asked(query): Asked<MessagesQuery>,
) -> Result<Json<Messages>, Refusal> {
    let limit = page(query.limit, MESSAGES_DEFAULT, MESSAGES_MAX)?;
    let other = rest.http.accounts.aor(&user)?.to_string();
    let store = rest.http.accounts.store();
    let before = query.before.map(MessageId);
    let found = store.chat(&me.to_string(), &other, before, limit).await;
    let messages: Vec<MessageView> = found
        .map_err(store_fault)?
        .into_iter()
        .map(Into::into)
        .collect();
    let last = messages.last().filter(|_| messages.len() == limit);
    Ok(Json(Messages {
        next: last.map(|message| message.id),
        messages,
    }))
}

/// Mark a chat as read.
#[utoipa::path(put, path = "/api/v1/me/chats/{user}/read", operation_id = "markChatRead", tag = "me", request_body = ReadBody,
    params(("user" = String, Path, description = "The other person")),
    responses((status = 200, description = "Done", body = ()), Refusal))]
pub(crate) async fn mark_read(
    Person(me): Person,
    State(rest): State<Rest>,
    Place(user): Place<String>,
    Body(body): Body<ReadBody>,
) -> Result<Json<()>, Refusal> {
    let other = rest.http.accounts.aor(&user)?.to_string();
    let store = rest.http.accounts.store();
    let (me, up_to) = (me.to_string(), MessageId(body.up_to));
    let marked = store.mark_chat_read(&me, &other, up_to).await;
    marked.map_err(store_fault)?;
    Ok(Json(()))
}
