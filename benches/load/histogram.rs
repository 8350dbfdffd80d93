//! Latencies, counted in buckets that are at most 1.6 % wide.

use std::time::Duration;

/// Each power of two of nanoseconds has this many buckets.
const SUB_BUCKETS: u64 = 64;

/// How often each latency occurred.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self {
            counts: vec![0; 64 * 64],
            total: 0,
        }
    }

    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (own, others) in self.counts.iter_mut().zip(&other.counts) {
            *own += others;
        }
        self.total += other.total;
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// The latency that the share `quantile` of all stays within, in microseconds.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a position among counted latencies"
    )]
    pub fn micros_at(&self, quantile: f64) -> f64 {
        let position = (self.total as f64 * quantile).ceil().max(1.0) as u64;
        let mut below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= position {
                return upper_end(bucket as u64) as f64 / 1_000.0;
            }
        }
        0.0
    }
}

#[expect(clippy::cast_possible_truncation, reason = "less than 64 * 64")]
fn bucket(nanos: u64) -> usize {
    if nanos < SUB_BUCKETS {
        return nanos as usize;
    }
    let shift = u64::from(nanos.ilog2()) - 6;
    ((shift + 1) * SUB_BUCKETS + (nanos >> shift) - SUB_BUCKETS) as usize
}

fn upper_end(bucket: u64) -> u64 {
    if bucket < SUB_BUCKETS {
        return bucket;
    }
    let shift = bucket / SUB_BUCKETS - 1;
    (((bucket % SUB_BUCKETS) + SUB_BUCKETS + 1) << shift) - 1
}
