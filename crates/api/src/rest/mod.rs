//! REST under `/api/v1`: JSON in and out, refusals as `{"error":{"code","expected","came"}}`. Every path stands with its
//! handler, from which the router and the OpenAPI document are both made. What concerns conferences is asked of the
//! conference service, so nothing is decided here.

mod answer;
mod calls;
mod chats;
mod conferences;
mod contacts;
mod directory;
mod events;
mod invitations;
mod log;
mod me;
mod modes;
mod session;
mod users;
mod view;
mod webhooks;
mod who;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Request};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use convoke_types::{Fault, FaultCode, loggable};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Http;
use crate::sessions::Sessions;

pub(crate) use view::ReportView;
pub use who::Peer;

/// Largest body of a request, in bytes.
const BODY_MAX_BYTES: usize = 64 * 1024;

/// What the handlers work with.
#[derive(Clone)]
pub(crate) struct Rest {
    http: Http,
    sessions: Sessions,
    streams: Arc<events::Streams>,
}

impl FromRef<Rest> for Http {
    fn from_ref(rest: &Rest) -> Self {
        rest.http.clone()
    }
}

/// What the document says beside its paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Convoke",
        description = "People, chats, calls and conferences of a Convoke server. Times are milliseconds since 1970 UTC \
                       unless they say otherwise. Conferences are commanded with the same authority, ids and history as \
                       over the conference web service and by instant message.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact()
    ),
    modifiers(&Security),
    components(schemas(
        answer::Error,
        answer::FaultView,
        conferences::ConferenceVerb,
        conferences::ParticipantVerb,
        crate::webhooks::Notice
    )),
    security(("bearer" = [])),
    tags(
        (name = "session", description = "Signing in"),
        (name = "me", description = "Oneself: profile, telephones, contacts, chats, calls"),
        (name = "directory", description = "The people of this server"),
        (name = "conferences", description = "Starting, following and managing conferences"),
        (name = "webhooks", description = "Being told what happens"),
        (name = "administration", description = "With the administrator's key")
    )
)]
struct Document;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A session's token, a program's token (`convoke user token`), or the administrator's key",
            ))
            .build();
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(
            session::COOKIE,
            "The cookie of signing in",
        ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// Every path with its handler.
fn paths() -> OpenApiRouter<Rest> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(session::sign_in, session::sign_out))
        .routes(routes!(session::renew))
        .routes(routes!(me::profile, me::save_profile))
        .routes(routes!(me::save_password))
        .routes(routes!(me::tokens))
        .routes(routes!(me::revoke_token))
        .routes(routes!(me::telephones, me::save_telephones))
        .routes(routes!(modes::modes, modes::save_modes))
        .routes(routes!(directory::directory))
        .routes(routes!(contacts::list))
        .routes(routes!(contacts::get, contacts::save, contacts::remove))
        .routes(routes!(chats::list))
        .routes(routes!(chats::messages))
        .routes(routes!(chats::mark_read))
        .routes(routes!(invitations::invitations))
        .routes(routes!(calls::calls))
        .routes(routes!(conferences::list, conferences::create))
        .routes(routes!(conferences::get))
        .routes(routes!(conferences::command))
        .routes(routes!(conferences::add))
        .routes(routes!(conferences::remove))
        .routes(routes!(conferences::command_participant))
        .routes(routes!(events::events))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::remove))
        .routes(routes!(users::list))
        .routes(routes!(users::one, users::save))
        .routes(routes!(users::save_password))
        .routes(routes!(users::telephones, users::save_telephones))
        .routes(routes!(users::devices, users::mint_device))
        .routes(routes!(users::revoke_device))
        .routes(routes!(users::tokens, users::mint_token))
        .routes(routes!(users::revoke_token))
        .routes(routes!(log::messages))
}

/// The routes.
pub(crate) fn router(http: &Http) -> Router {
    let rest = Rest {
        sessions: Sessions::new(
            http.accounts.clone(),
            http.conferences.clone(),
            http.video.clone(),
        ),
        http: http.clone(),
        streams: Arc::default(),
    };
    let (router, _) = paths().split_for_parts();
    let router = router
        .route("/api/{*unknown}", any(unknown))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(middleware::from_fn(for_one_alone))
        .with_state(rest);
    let router = match http.origins.is_empty() {
        true => router,
        false => router.layer(cross_origin(named(&http.origins))),
    };
    // What everybody may read, every page may: one that can read this, and nothing else, knows that its origin is not named.
    let open = Router::new()
        .route("/api/v1/openapi.json", get(document))
        .layer(middleware::from_fn(for_one_alone))
        .layer(cross_origin(AllowOrigin::any()));
    router.merge(open)
}

/// The origins that the operator names.
fn named(origins: &[String]) -> AllowOrigin {
    let named = origins.iter().filter(|origin| *origin != "*");
    let named = named.filter_map(|origin| origin.to_ascii_lowercase().parse().ok());
    match origins.iter().any(|origin| origin == "*") {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(named),
    }
}

/// Pages of these origins may use REST with a token (Fetch §3.2). Cookies stay with our own pages: browsers are not told that
/// others may send them, nor that they may send the header that goes with them.
fn cross_origin(allowed: AllowOrigin) -> CorsLayer {
    let headers = ["idempotency-key", "last-event-id"].map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(
            [AUTHORIZATION, CONTENT_TYPE]
                .into_iter()
                .chain(headers)
                .collect::<Vec<_>>(),
        )
        .expose_headers([LOCATION, RETRY_AFTER])
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let (_, document) = paths().split_for_parts();
    // A document of plain data always has a form as JSON.
    document.to_pretty_json().unwrap_or_default() + "\n"
});

/// The OpenAPI document.
#[must_use]
pub fn openapi_json() -> &'static str {
    &DOCUMENT
}

async fn document() -> Response {
    let form = [(CONTENT_TYPE, "application/json")];
    (form, openapi_json()).into_response()
}

async fn unknown(uri: Uri) -> Response {
    let fault = Fault::new(
        FaultCode::UnknownOperation,
        "a path of /api/v1/openapi.json",
        loggable(uri.path()),
    );
    answer::Refusal::from(fault).into_response()
}

/// The path of the server's URL, without a slash at its end.
fn base_path(url: &str) -> &str {
    let behind_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    behind_scheme
        .find('/')
        .and_then(|at| behind_scheme.get(at..))
        .unwrap_or_default()
        .trim_end_matches('/')
}

/// Nobody keeps or guesses at what is one person's.
async fn for_one_alone(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(CACHE_CONTROL).or_insert(no_store);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_under_the_servers_url() {
        assert_eq!(base_path("https://x.example"), "");
        assert_eq!(base_path("https://x.example/convoke/"), "/convoke");
        assert_eq!(base_path(""), "");
    }
}
