//! Lines on their way to a writer that may be slow.

use std::io;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait; more are dropped.
const LINES: usize = 8192;

/// Bytes that are gathered into one write.
const BATCH_BYTES: usize = 64 * 1024;

/// How long the end of the process may wait for lines to be written.
const FLUSH: Duration = Duration::from_secs(1);

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// A bounded queue of lines and the thread that writes them.
pub(super) struct Queue {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Queue {
    /// Starts a thread that writes to `output`.
    pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let gap = Arc::clone(&dropped);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&receiver, &gap, output))?;
        Ok(Self { sender, dropped })
    }

    /// A writer that puts each write into the queue as one line.
    pub(super) fn writer(&self) -> QueueWriter {
        QueueWriter {
            sender: self.sender.clone(),
            dropped: Arc::clone(&self.dropped),
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let (done, flushed) = mpsc::sync_channel(1);
        // When the queue is full its reader is stuck, and waiting for it would help nobody.
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(FLUSH);
        }
    }
}

/// The end of the queue that lines are put into; it never waits.
#[derive(Clone)]
pub(super) struct QueueWriter {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Write for QueueWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Message::Line(line.to_vec())) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for QueueWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Writes what comes until every sender is gone.
fn write_lines(messages: &Receiver<Message>, dropped: &AtomicU64, mut output: impl Write) {
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    while let Ok(first) = messages.recv() {
        let mut waiting = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => batch.extend_from_slice(&line),
                Message::Flush(done) => waiting.push(done),
            }
            next = (batch.len() < BATCH_BYTES)
                .then(|| messages.try_recv().ok())
                .flatten();
        }
        let gap = dropped.swap(0, Ordering::Relaxed);
        if gap > 0 {
            let _ = writeln!(batch, "{{\"level\":\"warn\",\"dropped_lines\":{gap}}}");
        }
        // Nobody is left to tell when standard error itself fails.
        let _ = output.write_all(&batch).and_then(|()| output.flush());
        batch.clear();
        for done in waiting {
            let _ = done.try_send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// An output whose first write waits until the test lets it go.
    #[derive(Clone)]
    struct Slow {
        written: Arc<Mutex<Vec<u8>>>,
        gate: Arc<Mutex<()>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _open = self.gate.lock().unwrap();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_never_wait_for_a_slow_reader_and_the_gap_is_told() {
        let slow = Slow {
            written: Arc::default(),
            gate: Arc::default(),
        };
        let closed = slow.gate.lock().unwrap();
        let queue = Queue::start(slow.clone()).unwrap();
        let mut writer = queue.writer();
        // The thread may hold a batch besides what waits in the queue.
        let lines = 3 * LINES;
        for _ in 0..lines {
            writer.write_all(b"a line that is eighteen\n").unwrap();
        }
        drop(closed);
        // The queue may still be full, and then a flush would not wait.
        while queue
            .sender
            .try_send(Message::Line(b"last\n".to_vec()))
            .is_err()
        {}
        let (done, flushed) = mpsc::sync_channel(1);
        queue.sender.send(Message::Flush(done)).unwrap();
        flushed.recv().unwrap();

        let text = String::from_utf8(slow.written.lock().unwrap().clone()).unwrap();
        let kept = text.matches("eighteen").count();
        assert!((LINES..lines).contains(&kept), "{kept}");
        let told: usize = text
            .lines()
            .filter_map(|line| line.strip_prefix(r#"{"level":"warn","dropped_lines":"#))
            .map(|rest| rest.trim_end_matches('}').parse::<usize>().unwrap())
            .sum();
        assert_eq!(kept + told, lines);
        assert!(text.contains("last\n"));
    }

    #[test]
    fn what_waits_is_written_before_the_queue_is_gone() {
        let output = Slow {
            written: Arc::default(),
            gate: Arc::default(),
        };
        let queue = Queue::start(output.clone()).unwrap();
        queue.writer().write_all(b"the end\n").unwrap();
        drop(queue);
        assert_eq!(*output.written.lock().unwrap(), b"the end\n");
    }
}
