//! Which core runs what.

use std::io;

use rustix::thread::CpuSet;
use rustix::thread::sched_getaffinity;
use rustix::thread::sched_setaffinity;

/// The two cores of a run.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// Where the servers run, one at a time.
    pub servers: usize,
    /// Where the load is made.
    pub generator: usize,
}

impl Cores {
    /// The first two that this process may use.
    pub fn choose() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        match (allowed.next(), allowed.next()) {
            (Some(servers), Some(generator)) => Ok(Self { servers, generator }),
            _ => Err(io::Error::other("a load run needs two cores")),
        }
    }
}

/// Pins this thread, and what it starts from now on, to one core.
pub fn pin(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}
