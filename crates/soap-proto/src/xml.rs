//! A small tree of elements from bytes. Well-formedness beyond what the pull parser checks, namespaces, and every bound
//! are here; what an element means is not.

use convoke_types::limits::{SOAP_MAX_BYTES, SOAP_MAX_DEPTH};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::error::SoapError;
use crate::names::{Ns, XML_NS, XMLNS_NS};

/// Most namespace bindings in scope at once.
const BINDINGS_MAX: usize = 64;
/// Most attributes of one element.
const ATTRIBUTES_MAX: usize = 32;

/// One element with everything in it.
#[derive(Debug)]
pub(crate) struct Element {
    pub ns: Ns,
    pub local: String,
    pub attributes: Vec<Attribute>,
    pub children: Vec<Element>,
    /// All character data directly in this element, joined.
    pub text: String,
}

/// One attribute; namespace declarations are not among them.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub ns: Ns,
    pub local: String,
    pub value: String,
}

impl Element {
    /// The name with our prefix, for messages.
    pub(crate) fn shown(&self) -> String {
        format!("{}{}", self.ns.prefix(), self.local)
    }
}

/// Reads one document into its root element.
pub(crate) fn read(bytes: &[u8]) -> Result<Element, SoapError> {
    if bytes.len() > SOAP_MAX_BYTES {
        return Err(document(
            format!("at most {SOAP_MAX_BYTES} bytes"),
            format!("{} bytes", bytes.len()),
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| document("UTF-8", "other bytes"))?;
    // XML 1.0 appendix F: a byte order mark may precede UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(bad) = text.chars().find(|c| !is_xml_char(*c)) {
        return Err(document("characters of XML 1.0", format!("{bad:?}")));
    }
    Tree::default().read(text)
}

fn document(expected: impl Into<String>, came: impl AsRef<str>) -> SoapError {
    SoapError::new("document", expected, came)
}

/// XML 1.0 §2.2, production 2.
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// XML 1.0 §2.3, production 3.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[derive(Default)]
struct Tree {
    open: Vec<(Element, String, usize)>,
    bindings: Vec<(String, String)>,
    root: Option<Element>,
}

impl Tree {
    fn read(mut self, text: &str) -> Result<Element, SoapError> {
        let mut reader = Reader::from_reader(text.as_bytes());
        let config = reader.config_mut();
        config.check_comments = true;
        config.trim_markup_names_in_closing_tags = true;
        let mut first = true;
        loop {
            let event = reader
                .read_event()
                .map_err(|e| document("well-formed XML", e.to_string()))?;
            match event {
                Event::Start(tag) => self.start(str_of(&tag)?, tag.name().0, false)?,
                Event::Empty(tag) => self.start(str_of(&tag)?, tag.name().0, true)?,
                Event::End(tag) => self.end(str_of(&tag)?)?,
                Event::Text(t) => {
                    let t = str_of(&t)?;
                    if t.contains("]]>") {
                        return Err(document("text without ]]>", "]]>"));
                    }
                    self.text(t)?;
                }
                Event::CData(t) => {
                    if self.open.is_empty() {
                        return Err(document("one element", "text beside it"));
                    }
                    self.text(str_of(&t)?)?;
                }
                Event::GeneralRef(r) => {
                    if self.open.is_empty() {
                        return Err(document("one element", "text beside it"));
                    }
                    let c = reference(str_of(&r)?)?;
                    self.text(c.encode_utf8(&mut [0; 4]))?;
                }
                Event::Comment(_) => {}
                Event::Decl(decl) if first => declaration(str_of(&decl)?)?,
                Event::Decl(_) => {
                    return Err(document("the XML declaration first", "one further on"));
                }
                Event::PI(_) => {
                    return Err(document(
                        "no processing instruction (SOAP 1.1 §3)",
                        "a processing instruction",
                    ));
                }
                Event::DocType(_) => {
                    return Err(document(
                        "no document type (SOAP 1.1 §3)",
                        "a document type",
                    ));
                }
                Event::Eof => break,
            }
            first = false;
        }
        if let Some((element, _, _)) = self.open.last() {
            return Err(document("the end of every element", element.shown()));
        }
        self.root
            .ok_or_else(|| document("an element", "an empty document"))
    }

    fn start(&mut self, tag: &str, name: &[u8], empty: bool) -> Result<(), SoapError> {
        if self.open.len() >= SOAP_MAX_DEPTH {
            return Err(document(
                format!("at most {SOAP_MAX_DEPTH} levels"),
                "deeper ones",
            ));
        }
        if self.root.is_some() {
            return Err(document("one element", "a second one"));
        }
        let (name, rest) = tag
            .split_at_checked(name.len())
            .ok_or_else(|| document("well-formed XML", tag))?;
        let scope = self.bindings.len();
        let attributes = scan_attributes(rest)?;
        for (key, value) in &attributes {
            self.bind(key, value)?;
        }
        let mut element = Element {
            ns: Ns::None,
            local: String::new(),
            attributes: Vec::new(),
            children: Vec::new(),
            text: String::new(),
        };
        let mut seen: Vec<(String, String)> = Vec::new();
        for (key, value) in attributes {
            if key == "xmlns" || key.starts_with("xmlns:") {
                continue;
            }
            let (uri, local) = self.resolve(&key, false)?;
            if seen.iter().any(|(u, l)| *u == uri && *l == local) {
                return Err(document("each attribute once", &key));
            }
            element.attributes.push(Attribute {
                ns: Ns::of(&uri),
                local: local.clone(),
                value,
            });
            seen.push((uri, local));
        }
        let (uri, local) = self.resolve(name, true)?;
        element.ns = Ns::of(&uri);
        element.local = local;
        self.open.push((element, name.to_owned(), scope));
        if empty { self.close() } else { Ok(()) }
    }

    fn end(&mut self, name: &str) -> Result<(), SoapError> {
        match self.open.last() {
            Some((_, open, _)) if open == name => self.close(),
            Some((_, open, _)) => Err(document(format!("</{open}>"), format!("</{name}>"))),
            None => Err(document("an open element", format!("</{name}>"))),
        }
    }

    fn close(&mut self) -> Result<(), SoapError> {
        let Some((element, _, scope)) = self.open.pop() else {
            return Err(document("an open element", "an end"));
        };
        self.bindings.truncate(scope);
        match self.open.last_mut() {
            Some((parent, _, _)) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), SoapError> {
        match self.open.last_mut() {
            Some((element, _, _)) => element.text.push_str(text),
            None if text.chars().all(is_space) => {}
            None => return Err(document("one element", "text beside it")),
        }
        Ok(())
    }

    /// Namespaces in XML 1.0 §3 and its constraints.
    fn bind(&mut self, key: &str, uri: &str) -> Result<(), SoapError> {
        let prefix = match key.strip_prefix("xmlns") {
            Some("") => "",
            Some(rest) => match rest.strip_prefix(':') {
                Some(prefix) => prefix,
                None => return Ok(()),
            },
            None => return Ok(()),
        };
        let reserved_uri = uri == XML_NS || uri == XMLNS_NS;
        let right = match prefix {
            "xml" => uri == XML_NS,
            "xmlns" => false,
            "" => !reserved_uri,
            _ => is_ncname(prefix) && !uri.is_empty() && !reserved_uri,
        };
        if !right {
            return Err(document("a lawful namespace declaration", key));
        }
        if self.bindings.len() >= BINDINGS_MAX {
            return Err(document(
                format!("at most {BINDINGS_MAX} namespace declarations"),
                key,
            ));
        }
        self.bindings.push((prefix.to_owned(), uri.to_owned()));
        Ok(())
    }

    fn resolve(&self, name: &str, element: bool) -> Result<(String, String), SoapError> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        if !is_ncname(local) || (name.contains(':') && !is_ncname(prefix)) {
            return Err(document("a qualified name", name));
        }
        if prefix == "xml" {
            return Ok((XML_NS.to_owned(), local.to_owned()));
        }
        // An attribute without prefix has no namespace (Namespaces in XML §6.2).
        if prefix.is_empty() && !element {
            return Ok((String::new(), local.to_owned()));
        }
        let bound = self.bindings.iter().rev().find(|(p, _)| p == prefix);
        match bound {
            Some((_, uri)) => Ok((uri.clone(), local.to_owned())),
            None if prefix.is_empty() => Ok((String::new(), local.to_owned())),
            None => Err(document("a declared prefix", name)),
        }
    }
}

fn str_of(bytes: &[u8]) -> Result<&str, SoapError> {
    std::str::from_utf8(bytes).map_err(|_| document("UTF-8", "other bytes"))
}

/// ASCII names only: ours are, and no other one is accepted in the end.
fn is_ncname(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// XML 1.0 §3.1: each attribute stands after white space, its value in quotes, and no `<` in it.
fn scan_attributes(mut rest: &str) -> Result<Vec<(String, String)>, SoapError> {
    let bad = |came: &str| document("name=\"value\"", came);
    let mut found: Vec<(String, String)> = Vec::new();
    loop {
        let trimmed = rest.trim_start_matches(is_space);
        if trimmed.is_empty() {
            return Ok(found);
        }
        if trimmed.len() == rest.len() {
            return Err(bad(rest));
        }
        let (name, after) = trimmed.split_once('=').ok_or_else(|| bad(trimmed))?;
        let name = name.trim_end_matches(is_space);
        let after = after.trim_start_matches(is_space);
        let quote = after
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
            .ok_or_else(|| bad(trimmed))?;
        let mut halves = after.splitn(3, quote).skip(1);
        let (Some(raw), Some(left)) = (halves.next(), halves.next()) else {
            return Err(bad(trimmed));
        };
        if found.iter().any(|(n, _)| n == name) {
            return Err(document("each attribute once", name));
        }
        if found.len() >= ATTRIBUTES_MAX {
            return Err(document(
                format!("at most {ATTRIBUTES_MAX} attributes"),
                name,
            ));
        }
        found.push((name.to_owned(), attribute_value(raw)?));
        rest = left;
    }
}

/// XML 1.0 §3.3.3: references resolved, literal white space to spaces.
fn attribute_value(raw: &str) -> Result<String, SoapError> {
    if raw.contains('<') {
        return Err(document("no < in an attribute", "one"));
    }
    let mut value = String::with_capacity(raw.len());
    let mut pieces = raw.split('&');
    let plain = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    value.push_str(&plain(pieces.next().unwrap_or_default()));
    for piece in pieces {
        let (name, after) = piece
            .split_once(';')
            .ok_or_else(|| document("&name;", piece))?;
        value.push(reference(name)?);
        value.push_str(&plain(after));
    }
    Ok(value)
}

/// A character reference or one of the five entities of XML 1.0 §4.6.
fn reference(name: &str) -> Result<char, SoapError> {
    let bad = || document("a character or one of lt gt amp quot apos", name);
    let code = match name {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => name.strip_prefix('#').ok_or_else(bad)?,
    };
    let (digits, radix) = match code.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (code, 10),
    };
    // from_str_radix would take a sign.
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(bad());
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|c| is_xml_char(*c))
        .ok_or_else(bad)
}

/// XML 1.0 §2.8: version, then encoding, then standalone. Only version 1.0 and UTF-8.
fn declaration(content: &str) -> Result<(), SoapError> {
    let rest = content.strip_prefix("xml").unwrap_or(content);
    let attributes = scan_attributes(rest)?;
    let order = ["version", "encoding", "standalone"];
    let mut at = 0;
    for (name, value) in &attributes {
        let found = order
            .iter()
            .skip(at)
            .position(|n| n == name)
            .ok_or_else(|| document("version, encoding, standalone", name))?;
        at += found + 1;
        let right = match name.as_str() {
            "version" => value == "1.0",
            "encoding" => value.eq_ignore_ascii_case("utf-8"),
            _ => value == "yes" || value == "no",
        };
        if !right {
            return Err(document("XML 1.0 in UTF-8", value));
        }
    }
    match attributes.first() {
        Some((name, _)) if name == "version" => Ok(()),
        _ => Err(document("an XML version", content)),
    }
}
