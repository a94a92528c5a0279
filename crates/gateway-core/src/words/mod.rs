//! Plain words, for people with any IM client: what they may say (`parse`) and what they are told (`speak`).

pub mod parse;
pub mod speak;

/// The languages that the gateway speaks. The first word of a command chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }
    /// By BCP 47 tag; English for any other.
    pub fn of(tag: &str) -> Self {
        if tag.eq_ignore_ascii_case("de") {
            Language::German
        } else {
            Language::English
        }
    }
    pub(crate) fn choose<T>(self, english: T, german: T) -> T {
        match self {
            Language::English => english,
            Language::German => german,
        }
    }
}
