//! Test signals and how they are judged.

use realfft::RealFftPlanner;

/// What is judged: two seconds, which gives bins of half a hertz.
const SECONDS: usize = 2;

/// A tone of −10 dBFS (of a full-scale sine), frame by frame.
pub struct Tone {
    hertz: f32,
    rate: usize,
    position: usize,
}

impl Tone {
    pub fn new(hertz: u16) -> Self {
        Self::at_rate(hertz, 8_000)
    }

    pub fn at_rate(hertz: u16, rate: usize) -> Self {
        Self {
            hertz: hertz.into(),
            rate,
            position: 0,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "test signal"
    )]
    pub fn frame<const N: usize>(&mut self) -> [i16; N] {
        std::array::from_fn(|_| {
            let phase = (self.position % self.rate) as f32 / self.rate as f32
                * self.hertz
                * std::f32::consts::TAU;
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
        Self::at_rate(heard, 8_000)
    }

    pub fn at_rate(heard: &[i16], rate: usize) -> Self {
        let count = rate * SECONDS;
        let recent = &heard[heard.len() - count..];
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let mut windowed: Vec<f32> = recent
            .iter()
            .enumerate()
            .map(|(i, &s)| {
                let hann = 0.5 - 0.5 * (i as f32 / count as f32 * std::f32::consts::TAU).cos();
                f32::from(s) / 32_768.0 * hann
            })
            .collect();
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(count);
        let mut bins = fft.make_output_vec();
        fft.process(&mut windowed, &mut bins).unwrap();
        // A sine of full scale comes out as a quarter of the length under a Hann window.
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let full = count as f32 / 4.0;
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

    /// A tone of −10 dBFS came through with its level.
    pub fn assert_level(&self, hertz: u16) {
        let level = self.at(hertz);
        assert!((level + 10.0).abs() <= 1.0, "{hertz} Hz: {level} dBFS");
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
