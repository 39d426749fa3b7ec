//! Others' questions to a follower: does this switch have that call?

use tokio::sync::{mpsc, oneshot, watch};

use switchhook_core::health::Health;

/// Questions that may wait for a follower.
const WAITING: usize = 4096;

/// A question, and whom to answer.
pub(super) struct Question {
    pub uuid: String,
    pub answer: oneshot::Sender<bool>,
}

/// Asks one follower. Cheap to clone.
#[derive(Clone)]
pub struct CallQuery {
    questions: mpsc::Sender<Question>,
    health: watch::Receiver<Health>,
}

/// The two ends.
pub(crate) fn questions(health: watch::Receiver<Health>) -> (CallQuery, mpsc::Receiver<Question>) {
    let (questions, asked) = mpsc::channel(WAITING);
    (CallQuery { questions, health }, asked)
}

impl CallQuery {
    /// Whether the switch has a call of this Unique-ID; `None` when it cannot be asked.
    /// Its events may have told already, so that most questions never reach it.
    pub async fn has(&self, uuid: String) -> Option<bool> {
        if !self.health.borrow().ok {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        self.questions.try_send(Question { uuid, answer }).ok()?;
        answered.await.ok()
    }
}
