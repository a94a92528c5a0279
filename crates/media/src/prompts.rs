//! The sentences shipped with the server, and the operator's own.

use std::collections::HashMap;
use std::sync::Arc;

use convoke_types::media::Prompt;
use media_core::g711::{self, Law};
use media_core::prompt::Clip;

/// Played when there is nothing in the language asked for.
const FALLBACK_LANGUAGE: &str = "en";

/// Made by `tools/make-prompts`: headerless µ-law at 8 kHz.
const SHIPPED: [(Prompt, &str, &[u8]); 4] = [
    (
        Prompt::PressOneToJoin,
        "en",
        include_bytes!("../prompts/press-one-to-join.en.ulaw"),
    ),
    (
        Prompt::PressOneToJoin,
        "de",
        include_bytes!("../prompts/press-one-to-join.de.ulaw"),
    ),
    (
        Prompt::Goodbye,
        "en",
        include_bytes!("../prompts/goodbye.en.ulaw"),
    ),
    (
        Prompt::Goodbye,
        "de",
        include_bytes!("../prompts/goodbye.de.ulaw"),
    ),
];

/// All sentences by language, coded.
#[derive(Debug)]
pub(crate) struct PromptBook {
    clips: HashMap<(Prompt, String), Arc<Clip>>,
    nothing: Arc<Clip>,
}

impl PromptBook {
    pub(crate) fn new(own: &HashMap<(Prompt, String), Vec<i16>>) -> Self {
        let mut clips = HashMap::new();
        for (prompt, language, codes) in SHIPPED {
            let mut samples = vec![0; codes.len()];
            g711::decode_into(Law::Mu, codes, &mut samples);
            clips.insert((prompt, language.to_owned()), Arc::new(Clip::new(&samples)));
        }
        for ((prompt, language), samples) in own {
            clips.insert(
                (*prompt, language.to_ascii_lowercase()),
                Arc::new(Clip::new(samples)),
            );
        }
        Self {
            clips,
            nothing: Arc::new(Clip::new(&[])),
        }
    }

    /// The sentence in this language, else in the language without its region (RFC 4647 §3.4), else in English.
    pub(crate) fn find(&self, prompt: Prompt, language: &str) -> Arc<Clip> {
        let wanted = language.to_ascii_lowercase();
        let mut tag = wanted.as_str();
        loop {
            if let Some(clip) = self.clips.get(&(prompt, tag.to_owned())) {
                return Arc::clone(clip);
            }
            match tag.rsplit_once('-') {
                Some((shorter, _)) => tag = shorter,
                None if tag == FALLBACK_LANGUAGE => return Arc::clone(&self.nothing),
                None => tag = FALLBACK_LANGUAGE,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_fall_back_and_the_operators_own_come_first() {
        let own = HashMap::from([((Prompt::Goodbye, "de-AT".to_owned()), vec![5_000; 320])]);
        let book = PromptBook::new(&own);
        let frames = |prompt, language| book.find(prompt, language).frames();
        assert_eq!(frames(Prompt::Goodbye, "de-at"), 2);
        assert_eq!(
            frames(Prompt::Goodbye, "de-CH"),
            frames(Prompt::Goodbye, "de")
        );
        assert_eq!(
            frames(Prompt::PressOneToJoin, "fr-FR"),
            frames(Prompt::PressOneToJoin, "en")
        );
        assert_ne!(frames(Prompt::Goodbye, "de"), frames(Prompt::Goodbye, "en"));
        for language in ["en", "de"] {
            // Between one and ten seconds long, and no silence.
            assert!((50..500).contains(&frames(Prompt::PressOneToJoin, language)));
            assert!((50..500).contains(&frames(Prompt::Goodbye, language)));
        }
        for (_, _, codes) in SHIPPED {
            assert!(g711::mean_square(Law::Mu, codes) > 100_000);
        }
    }
}
