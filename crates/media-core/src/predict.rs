//! Linear prediction by Burg's method, to carry a sound on beyond where it ends.
//!
//! The order is high enough to span a pitch period of most voices, so that pitch and sound of the voice are both in the
//! coefficients, and what follows is neither cut to whole periods nor a plain repetition.

/// Coefficients: 10 ms.
pub(crate) const ORDER: usize = 80;
/// Samples that are looked at, at most: 20 ms.
pub(crate) const LONGEST: usize = 160;
/// Sums are kept in so many parts, for the processor to work on at once.
const LANES: usize = 8;

/// Each sample is about the sum of these times those before it, the nearest one last.
pub(crate) type Coefficients = [f32; ORDER];

/// The coefficients that predict `samples` (the last [`LONGEST`] of them) best, forwards and backwards. Where the samples
/// are fewer than twice the order, a lower order is used.
pub(crate) fn coefficients(samples: &[f32]) -> Coefficients {
    let samples = &samples[samples.len().saturating_sub(LONGEST)..];
    let count = samples.len();
    // Errors of the prediction forwards and backwards; `backward[i]` belongs to `forward[i + stage + 1]`.
    let (mut forward, mut backward) = ([0.0_f32; LONGEST], [0.0_f32; LONGEST]);
    forward[..count].copy_from_slice(samples);
    backward[..count].copy_from_slice(samples);
    // Nearest first while they are being found.
    let mut found = [0.0_f32; ORDER];
    for stage in 0..ORDER.min(count / 2) {
        let forward = &mut forward[stage + 1..count];
        let backward = &mut backward[..count - stage - 1];
        let (alike, power) = (dot(forward, backward), squares(forward) + squares(backward));
        let reflection = 2.0 * alike / (power + 1.0);
        for (f, b) in forward.iter_mut().zip(backward.iter_mut()) {
            (*f, *b) = (*f - reflection * *b, *b - reflection * *f);
        }
        let before = found;
        for (i, coefficient) in found[..stage].iter_mut().enumerate() {
            *coefficient -= reflection * before[stage - 1 - i];
        }
        found[stage] = reflection;
    }
    found.reverse();
    found
}

/// Carries on in `samples` from `from`, where at least [`ORDER`] samples lie before.
pub(crate) fn carry_on(coefficients: &Coefficients, samples: &mut [f32], from: usize) {
    for at in from..samples.len() {
        samples[at] = dot(coefficients, &samples[at - ORDER..at]);
    }
}

fn squares(a: &[f32]) -> f32 {
    dot(a, a)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (mut a, mut b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (a, b) in a.by_ref().zip(b.by_ref()) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    let rest = a.remainder().iter().zip(b.remainder());
    sums.iter().sum::<f32>() + rest.map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_precision_loss, reason = "test signal")]
    fn voice(k: usize) -> f32 {
        let phase = k as f32 / 57.3 * std::f32::consts::TAU;
        (1..8)
            .map(|harmonic| 4_000.0 / harmonic as f32 * (phase * harmonic as f32).cos())
            .sum()
    }

    #[test]
    fn a_steady_voice_is_carried_on_in_phase() {
        let mut samples: Vec<f32> = (0..LONGEST + 160).map(voice).collect();
        samples[LONGEST..].fill(0.0);
        let coefficients = coefficients(&samples[..LONGEST]);
        carry_on(&coefficients, &mut samples, LONGEST);
        let error = |k: usize| (samples[k] - voice(k)).powi(2);
        let errors: f32 = (LONGEST..LONGEST + 80).map(error).sum();
        let power: f32 = (LONGEST..LONGEST + 80).map(|k| voice(k).powi(2)).sum();
        assert!(errors < power / 20.0, "{errors} of {power}");
    }

    #[test]
    fn nothing_grows_without_bound() {
        // Full-scale squares, clipped noise, silence, an impulse: what is hardest to predict.
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 31 == 0 {
                32_000.0
            } else {
                -32_000.0
            }
        };
        let square = |k: usize| if k % 40 < 20 { 32_000.0 } else { -32_000.0 };
        let signals: [Vec<f32>; 5] = [
            (0..LONGEST).map(square).collect(),
            (0..LONGEST).map(|_| noise()).collect(),
            vec![0.0; LONGEST],
            vec![32_000.0; LONGEST],
            (0..LONGEST)
                .map(|k| if k == 130 { 32_000.0 } else { 0.0 })
                .collect(),
        ];
        for mut samples in signals {
            for count in [80, LONGEST] {
                let coefficients = coefficients(&samples[..count]);
                samples.resize(LONGEST + 320, 0.0);
                carry_on(&coefficients, &mut samples, LONGEST);
                assert!(samples.iter().all(|s| s.abs() < 200_000.0));
                samples.truncate(LONGEST);
            }
        }
    }
}
