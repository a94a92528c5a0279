//! What the telephones heard, judged.

use std::time::Duration;

use phones::Ear;
use runtime::clock;

use super::cast::{Cast, TONES, Tone};
use super::spectrum::{Spectrum, WINDOW_SAMPLES};

/// How far others must stand over the median bin, in decibels.
const OTHERS_OVER_MEDIAN_DB: f64 = 20.0;
/// How loud one's own tone, or a muted one, may at most be.
const ABSENT_MAX_DBFS: f64 = -50.0;
/// How long two seconds of sound may take to arrive.
const LISTEN_LIMIT: Duration = Duration::from_secs(6);
/// How often is looked whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Sound left out before a judgement, so that what was under way before a change has passed: 0.3 s.
const SETTLE_SAMPLES: u64 = 2_400;

/// What each telephone of `TONES` heard in the two seconds that follow, in that order.
pub async fn listen(cast: &Cast, who: &[&Tone]) -> Result<Vec<Spectrum>, String> {
    let mut ears: Vec<(Ear, u64)> = Vec::new();
    for tone in who {
        let ear = cast.ear(tone.number)?;
        let from = ear.position() + SETTLE_SAMPLES;
        ears.push((ear, from));
    }
    let all = async {
        let mut spectra = Vec::new();
        for (ear, from) in &ears {
            let samples = loop {
                match ear.samples(*from, WINDOW_SAMPLES) {
                    Some(samples) => break samples,
                    None => clock::sleep(LOOK_EVERY).await,
                }
            };
            spectra.push(Spectrum::of(&samples));
        }
        spectra
    };
    clock::within(LISTEN_LIMIT, all)
        .await
        .map_err(|_| "two seconds of sound did not arrive in time".to_owned())
}

/// Every telephone hears all the others.
pub fn others(spectra: &[Spectrum]) -> Result<String, String> {
    let mut weakest = f64::INFINITY;
    for (ear, spectrum) in TONES.iter().zip(spectra) {
        for tone in TONES.iter().filter(|tone| tone.user != ear.user) {
            let over = spectrum.tone_dbfs(tone.hz) - spectrum.median_dbfs();
            if over < OTHERS_OVER_MEDIAN_DB {
                return Err(format!(
                    "{} hears {} only {over:.1} dB over the median bin",
                    ear.user, tone.user
                ));
            }
            weakest = weakest.min(over);
        }
    }
    Ok(format!(
        "the weakest stands {weakest:.1} dB over the median bin"
    ))
}

/// Nobody hears themselves.
pub fn not_self(spectra: &[Spectrum]) -> Result<String, String> {
    let mut loudest = f64::NEG_INFINITY;
    for (ear, spectrum) in TONES.iter().zip(spectra) {
        let own = spectrum.tone_dbfs(ear.hz);
        if own > ABSENT_MAX_DBFS {
            return Err(format!("{} hears themselves at {own:.1} dBFS", ear.user));
        }
        loudest = loudest.max(own);
    }
    Ok(format!("one's own is at most {loudest:.1} dBFS"))
}

/// A muted person is not heard, the rest goes on.
pub fn muted(
    ear: &Tone,
    spectrum: &Spectrum,
    muted: &Tone,
    still: &Tone,
) -> Result<String, String> {
    let absent = spectrum.tone_dbfs(muted.hz);
    let present = spectrum.tone_dbfs(still.hz) - spectrum.median_dbfs();
    if absent > ABSENT_MAX_DBFS {
        return Err(format!(
            "{} hears {} at {absent:.1} dBFS although muted",
            ear.user, muted.user
        ));
    }
    if present < OTHERS_OVER_MEDIAN_DB {
        return Err(format!(
            "{} hears {} only {present:.1} dB over the median bin",
            ear.user, still.user
        ));
    }
    Ok(format!("{} at {absent:.1} dBFS", muted.user))
}
