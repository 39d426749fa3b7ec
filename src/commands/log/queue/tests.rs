//! Lost lines and their report, and the size of writes.

use super::*;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// A file that accepts one write for each token.
struct Slow {
    tokens: Receiver<bool>,
    writes: Sender<String>,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.tokens.recv().unwrap_or(true) {
            return Err(ErrorKind::StorageFull.into());
        }
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.writes.send(text).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct TestReporter {
    queue: Mutex<Option<Queue>>,
    counted: Mutex<u64>,
}

impl LossReporter for TestReporter {
    fn count(&self, lost: u64) {
        *self.counted.lock().unwrap() = lost;
    }

    fn report(&self, lost: u64) {
        let text = format!("{lost} left out\n");
        let queue = self.queue.lock().unwrap();
        queue.as_ref().unwrap().push_always(text.as_bytes());
    }
}

struct TestQueue {
    queue: Queue,
    reporter: Arc<TestReporter>,
    tokens: SyncSender<bool>,
    writes: Receiver<String>,
}

fn test_queue(capacity: usize) -> TestQueue {
    let (tokens, given) = sync_channel(0);
    let (writes, written) = channel();
    let reporter = Arc::new(TestReporter::default());
    let slow = Slow {
        tokens: given,
        writes,
    };
    let queue =
        Queue::with_capacity(capacity, slow, Arc::<TestReporter>::clone(&reporter)).unwrap();
    *reporter.queue.lock().unwrap() = Some(queue.clone());
    TestQueue {
        queue,
        reporter,
        tokens,
        writes: written,
    }
}

#[test]
fn lines_without_room_are_reported_where_they_are_missing() {
    let test_queue = test_queue(16);
    test_queue.queue.push(b"first\n").unwrap();
    // The thread holds this line when it asks for a token, so the next lines wait.
    test_queue.tokens.send(true).unwrap();
    assert_eq!(test_queue.writes.recv().unwrap(), "first\n");
    test_queue.queue.push(b"second\n").unwrap();
    while !test_queue.queue.shared.lock().waiting.is_empty() {
        thread::yield_now();
    }
    test_queue.queue.push(b"third\n").unwrap();
    test_queue.queue.push(b"fourth\n").unwrap();
    assert_eq!(test_queue.queue.push(b"fifth\n"), Err(1));
    assert_eq!(test_queue.queue.push(b"sixth\n"), Err(2));
    test_queue.queue.push_always(b"panicked\n");
    drop(test_queue.tokens);
    test_queue.queue.end();
    let written: Vec<String> = test_queue.writes.try_iter().collect();
    assert_eq!(
        written.concat(),
        "second\nthird\nfourth\npanicked\n2 left out\n"
    );
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_reported_later() {
    let test_queue = test_queue(1_000);
    test_queue.queue.push(b"a\nb\n").unwrap();
    test_queue.tokens.send(false).unwrap();
    while *test_queue.reporter.counted.lock().unwrap() != 2 {
        thread::yield_now();
    }
    test_queue.queue.push(b"c\n").unwrap();
    test_queue.tokens.send(true).unwrap();
    drop(test_queue.tokens);
    test_queue.queue.end();
    let written: Vec<String> = test_queue.writes.try_iter().collect();
    assert_eq!(written, ["c\n", "2 left out\n"]);
}

#[test]
fn whole_lines_are_written_as_long_as_a_pipe_takes_them() {
    assert_eq!(next_write(b"a\nb\nc"), b"a\nb\n");
    assert_eq!(next_write(b"c"), b"c");
    let long = "x".repeat(3_000) + "\n";
    assert_eq!(next_write(long.repeat(2).as_bytes()), long.as_bytes());
    let longer = "x".repeat(9_000) + "\n";
    assert_eq!(next_write(longer.repeat(2).as_bytes()), longer.as_bytes());
}
