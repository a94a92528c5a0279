//! Test signals and how they are judged.

use media_core::FRAME_SAMPLES;
use realfft::RealFftPlanner;

/// Samples of two seconds: bins of half a hertz.
const FFT_SAMPLES: usize = 16_000;

/// A tone of −10 dBFS (of a full-scale sine), frame by frame.
pub struct Tone {
    hertz: f32,
    position: usize,
}

impl Tone {
    pub fn new(hertz: u16) -> Self {
        Self {
            hertz: hertz.into(),
            position: 0,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "test signal"
    )]
    pub fn frame(&mut self) -> [i16; FRAME_SAMPLES] {
        std::array::from_fn(|_| {
            let phase =
                (self.position % 8_000) as f32 / 8_000.0 * self.hertz * std::f32::consts::TAU;
            self.position += 1;
            (32_767.0 * 10_f32.powf(-0.5) * phase.sin()) as i16
        })
    }
}

/// What a telephone heard in the last two seconds, by a Hann FFT, in dBFS of a full-scale sine.
pub struct Spectrum {
    dbfs: Vec<f32>,
}

impl Spectrum {
    pub fn of(heard: &[i16]) -> Self {
        let recent = &heard[heard.len() - FFT_SAMPLES..];
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let mut windowed: Vec<f32> = recent
            .iter()
            .enumerate()
            .map(|(i, &s)| {
                let hann =
                    0.5 - 0.5 * (i as f32 / FFT_SAMPLES as f32 * std::f32::consts::TAU).cos();
                f32::from(s) / 32_768.0 * hann
            })
            .collect();
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(FFT_SAMPLES);
        let mut bins = fft.make_output_vec();
        fft.process(&mut windowed, &mut bins).unwrap();
        // A sine of full scale comes out as a quarter of the length under a Hann window.
        let full = 16_000.0 / 4.0;
        Self {
            dbfs: bins
                .iter()
                .map(|b| 20.0 * (b.norm() / full + 1e-9).log10())
                .collect(),
        }
    }

    /// The strongest bin within 2 Hz.
    pub fn at(&self, hertz: u16) -> f32 {
        let bin = usize::from(hertz) * 2;
        self.dbfs[bin - 4..=bin + 4]
            .iter()
            .copied()
            .fold(-200.0, f32::max)
    }

    pub fn median(&self) -> f32 {
        let mut sorted = self.dbfs.clone();
        sorted.sort_by(f32::total_cmp);
        sorted[sorted.len() / 2]
    }

    pub fn assert_heard(&self, hertz: u16) {
        let (level, median) = (self.at(hertz), self.median());
        assert!(
            level >= median + 20.0 && level > -30.0,
            "{hertz} Hz: {level} over {median}"
        );
    }

    pub fn assert_not_heard(&self, hertz: u16) {
        assert!(self.at(hertz) <= -50.0, "{hertz} Hz: {}", self.at(hertz));
    }
}

/// The longest run of samples quieter than −40 dBFS or so, in milliseconds.
pub fn longest_gap_ms(samples: &[i16]) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for &sample in samples {
        run = if sample.unsigned_abs() < 300 {
            run + 1
        } else {
            0
        };
        longest = longest.max(run);
    }
    longest / 8
}
