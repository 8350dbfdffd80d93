//! Middles, and whether two of them differ.

/// The value in the middle; of an even number the upper one.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that the share `quantile` of all stays within.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position among counted values"
)]
pub fn quantile(values: &[f64], quantile: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let position = (values.len() as f64 * quantile) as usize;
    let last = values.len().saturating_sub(1);
    values.get(position.min(last)).copied().unwrap_or(f64::NAN)
}

/// The least and the greatest.
pub fn range(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, greatest)
}

/// How far the means of two samples are apart, in units of what chance makes of them (Welch's t).
///
/// Of both together the slowest twentieth is left out: what the machine did meanwhile would hide more
/// than it tells.
pub fn welch_t(one: &[f64], other: &[f64]) -> f64 {
    let longest = quantile(&[one, other].concat(), 0.95);
    let within = |values: &[f64]| {
        let kept = values.iter().copied().filter(|value| *value <= longest);
        kept.collect::<Vec<_>>()
    };
    let (one, other) = (within(one), within(other));
    let spread = variance(&one) / count(&one) + variance(&other) / count(&other);
    (mean(&one) - mean(&other)) / spread.sqrt()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values)
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2));
    squares.sum::<f64>() / (count(values) - 1.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn count(values: &[f64]) -> f64 {
    values.len() as f64
}

/// Numbers in no order that a server could have got used to, the same in every run (`SplitMix64`).
#[derive(Default)]
pub struct Mixer(u64);

impl Mixer {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Puts them into another order, each as likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let choice = self.next() % (last as u64 + 1);
            items.swap(last, usize::try_from(choice).unwrap_or(0));
        }
    }
}
