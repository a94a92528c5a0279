//! The header block of an envelope: WS-Addressing 1.0 and our own elements, each at most once, in any order.

use convoke_types::limits::COMMAND_MAX_LIFE_S;
use convoke_types::{Aor, CommandId, FaultCode};

use crate::cursor::{self, Cursor};
use crate::encode::Out;
use crate::error::SoapError;
use crate::text;
use crate::time::UtcMillis;
use crate::xml::Element;

/// When a command was sent and how long it is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expires {
    /// The sender's clock when it sent the command.
    pub sent: UtcMillis,
    /// For how many seconds after that it may be carried out: 1 to 30.
    pub seconds: u32,
}

impl Expires {
    /// The moment after which nobody's telephone may ring for it.
    pub fn ends(&self) -> UtcMillis {
        UtcMillis(self.sent.0.saturating_add(u64::from(self.seconds) * 1000))
    }
    /// Whether it is too late at `now`. A sender whose clock runs ahead gets no longer life than it asked for:
    /// a command "sent" more than its life in the future is as wrong as a late one.
    pub fn is_over(&self, now: UtcMillis) -> bool {
        let life = u64::from(self.seconds) * 1000;
        now > self.ends() || self.sent.0 > now.0.saturating_add(life)
    }
}

/// Everything in `s:Header`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// `wsa:MessageID`: the command's id, or the id of this reply or report.
    pub message_id: Option<CommandId>,
    /// `wsa:RelatesTo`: the MessageID that this answers.
    pub relates_to: Option<CommandId>,
    /// `wsa:ReplyTo/wsa:Address`: where replies and reports go; a GRUU over SIP, anonymous over HTTP.
    pub reply_to: Option<String>,
    /// `wsa:To`.
    pub to: Option<String>,
    /// `wsa:Action`; a hint, never used to dispatch.
    pub action: Option<String>,
    /// `c:expires`.
    pub expires: Option<Expires>,
    /// `c:asserted`: for whom the gateway speaks.
    pub asserted: Option<Aor>,
}

/// A header block that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    MessageId,
    RelatesTo,
    ReplyTo,
    To,
    Action,
    Expires,
    Asserted,
}

/// Their names with our prefixes.
const BLOCKS: [(&str, Block); 7] = [
    ("a:MessageID", Block::MessageId),
    ("a:RelatesTo", Block::RelatesTo),
    ("a:ReplyTo", Block::ReplyTo),
    ("a:To", Block::To),
    ("a:Action", Block::Action),
    ("c:expires", Block::Expires),
    ("c:asserted", Block::Asserted),
];

impl Block {
    fn named(shown: &str) -> Option<Self> {
        let mut all = BLOCKS.into_iter();
        all.find(|(name, _)| *name == shown).map(|(_, block)| block)
    }

    /// What is expected of a block of another name.
    fn names() -> String {
        format!("one of {}", BLOCKS.map(|(name, _)| name).join(", "))
    }
}

impl Headers {
    pub(crate) fn decode(header: &Element, at: &str) -> Result<Self, SoapError> {
        let cursor = Cursor::new(header, at)?;
        let mut headers = Headers::default();
        for block in &header.children {
            let shown = block.shown();
            // SOAP 1.1 §4.2.3: what has to be understood and is not fails the message before anything of it is looked at.
            if Block::named(&shown).is_none() && cursor::must_be_understood(block) {
                let error = SoapError::new(&format!("{at}/{shown}"), Block::names(), &shown);
                return Err(error.with_code(FaultCode::MustUnderstand));
            }
        }
        let mut seen: Vec<Block> = Vec::new();
        for block in &header.children {
            let shown = block.shown();
            let path = format!("{at}/{shown}");
            let Some(named) = Block::named(&shown) else {
                return Err(SoapError::new(&path, Block::names(), &shown));
            };
            if seen.contains(&named) {
                return Err(SoapError::new(&path, "each header once", &shown));
            }
            match named {
                Block::MessageId => {
                    headers.message_id =
                        Some(cursor.header_leaf(block, "an identifier", text::id)?);
                }
                Block::RelatesTo => {
                    headers.relates_to =
                        Some(cursor.header_leaf(block, "an identifier", text::id)?);
                }
                Block::To => {
                    headers.to = Some(cursor.header_leaf(block, "a URI", text::uri)?);
                }
                Block::Action => {
                    headers.action = Some(cursor.header_leaf(block, "a URI", text::uri)?);
                }
                Block::ReplyTo => {
                    let mut inner = cursor.header_block(block)?;
                    let address = inner.wsa_leaf("Address", "a URI", text::uri)?;
                    inner.finish()?;
                    headers.reply_to = Some(address);
                }
                Block::Expires => {
                    let mut inner = Cursor::new(block, &path)?;
                    let sent = inner.leaf("sent", "a UTC dateTime", UtcMillis::parse_token)?;
                    let seconds = inner.leaf("seconds", "1 to 30", |t| {
                        text::integer(t, 2, 1, COMMAND_MAX_LIFE_S)
                    })?;
                    inner.finish()?;
                    headers.expires = Some(Expires {
                        sent,
                        seconds: u32::try_from(seconds).unwrap_or(1),
                    });
                }
                Block::Asserted => {
                    headers.asserted =
                        Some(Cursor::lone_leaf(block, &path, "user@domain", text::aor)?);
                }
            }
            seen.push(named);
        }
        Ok(headers)
    }

    pub(crate) fn encode(&self, out: &mut Out) {
        out.open("s:Header");
        if let Some(action) = &self.action {
            out.leaf("a:Action", action);
        }
        if let Some(id) = &self.message_id {
            out.leaf("a:MessageID", id.as_str());
        }
        if let Some(id) = &self.relates_to {
            out.leaf("a:RelatesTo", id.as_str());
        }
        if let Some(to) = &self.to {
            out.leaf("a:To", to);
        }
        if let Some(address) = &self.reply_to {
            out.open("a:ReplyTo");
            out.leaf("a:Address", address);
            out.close("a:ReplyTo");
        }
        if let Some(expires) = &self.expires {
            out.open("c:expires");
            out.leaf("c:sent", &expires.sent.to_string());
            out.leaf("c:seconds", &expires.seconds.to_string());
            out.close("c:expires");
        }
        if let Some(user) = &self.asserted {
            out.leaf("c:asserted", &user.to_string());
        }
        out.close("s:Header");
    }
}

impl UtcMillis {
    pub(crate) fn parse_token(text: &str) -> Option<Self> {
        Self::parse(&text::collapse(text))
    }
}
