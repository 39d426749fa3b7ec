//! Who waits for which reply.

use std::collections::VecDeque;

use super::request::ReplySender;
use crate::error::Error;
use crate::refusal::Refusal;
use crate::reply::Reply;

/// The batches without all their replies, in the order of the commands.
#[derive(Debug, Default)]
pub(super) struct Batches {
    queue: VecDeque<Batch>,
    /// The number of batches that a caller waits for.
    waited: usize,
}

/// Commands that went out in one write.
#[derive(Debug)]
struct Batch {
    /// `None` for commands of the client itself, and after the caller was told of a failure.
    sender: Option<ReplySender>,
    replies: Vec<Reply>,
    outstanding: usize,
    /// Whether those who wait for an event need it.
    needed: bool,
}

impl Batches {
    /// Returns whether a caller waits for a reply.
    pub(super) fn has_waiters(&self) -> bool {
        self.waited > 0
    }

    /// Adds commands of a caller.
    pub(super) fn add(&mut self, commands: usize, sender: ReplySender) {
        self.waited += 1;
        self.queue.push_back(Batch {
            sender: Some(sender),
            replies: Vec::with_capacity(commands),
            outstanding: commands,
            needed: false,
        });
    }

    /// Adds a command of the client itself. Nobody waits for its reply.
    pub(super) fn add_own(&mut self, needed: bool) {
        self.queue.push_back(Batch {
            sender: None,
            replies: Vec::new(),
            outstanding: 1,
            needed,
        });
    }

    /// Adds a reply to its batch. The last reply completes the batch.
    ///
    /// Returns the refusal of a command without which no event comes that somebody waits for.
    pub(super) fn add_reply(&mut self, reply: Reply) -> Option<Refusal> {
        let first = self.queue.front_mut()?;
        first.outstanding -= 1;
        let refusal = if first.sender.is_some() {
            first.replies.push(reply);
            None
        } else {
            first.needed.then(|| reply.refusal()).flatten()
        };
        if first.outstanding == 0
            && let Some(batch) = self.queue.pop_front()
            && let Some(sender) = batch.sender
        {
            self.waited -= 1;
            // The caller may have dropped its future.
            let _ = sender.send(Ok(batch.replies));
        }
        refusal
    }

    /// Fails every caller. The replies still come, and are dropped then.
    pub(super) fn fail(&mut self, error: &Error) {
        for batch in &mut self.queue {
            if let Some(sender) = batch.sender.take() {
                let _ = sender.send(Err(error.clone()));
            }
            batch.replies = Vec::new();
        }
        self.waited = 0;
    }
}
