//! What somebody's devices can do (RFC 3840), as it is told in presence (RFC 5196): the union of what they registered and published. Of what no
//! device says anything, nothing is said.

use std::collections::BTreeSet;

use sip_proto::NameAddr;
use sip_proto::text::unquote;

/// The namespace.
pub(crate) const CAPS: &str = "urn:ietf:params:xml:ns:pidf:caps";

/// A kind of content or behaviour that a device has or has not (RFC 3840 §10, RFC 4569).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Streams of applications.
    Application,
    /// Sound.
    Audio,
    /// Nobody sits there: a voicemail, a recorder.
    Automata,
    /// Control of other streams.
    Control,
    /// Data.
    Data,
    /// It is the focus of a conference.
    IsFocus,
    /// Sessions of messages (MSRP).
    Message,
    /// Text, letter by letter.
    Text,
    /// Pictures.
    Video,
}

impl Feature {
    /// In the order of the schema of RFC 5196.
    const ALL: [Self; 9] = [
        Self::Application,
        Self::Audio,
        Self::Automata,
        Self::Control,
        Self::Data,
        Self::IsFocus,
        Self::Message,
        Self::Text,
        Self::Video,
    ];

    /// The element's name, which is the parameter's too but for `message`.
    fn word(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Audio => "audio",
            Self::Automata => "automata",
            Self::Control => "control",
            Self::Data => "data",
            Self::IsFocus => "isfocus",
            Self::Message => "message",
            Self::Text => "text",
            Self::Video => "video",
        }
    }

    /// The parameter of a Contact: base tags as they are (RFC 3840 §9), the others with a plus.
    fn param(self) -> &'static str {
        match self {
            Self::Message => "+sip.message",
            base => base.word(),
        }
    }

    pub(crate) fn of_element(name: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|feature| feature.word().as_bytes() == name)
    }
}

/// The methods that the schema of RFC 5196 names, in its order; others are left out.
const METHODS: [&str; 14] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];

/// What a device, or several together, can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceCaps {
    has: BTreeSet<Feature>,
    /// Those that some device says it has not, and none that it has.
    lacks: BTreeSet<Feature>,
    methods: BTreeSet<&'static str>,
}

impl ServiceCaps {
    /// What a Contact says (RFC 3840 §5): a tag without value is true.
    pub fn of_contact(contact: &NameAddr) -> Self {
        let mut caps = Self::default();
        for feature in Feature::ALL {
            if let Some(value) = contact.param(feature.param()) {
                caps.set(feature, is_true(value));
            }
        }
        if let Some(methods) = contact.param("methods") {
            for method in unquote(methods).split(',') {
                caps.add_method(method.trim().as_bytes());
            }
        }
        caps
    }

    /// Whether it is known to have it; `None`: nothing is said.
    pub fn get(&self, feature: Feature) -> Option<bool> {
        let has = self.has.contains(&feature);
        (has || self.lacks.contains(&feature)).then_some(has)
    }

    /// The methods that it takes, as far as the schema names them.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.methods.iter().copied()
    }

    /// Says that it has it, or has not. What one device has, the person has.
    pub fn set(&mut self, feature: Feature, on: bool) {
        if on {
            self.lacks.remove(&feature);
            self.has.insert(feature);
        } else if !self.has.contains(&feature) {
            self.lacks.insert(feature);
        }
    }

    pub(crate) fn add_method(&mut self, name: &[u8]) {
        let mut all = METHODS.into_iter();
        self.methods
            .extend(all.find(|method| method.as_bytes().eq_ignore_ascii_case(name)));
    }

    /// Takes in what another device can.
    pub(crate) fn add(&mut self, other: &Self) {
        for feature in Feature::ALL {
            if let Some(on) = other.get(feature) {
                self.set(feature, on);
            }
        }
        self.methods.extend(&other.methods);
    }

    /// Writes the element; nothing where nothing is said.
    pub(crate) fn write(&self, out: &mut String) {
        if *self == Self::default() {
            return;
        }
        out.push_str(&format!("<caps:servcaps xmlns:caps=\"{CAPS}\">"));
        for feature in Feature::ALL {
            // Between these two the schema has them.
            if feature == Feature::Text {
                self.write_methods(out);
            }
            if let Some(on) = self.get(feature) {
                let word = feature.word();
                out.push_str(&format!("<caps:{word}>{on}</caps:{word}>"));
            }
        }
        out.push_str("</caps:servcaps>");
    }

    fn write_methods(&self, out: &mut String) {
        if self.methods.is_empty() {
            return;
        }
        out.push_str("<caps:methods><caps:supported>");
        for method in &self.methods {
            out.push_str(&format!("<caps:{method}/>"));
        }
        out.push_str("</caps:supported></caps:methods>");
    }
}

/// The value of a boolean tag (RFC 3840 §9): none, or `"TRUE"`.
pub(crate) fn is_true(value: &str) -> bool {
    !unquote(value).trim().eq_ignore_ascii_case("FALSE")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(params: &str) -> ServiceCaps {
        ServiceCaps::of_contact(&NameAddr::parse(format!("<sip:bob@192.0.2.1>{params}")).unwrap())
    }

    fn written(caps: &ServiceCaps) -> String {
        let mut out = String::new();
        caps.write(&mut out);
        out
    }

    #[test]
    fn what_a_contact_says_is_told_in_the_order_of_the_schema() {
        let caps = of(
            ";video;text;audio=\"TRUE\";automata=\"FALSE\";methods=\"INVITE, ack,FROB\";+sip.message",
        );
        assert_eq!(
            written(&caps),
            format!(
                "<caps:servcaps xmlns:caps=\"{CAPS}\"><caps:audio>true</caps:audio><caps:automata>false</caps:automata>\
                 <caps:message>true</caps:message><caps:methods><caps:supported><caps:ACK/><caps:INVITE/></caps:supported>\
                 </caps:methods><caps:text>true</caps:text><caps:video>true</caps:video></caps:servcaps>"
            )
        );
        assert_eq!(written(&of(";expires=60")), "", "nothing is said");
    }

    #[test]
    fn what_one_device_has_the_person_has() {
        let mut both = of(";audio;video=\"FALSE\";methods=\"MESSAGE\"");
        both.add(&of(
            ";audio=\"FALSE\";video;text=\"FALSE\";methods=\"INVITE\"",
        ));
        assert_eq!(both.get(Feature::Audio), Some(true));
        assert_eq!(both.get(Feature::Video), Some(true));
        assert_eq!(both.get(Feature::Text), Some(false));
        assert_eq!(both.get(Feature::Data), None);
        assert_eq!(both.methods().collect::<Vec<_>>(), ["INVITE", "MESSAGE"]);
    }
}
