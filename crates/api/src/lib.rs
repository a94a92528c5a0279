//! The conference web service: SOAP over HTTP in front of the focus, with its description (WSDL), its callers'
//! authentication, names resolved to telephones, answers kept for repeats and reports on their way; signing in, REST with its
//! OpenAPI document, server-sent events and webhooks; and the window's files.

mod accounts;
mod caller;
mod convert;
mod dialplan;
mod directory;
mod history;
mod http;
mod in_flight;
mod inviting;
mod passwords;
mod recorded;
mod records;
mod reporter;
mod rest;
mod role;
mod service;
mod sessions;
mod throttle;
mod watching;
mod webhooks;
mod window;

pub use accounts::{
    AccountView, Accounts, Change, Changed, DeviceView, MintedDevice, MintedToken, PlaceKind,
    SESSION_LABEL, TelephoneView, TokenView,
};
pub use caller::{Caller, Keys, SCOPE_CONFERENCE, SCOPE_SESSION, SecretDigest};
pub use dialplan::DialPlan;
pub use directory::Directory;
pub use http::{Http, router};
pub use reporter::ReportingService;
pub use rest::{Peer, openapi_json};
pub use role::Given;
pub use service::{BridgePort, ConferenceService, Config};
pub use sessions::{SessionView, VideoView};
pub use watching::{News, Watching};
pub use webhooks::{Permits, Targets, WebhookEvent, Webhooks, signature};
