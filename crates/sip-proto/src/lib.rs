//! SIP without sockets, clocks or tasks: messages, digest, SDP, transactions, dialogs, calls and a user agent.

pub mod auth;
pub mod build;
pub mod call;
pub mod cpim;
pub mod dialog;
pub mod edit;
pub mod endpoint;
pub mod error;
pub mod events;
pub mod flow;
pub mod message;
pub mod name;
mod name_addr;
mod scan;
pub mod sdp;
pub mod stream;
pub mod text;
pub mod token;
mod transaction;
pub mod ua;
pub mod uri;
pub mod via;
mod write;

pub use build::{RequestBuilder, ResponseBuilder};
pub use edit::Edit;
pub use endpoint::{ClientTx, Endpoint, ServerTx};
pub use error::{ErrorKind, ParseError};
pub use flow::{FlowId, Source, Target, Transport};
pub use message::{CSeq, Message};
pub use name::{HeaderName, Method};
pub use scan::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADER_LINES_MAX, Limits};
pub use stream::{Frame, Side, StreamParser};
pub use token::TokenSource;
pub use uri::{NameAddr, Scheme, Uri};
pub use via::Via;
