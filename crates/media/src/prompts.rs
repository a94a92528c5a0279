//! The sentences shipped with the server, and the operator's own.

use std::collections::HashMap;
use std::sync::Arc;

use convoke_types::media::Prompt;
use media_core::g711::{self, Law};
use media_core::prompt::Clip;

/// Played when there is nothing in the language asked for.
const FALLBACK_LANGUAGE: &str = "en";

macro_rules! shipped {
    ($(($prompt:ident, $name:literal)),+ $(,)?) => {
        [$(
            (Prompt::$prompt, "en", include_bytes!(concat!("../prompts/", $name, ".en.ulaw"))),
            (Prompt::$prompt, "de", include_bytes!(concat!("../prompts/", $name, ".de.ulaw"))),
        )+]
    };
}

/// Made by `tools/make-prompts`: headerless µ-law at 8 kHz.
const SHIPPED: [(Prompt, &str, &[u8]); 2 * Prompt::ALL.len()] = shipped!(
    (PressOneToJoin, "press-one-to-join"),
    (Goodbye, "goodbye"),
    (Muted, "muted"),
    (Unmuted, "unmuted"),
    (MutedByModerator, "muted-by-moderator"),
    (HandUp, "hand-up"),
    (HandDown, "hand-down"),
    (KeyHelp, "key-help"),
);

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
            for prompt in Prompt::ALL {
                // Between one and ten seconds long, and no silence.
                let long = frames(prompt, language);
                assert!((50..500).contains(&long), "{prompt:?} {language}: {long}");
            }
        }
        for (_, _, codes) in SHIPPED {
            assert!(g711::mean_square(Law::Mu, codes) > 100_000);
        }
    }
}
