//! A server process: started on its core, at rest while another is measured, stopped at the end.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

use crate::cores;
use crate::cores::Cores;

/// It rests when it uses less than `QUIET` of the processor in the time `LOOK`.
const LOOK: Duration = Duration::from_millis(250);
const QUIET: Duration = Duration::from_millis(3);

/// A running server.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts `command` on the servers' core.
    pub fn start(mut command: Command, cores: Cores) -> io::Result<Self> {
        // A child inherits the cores of the thread that starts it.
        cores::pin(cores.servers)?;
        let child = command.spawn();
        cores::pin(cores.generator)?;
        Ok(Self { child: child? })
    }

    /// Waits until it has nothing more to do in the background, where it begins that within `longest`.
    pub async fn rest(&self, longest: Duration) -> io::Result<()> {
        tokio::time::sleep(longest).await;
        for _ in 0..100 {
            let before = self.cpu()?;
            tokio::time::sleep(LOOK).await;
            if self.cpu()?.saturating_sub(before) < QUIET {
                return Ok(());
            }
        }
        Err(io::Error::other("it does not come to rest"))
    }

    /// The processor time that all its threads, and its children, have used so far.
    pub fn cpu(&self) -> io::Result<Duration> {
        family(self.child.id())?.iter().map(|id| cpu_of(*id)).sum()
    }

    /// Its resident memory, with its children's, in bytes.
    pub fn resident(&self) -> io::Result<u64> {
        family(self.child.id())?
            .iter()
            .map(|id| resident_of(*id))
            .sum()
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        for id in family(self.child.id())? {
            let id = i32::try_from(id).ok().and_then(Pid::from_raw);
            let id = id.ok_or_else(|| io::Error::other("no such process"))?;
            kill_process(id, signal)?;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.signal(Signal::TERM);
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process and those that it started.
fn family(id: u32) -> io::Result<Vec<u32>> {
    let mut members = vec![id];
    let mut next = 0;
    while next < members.len() {
        for task in fs::read_dir(format!("/proc/{}/task", members[next]))? {
            let children = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
            members.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
        }
        next += 1;
    }
    Ok(members)
}

/// The sum of what the scheduler counted for each thread, in nanoseconds.
fn cpu_of(id: u32) -> io::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{id}/task"))? {
        let counted = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let on_core = counted.split_whitespace().next();
        nanos += on_core
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

fn resident_of(id: u32) -> io::Result<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes = kilobytes.and_then(|text| text.parse::<u64>().ok());
    Ok(kilobytes.ok_or_else(|| io::Error::other("no VmRSS"))? * 1024)
}
