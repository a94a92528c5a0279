//! Changes a message on its way through a proxy: what is not touched goes on byte for byte, in its order (RFC 3261 §16.6).

use crate::message::Message;
use crate::name::HeaderName;
use crate::scan::{Line, Start};
use crate::text::{Elements, Span};
use crate::uri::Uri;
use crate::via::Via;
use crate::write::Writer;
use bytes::Bytes;
use std::net::SocketAddr;

/// A message being changed. For list headers (Via, Route, Contact …) *first* means the first value, not the first line.
#[derive(Clone, Debug)]
pub struct Edit {
    message: Message,
    uri: Option<Uri>,
    items: Vec<Item>,
    body: Option<Bytes>,
}

#[derive(Clone, Debug)]
enum Item {
    /// A field of the message as it came.
    Kept(Line),
    /// A field of ours.
    New(HeaderName, String),
}

impl Edit {
    /// Starts with the message as it is.
    pub fn of(message: &Message) -> Edit {
        let items = message
            .index()
            .lines
            .iter()
            .map(|line| Item::Kept(*line))
            .collect();
        Edit {
            message: message.clone(),
            uri: None,
            items,
            body: None,
        }
    }

    /// Replaces the Request-URI; nothing changes in a response.
    #[must_use]
    pub fn request_uri(mut self, uri: &Uri) -> Edit {
        self.uri = Some(uri.clone());
        self
    }

    /// Adds a field before the first of its name, or before all others when there is none: Via, Route, Record-Route, Path.
    #[must_use]
    pub fn push_front(mut self, name: HeaderName, value: impl ToString) -> Edit {
        let at = self.position(&name).unwrap_or(0);
        self.items.insert(at, Item::New(name, value.to_string()));
        self
    }

    /// Adds a field behind the last of its name, or behind all others when there is none.
    #[must_use]
    pub fn append(mut self, name: HeaderName, value: impl ToString) -> Edit {
        let last = self.items.iter().rposition(|item| self.is(item, &name));
        let at = last.map_or(self.items.len(), |at| at.saturating_add(1));
        self.items.insert(at, Item::New(name, value.to_string()));
        self
    }

    /// Takes the first value away; the others of its line stay.
    #[must_use]
    pub fn remove_first(mut self, name: HeaderName) -> Edit {
        self.take_first(&name);
        self
    }

    /// Takes every field of this name away.
    #[must_use]
    pub fn remove_all(mut self, name: HeaderName) -> Edit {
        let items = std::mem::take(&mut self.items);
        self.items = items
            .into_iter()
            .filter(|item| !self.is(item, &name))
            .collect();
        self
    }

    /// Puts another value in the place of the first one; adds the field at the end when there is none.
    #[must_use]
    pub fn replace_first(mut self, name: HeaderName, value: impl ToString) -> Edit {
        match self.take_first(&name) {
            Some(at) => self.items.insert(at, Item::New(name, value.to_string())),
            None => self.items.push(Item::New(name, value.to_string())),
        }
        self
    }

    /// Replaces every field of this name by one, in the place of the first; adds it at the end when there is none.
    #[must_use]
    pub fn set(self, name: HeaderName, value: impl ToString) -> Edit {
        let at = self.position(&name);
        let mut edit = self.remove_all(name.clone());
        let at = at.unwrap_or(edit.items.len()).min(edit.items.len());
        edit.items.insert(at, Item::New(name, value.to_string()));
        edit
    }

    /// Replaces the body; Content-Type (unless empty) and Content-Length follow it.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Edit {
        let body = body.into();
        let length = body.len();
        self.body = Some(body);
        let edit = match content_type {
            "" => self.remove_all(HeaderName::ContentType),
            kind => self.set(HeaderName::ContentType, kind),
        };
        edit.set(HeaderName::ContentLength, length)
    }

    /// Adds Content-Length when there is none, as streams need (RFC 3261 §16.6, step 8).
    #[must_use]
    pub fn ensure_content_length(self) -> Edit {
        if self.position(&HeaderName::ContentLength).is_some() {
            return self;
        }
        let length = self
            .body
            .as_ref()
            .map_or_else(|| self.message.body().len(), Bytes::len);
        self.append(HeaderName::ContentLength, length)
    }

    /// Writes into the top Via where the message came from (RFC 3261 §18.2.1, RFC 3581 §4); the receiver of a request does this first.
    #[must_use]
    pub fn stamp_received(self, source: SocketAddr) -> Edit {
        let Ok(via) = self.message.top_via() else {
            return self;
        };
        let stamped: Via = via.stamped(source);
        if stamped == via {
            return self;
        }
        self.replace_first(HeaderName::Via, stamped)
    }

    /// The changed message.
    pub fn finish(self) -> Message {
        let body = self.body.clone().unwrap_or_else(|| self.message.body());
        let mut writer = match (&self.message.index().start, &self.uri) {
            (Start::Request { method, .. }, Some(uri)) => {
                Writer::request(method, uri.as_str(), body.len())
            }
            _ => Writer::same_start(&self.message, body.len()),
        };
        for item in &self.items {
            match item {
                Item::Kept(line) => writer.copy(&self.message, line),
                Item::New(name, value) => writer.header(name, value),
            }
        }
        writer.finish(&body)
    }

    fn is(&self, item: &Item, name: &HeaderName) -> bool {
        match item {
            Item::New(ours, _) => ours == name,
            Item::Kept(line) => match line.known {
                Some(known) => HeaderName::from(known) == *name,
                None => line
                    .name
                    .of(self.message.as_bytes())
                    .eq_ignore_ascii_case(name.as_str().as_bytes()),
            },
        }
    }

    fn position(&self, name: &HeaderName) -> Option<usize> {
        self.items.iter().position(|item| self.is(item, name))
    }

    /// Takes the first value away and tells at which item it stood; what is left of its line stands there now.
    fn take_first(&mut self, name: &HeaderName) -> Option<usize> {
        let at = self.position(name)?;
        let item = self.items.remove(at);
        if name.is_list() {
            let value = match &item {
                Item::Kept(line) => self.message.text_of(line),
                Item::New(_, value) => value.as_str(),
            };
            let mut elements = Elements::of(value);
            let _ = elements.next();
            if let Some(second) = elements.next() {
                let from = Span::within(value, second).start();
                let rest = value.get(from..).unwrap_or_default().to_owned();
                self.items.insert(at, Item::New(name.clone(), rest));
            }
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"INVITE sip:a@b SIP/2.0\r\nvia:SIP/2.0/UDP h1;branch=z9hG4bK1 ,SIP/2.0/UDP h2\r\nX-Bin: \xff\xfe\r\n\
        From: <sip:c@d>;tag=1\r\nRoute: <sip:r1;lr>, <sip:r2;lr>\r\nTo : <sip:a@b>\r\n\t;x=y\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\nbody";

    fn message() -> Message {
        Message::parse_datagram(Bytes::from_static(REQUEST)).unwrap()
    }

    fn text(message: &Message) -> String {
        String::from_utf8_lossy(message.as_bytes()).into_owned()
    }

    #[test]
    fn untouched_is_unchanged() {
        assert_eq!(Edit::of(&message()).finish().as_bytes(), REQUEST);
    }

    #[test]
    fn a_proxy_forwards() {
        let out = Edit::of(&message())
            .request_uri(&Uri::parse("sip:x@y").unwrap())
            .remove_first(HeaderName::Route)
            .push_front(HeaderName::Via, "SIP/2.0/TCP p;branch=z9hG4bKp")
            .push_front(HeaderName::RecordRoute, "<sip:p;lr>")
            .ensure_content_length()
            .finish();
        let wanted = String::from_utf8_lossy(REQUEST)
            .replace("sip:a@b SIP/2.0\r\n", "sip:x@y SIP/2.0\r\nRecord-Route: <sip:p;lr>\r\nVia: SIP/2.0/TCP p;branch=z9hG4bKp\r\n")
            .replace("<sip:r1;lr>, ", "")
            .replace("INVITE\r\n\r\n", "INVITE\r\nContent-Length: 4\r\n\r\n");
        assert_eq!(text(&out), wanted);
        assert_eq!(out.to().unwrap().param("x"), Some("y"));
        assert_eq!(
            Message::parse_datagram(out.as_bytes().clone())
                .unwrap()
                .routes()
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn values_of_one_line_are_told_apart() {
        let out = Edit::of(&message())
            .replace_first(HeaderName::Via, "SIP/2.0/UDP n")
            .finish();
        let hosts: Vec<_> = out
            .vias()
            .unwrap()
            .iter()
            .map(|v| v.host().to_owned())
            .collect();
        assert_eq!(hosts, ["n", "h2"]);
        let out = Edit::of(&out)
            .remove_first(HeaderName::Via)
            .remove_first(HeaderName::Via)
            .finish();
        assert!(!out.has(HeaderName::Via));
        let out = Edit::of(&message())
            .remove_all(HeaderName::Route)
            .append(HeaderName::Route, "<sip:z>")
            .finish();
        assert_eq!(out.routes().unwrap().len(), 1);
    }

    #[test]
    fn the_body_and_its_headers_change_together() {
        let out = Edit::of(&message()).body("text/plain", "new").finish();
        assert_eq!(
            (out.body(), out.content_type()),
            (Bytes::from("new"), Some("text/plain"))
        );
        assert_eq!(out.header(HeaderName::ContentLength), Some("3"));
    }

    #[test]
    fn the_source_is_stamped() {
        let out = Edit::of(&message())
            .stamp_received("192.0.2.9:5".parse().unwrap())
            .finish();
        assert_eq!(out.top_via().unwrap().received(), "192.0.2.9".parse().ok());
        assert_eq!(out.vias().unwrap().len(), 2);
    }
}
