//! What is left out, where it is told, and what a pipe is given.

use super::*;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// A file that takes one piece for each token that it is given.
struct Slow {
    tokens: Receiver<bool>,
    pieces: Sender<String>,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.tokens.recv().unwrap_or(true) {
            return Err(ErrorKind::StorageFull.into());
        }
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.pieces.send(text).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Told {
    queue: Mutex<Option<Queue>>,
    counted: Mutex<u64>,
}

impl Teller for Told {
    fn count(&self, left_out: u64) {
        *self.counted.lock().unwrap() = left_out;
    }

    fn tell(&self, left_out: u64) {
        let text = format!("{left_out} left out\n");
        let queue = self.queue.lock().unwrap();
        queue.as_ref().unwrap().put_in_any_case(text.as_bytes());
    }
}

struct Trial {
    queue: Queue,
    told: Arc<Told>,
    tokens: SyncSender<bool>,
    pieces: Receiver<String>,
}

fn trial(room: usize) -> Trial {
    let (tokens, given) = sync_channel(0);
    let (pieces, written) = channel();
    let told = Arc::new(Told::default());
    let slow = Slow {
        tokens: given,
        pieces,
    };
    let queue = Queue::with_room(room, slow, Arc::<Told>::clone(&told)).unwrap();
    *told.queue.lock().unwrap() = Some(queue.clone());
    Trial {
        queue,
        told,
        tokens,
        pieces: written,
    }
}

#[test]
fn what_finds_no_room_is_told_where_it_was_left_out() {
    let trial = trial(16);
    trial.queue.put(b"first\n").unwrap();
    // The thread has it in its hands when it asks for a token: the next ones wait.
    trial.tokens.send(true).unwrap();
    assert_eq!(trial.pieces.recv().unwrap(), "first\n");
    trial.queue.put(b"second\n").unwrap();
    while !trial.queue.shared.lock().waiting.is_empty() {
        thread::yield_now();
    }
    trial.queue.put(b"third\n").unwrap();
    trial.queue.put(b"fourth\n").unwrap();
    assert_eq!(trial.queue.put(b"fifth\n"), Err(1));
    assert_eq!(trial.queue.put(b"sixth\n"), Err(2));
    trial.queue.put_in_any_case(b"panicked\n");
    drop(trial.tokens);
    trial.queue.end();
    let written: Vec<String> = trial.pieces.try_iter().collect();
    assert_eq!(
        written.concat(),
        "second\nthird\nfourth\npanicked\n2 left out\n"
    );
}

#[test]
fn what_cannot_be_written_is_counted_and_told_once_something_can_be() {
    let trial = trial(1_000);
    trial.queue.put(b"a\nb\n").unwrap();
    trial.tokens.send(false).unwrap();
    while *trial.told.counted.lock().unwrap() != 2 {
        thread::yield_now();
    }
    trial.queue.put(b"c\n").unwrap();
    trial.tokens.send(true).unwrap();
    drop(trial.tokens);
    trial.queue.end();
    let written: Vec<String> = trial.pieces.try_iter().collect();
    assert_eq!(written, ["c\n", "2 left out\n"]);
}

#[test]
fn whole_lines_are_written_as_long_as_a_pipe_takes_them() {
    assert_eq!(piece(b"a\nb\nc"), b"a\nb\n");
    assert_eq!(piece(b"c"), b"c");
    let long = "x".repeat(3_000) + "\n";
    assert_eq!(piece(long.repeat(2).as_bytes()), long.as_bytes());
    let longer = "x".repeat(9_000) + "\n";
    assert_eq!(piece(longer.repeat(2).as_bytes()), longer.as_bytes());
}
