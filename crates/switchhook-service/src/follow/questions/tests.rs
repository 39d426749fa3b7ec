use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::oneshot;

use eslclient::{Command, Connection, Limits};

use super::*;

/// The questions, and the connection whose tickets they have.
struct Switch {
    questions: Questions,
    connection: Connection<TcpStream>,
    /// What the switch was asked and has not answered.
    asked: Vec<(Ticket, String)>,
}

impl Switch {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap());
        Self {
            questions: Questions::new(),
            connection: Connection::new(stream.await.unwrap(), Limits::default()),
            asked: Vec::new(),
        }
    }

    /// A call from this address wants to be confirmed.
    fn question(
        &mut self,
        (address, is_from_switch): (u8, bool),
        uuid: &str,
    ) -> oneshot::Receiver<SwitchAnswer> {
        let claim = CallClaim {
            uuid: uuid.into(),
            peer: Some(Ipv4Addr::new(10, 0, 0, address).into()),
            ..CallClaim::default()
        };
        let (request, answer) = VerifyRequest::new(Arc::new(claim), is_from_switch);
        self.questions.add(request);
        self.ask();
        answer
    }

    fn ask(&mut self) {
        let (connection, asked) = (&mut self.connection, &mut self.asked);
        self.questions.ask(|claim| {
            let ticket = connection.queue(&Command::api("uuid_dump", &claim.uuid).ok()?);
            asked.push((ticket, claim.uuid.clone()));
            Some(ticket)
        });
    }

    fn was_asked(&self, uuid: &str) -> bool {
        self.asked.iter().any(|(_, asked)| asked == uuid)
    }

    /// The switch answers its oldest question.
    fn reply(&mut self) {
        let (ticket, uuid) = self.asked.remove(0);
        let mut request = self.questions.replied(ticket).unwrap();
        assert_eq!(request.claim.uuid, uuid);
        request.answer(SwitchAnswer::HasNot);
        self.ask();
    }
}

const SWITCH: (u8, bool) = (1, true);

#[tokio::test]
async fn strangers_take_no_place_from_the_calls_of_switches() {
    let mut switch = Switch::new().await;
    let mut answers = Vec::new();
    for number in 0..2_000 {
        let address = 2 + u8::try_from(number % 200).unwrap();
        answers.push(switch.question((address, false), "a-b"));
    }
    assert_eq!(switch.asked.len(), OTHER_PLACES);
    let busy = answers
        .iter_mut()
        .filter_map(|answer| answer.try_recv().ok());
    assert_eq!(busy.count(), 2_000 - OTHER_PLACES - OTHER_WAITING);
    for number in 0..SWITCH_PLACES {
        answers.push(switch.question(SWITCH, &number.to_string()));
        assert!(switch.was_asked(&number.to_string()));
    }
    // A further one waits until the switch has answered one of its own.
    answers.push(switch.question(SWITCH, "last"));
    assert!(!switch.was_asked("last"));
    for _ in 0..=OTHER_PLACES {
        switch.reply();
    }
    assert!(switch.was_asked("last"));
}

#[tokio::test]
async fn one_stranger_has_its_share_and_others_have_theirs() {
    let mut switch = Switch::new().await;
    let mut answers = Vec::new();
    for _ in 0..OTHER_PLACES_PER_ADDRESS + OTHER_WAITING_PER_ADDRESS {
        answers.push(switch.question((2, false), "of-2"));
    }
    assert_eq!(switch.asked.len(), OTHER_PLACES_PER_ADDRESS);
    assert!(answers.iter_mut().all(|answer| answer.try_recv().is_err()));
    let mut further = switch.question((2, false), "of-2");
    assert_eq!(further.try_recv(), Ok(SwitchAnswer::Busy));
    let _other = switch.question((3, false), "of-3");
    assert!(switch.was_asked("of-3"));
    // Whoever does not wait any more leaves its place in the queue.
    answers.truncate(OTHER_PLACES_PER_ADDRESS);
    let mut further = switch.question((2, false), "of-2-later");
    assert!(further.try_recv().is_err());
    switch.reply();
    assert!(switch.was_asked("of-2-later"));
}

#[tokio::test]
async fn the_events_of_a_call_answer_its_questions() {
    let mut switch = Switch::new().await;
    let address = (2, false);
    let mut answers = Vec::new();
    for number in 0..=OTHER_PLACES_PER_ADDRESS {
        answers.push(switch.question(address, &number.to_string()));
    }
    let last = OTHER_PLACES_PER_ADDRESS;
    for number in [0, last] {
        // Nothing of another call.
        switch.questions.confirm("other", |_| true);
        switch.questions.confirm(&number.to_string(), |_| false);
        assert!(answers[number].try_recv().is_err());
        switch.questions.confirm(&number.to_string(), |_| true);
        assert_eq!(answers[number].try_recv(), Ok(SwitchAnswer::Has));
    }
    // What was asked has its place until the reply, and what was not is not asked any more.
    for _ in 0..OTHER_PLACES_PER_ADDRESS {
        assert!(!switch.questions.is_empty());
        switch.reply();
    }
    assert!(!switch.was_asked(&last.to_string()));
    assert!(switch.questions.is_empty());
}
