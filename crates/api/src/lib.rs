//! The conference web service: SOAP over HTTP in front of the focus, with its description (WSDL), its callers'
//! authentication, names resolved to telephones, answers kept for repeats, reports on their way, and the REST calls that
//! administer accounts.

mod admin;
mod caller;
mod convert;
mod dialplan;
mod directory;
mod history;
mod http;
mod in_flight;
mod records;
mod reporter;
mod role;
mod service;
mod watching;
mod window;

pub use admin::{AccountView, Accounts, Change, Changed, MintedDevice, MintedToken, TelephoneView};
pub use caller::{Caller, Keys, SCOPE_CONFERENCE, SecretDigest};
pub use dialplan::DialPlan;
pub use directory::Directory;
pub use http::{Http, fault_response, router};
pub use reporter::ReportingService;
pub use role::Given;
pub use service::{BridgePort, ConferenceService, Config};
pub use watching::{News, Watching};
