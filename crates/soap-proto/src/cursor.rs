//! Walks the children of an element in the order of the schema's `sequence`.

use crate::error::SoapError;
use crate::names::{ACTOR_NEXT, Ns};
use crate::xml::{Element, is_space};

/// The children of one element, from the first not yet taken.
pub(crate) struct Cursor<'a> {
    parent: &'a Element,
    path: String,
    next: usize,
}

impl<'a> Cursor<'a> {
    /// An element with element content: no attributes, no text but white space.
    pub(crate) fn new(parent: &'a Element, path: &str) -> Result<Self, SoapError> {
        no_attributes(parent, path)?;
        Self::without_text(parent, path)
    }

    fn without_text(parent: &'a Element, path: &str) -> Result<Self, SoapError> {
        if !parent.text.chars().all(is_space) {
            return Err(SoapError::new(
                path,
                "no text between elements",
                parent.text.trim(),
            ));
        }
        Ok(Self {
            parent,
            path: path.to_owned(),
            next: 0,
        })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The next child if it has this name.
    pub(crate) fn take(&mut self, ns: &Ns, local: &str) -> Option<&'a Element> {
        let child = self.parent.children.get(self.next)?;
        if child.ns == *ns && child.local == local {
            self.next += 1;
            Some(child)
        } else {
            None
        }
    }

    /// The next child whatever it is called.
    pub(crate) fn any(&mut self, expected: &str) -> Result<&'a Element, SoapError> {
        let child = self
            .parent
            .children
            .get(self.next)
            .ok_or_else(|| self.missing(expected))?;
        self.next += 1;
        Ok(child)
    }

    pub(crate) fn missing(&self, expected: &str) -> SoapError {
        let came = self
            .parent
            .children
            .get(self.next)
            .map_or_else(|| "nothing more".to_owned(), Element::shown);
        SoapError::new(&self.path, expected, came)
    }

    /// A child of ours that must be there, to be walked in its turn.
    pub(crate) fn block(&mut self, local: &str) -> Result<Cursor<'a>, SoapError> {
        self.optional_block(local)?
            .ok_or_else(|| self.missing(&format!("c:{local}")))
    }

    /// A child of ours that may be there.
    pub(crate) fn optional_block(&mut self, local: &str) -> Result<Option<Cursor<'a>>, SoapError> {
        match self.take(&Ns::Conference, local) {
            Some(child) => Cursor::new(child, &self.below(child)).map(Some),
            None => Ok(None),
        }
    }

    /// A leaf of ours that must be there.
    pub(crate) fn leaf<T>(
        &mut self,
        local: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, SoapError> {
        self.named_leaf(&Ns::Conference, local, expected, read)?
            .ok_or_else(|| self.missing(&format!("c:{local}")))
    }

    /// A leaf of ours that may be there.
    pub(crate) fn optional<T>(
        &mut self,
        local: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, SoapError> {
        self.named_leaf(&Ns::Conference, local, expected, read)
    }

    /// A leaf of WS-Addressing that must be there.
    pub(crate) fn wsa_leaf<T>(
        &mut self,
        local: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, SoapError> {
        self.named_leaf(&Ns::Wsa, local, expected, read)?
            .ok_or_else(|| self.missing(&format!("a:{local}")))
    }

    /// A leaf that may be there.
    pub(crate) fn named_leaf<T>(
        &mut self,
        ns: &Ns,
        local: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, SoapError> {
        match self.take(ns, local) {
            Some(child) => Self::lone_leaf(child, &self.below(child), expected, read).map(Some),
            None => Ok(None),
        }
    }

    /// A leaf that was found already.
    pub(crate) fn lone_leaf<T>(
        child: &Element,
        path: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, SoapError> {
        no_attributes(child, path)?;
        leaf_value(child, path, expected, read)
    }

    /// An element of ours without any content (`<c:created/>`): the schema's empty type has not even white space.
    pub(crate) fn empty(child: &Element, path: &str) -> Result<(), SoapError> {
        no_attributes(child, path)?;
        match (child.children.first(), child.text.is_empty()) {
            (None, true) => Ok(()),
            (Some(inner), _) => Err(SoapError::new(path, "an empty element", inner.shown())),
            (None, false) => Err(SoapError::new(path, "an empty element", "text")),
        }
    }

    /// A header block that is a leaf; `s:mustUnderstand` is allowed on it (SOAP 1.1 §4.2.3).
    pub(crate) fn header_leaf<T>(
        &self,
        block: &Element,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, SoapError> {
        let path = self.below(block);
        must_understand_only(block, &path)?;
        leaf_value(block, &path, expected, read)
    }

    /// A header block with elements in it.
    pub(crate) fn header_block(&self, block: &'a Element) -> Result<Cursor<'a>, SoapError> {
        let path = self.below(block);
        must_understand_only(block, &path)?;
        Cursor::without_text(block, &path)
    }

    /// No child may be left.
    pub(crate) fn finish(&self) -> Result<(), SoapError> {
        match self.parent.children.get(self.next) {
            None => Ok(()),
            Some(child) => Err(SoapError::new(
                &self.path,
                "nothing more here",
                child.shown(),
            )),
        }
    }

    pub(crate) fn below(&self, child: &Element) -> String {
        format!("{}/{}", self.path, child.shown())
    }
}

fn leaf_value<T>(
    child: &Element,
    path: &str,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, SoapError> {
    if let Some(inner) = child.children.first() {
        return Err(SoapError::new(path, expected, inner.shown()));
    }
    read(&child.text).ok_or_else(|| SoapError::new(path, expected, &child.text))
}

fn no_attributes(element: &Element, path: &str) -> Result<(), SoapError> {
    match element.attributes.first() {
        None => Ok(()),
        Some(a) => Err(SoapError::new(
            path,
            "no attribute",
            format!("{}{}", a.ns.prefix(), a.local),
        )),
    }
}

/// Whether a header block has to be understood by us: SOAP 1.1 §4.2.3, unless its actor is somebody else (§4.2.2).
pub(crate) fn must_be_understood(block: &Element) -> bool {
    let value = |local: &str| {
        let mut of = block.attributes.iter();
        of.find(|a| a.ns == Ns::Soap && a.local == local)
            .map(|a| a.value.trim())
    };
    let is_ours = value("actor").is_none_or(|actor| actor.is_empty() || actor == ACTOR_NEXT);
    is_ours && value("mustUnderstand") == Some("1")
}

fn must_understand_only(element: &Element, path: &str) -> Result<(), SoapError> {
    for a in &element.attributes {
        let known = a.ns == Ns::Soap && a.local == "mustUnderstand";
        // SOAP 1.1 §4.2.3: the value is either "1" or "0".
        if !known || !(a.value == "0" || a.value == "1") {
            return Err(SoapError::new(
                path,
                "no attribute but s:mustUnderstand of 0 or 1",
                format!("{}{}", a.ns.prefix(), a.local),
            ));
        }
    }
    Ok(())
}
