use proptest::prelude::*;

use super::*;

const HOLDING: State = State::Holding { music: false };
const MUSIC: State = State::Holding { music: true };

#[test]
fn the_table() {
    use Action::{CancelRequest, Close, LetGo, Release, SendInBackground, SendRequest, StartMusic};
    use Input::{
        Connected, ConnectionLost, Deadline, Goodbye, HungUp, MovedOn, OutcomeReady, Waiting,
    };
    use State::{Connecting, Leaving, Over};
    let rows: &[(State, Input, State, &[Action])] = &[
        (
            Connecting,
            Connected(CallPlan::SendRequest),
            HOLDING,
            &[SendRequest],
        ),
        (
            Connecting,
            Connected(CallPlan::SendInBackground),
            Leaving,
            &[SendInBackground, Release(Line::Zero)],
        ),
        (
            Connecting,
            Connected(CallPlan::Fail),
            Leaving,
            &[Release(Line::One)],
        ),
        (Connecting, Waiting, Connecting, &[]),
        (Connecting, OutcomeReady(Line::Zero), Connecting, &[]),
        (Connecting, HungUp, Over, &[Close]),
        (Connecting, Deadline, Over, &[Close]),
        (Connecting, Goodbye, Over, &[Close]),
        (Connecting, MovedOn, Over, &[LetGo, Close]),
        (Connecting, ConnectionLost, Over, &[Close]),
        (HOLDING, Waiting, MUSIC, &[StartMusic]),
        (MUSIC, Waiting, MUSIC, &[]),
        (
            HOLDING,
            OutcomeReady(Line::Zero),
            Leaving,
            &[Release(Line::Zero)],
        ),
        (
            MUSIC,
            OutcomeReady(Line::Zero),
            Leaving,
            &[Release(Line::Zero)],
        ),
        (
            MUSIC,
            OutcomeReady(Line::One),
            Leaving,
            &[Release(Line::One)],
        ),
        (
            MUSIC,
            Deadline,
            Leaving,
            &[CancelRequest, Release(Line::One)],
        ),
        (MUSIC, HungUp, Over, &[CancelRequest, Close]),
        (MUSIC, Goodbye, Over, &[CancelRequest, Close]),
        (HOLDING, MovedOn, Over, &[CancelRequest, LetGo, Close]),
        (MUSIC, MovedOn, Over, &[CancelRequest, LetGo, Close]),
        (MUSIC, ConnectionLost, Over, &[CancelRequest, Close]),
        (MUSIC, Connected(CallPlan::SendRequest), MUSIC, &[]),
        (Leaving, Goodbye, Over, &[Close]),
        (Leaving, HungUp, Over, &[Close]),
        (Leaving, MovedOn, Over, &[Close]),
        (Leaving, ConnectionLost, Over, &[Close]),
        (Leaving, Deadline, Over, &[Close]),
        (Leaving, OutcomeReady(Line::Zero), Leaving, &[]),
        (Leaving, Waiting, Leaving, &[]),
        (Leaving, Connected(CallPlan::SendRequest), Leaving, &[]),
        (Over, OutcomeReady(Line::Zero), Over, &[]),
        (Over, ConnectionLost, Over, &[]),
    ];
    for (state, input, next, actions) in rows {
        assert_eq!(
            state.step(*input),
            (*next, *actions),
            "{state:?} x {input:?}"
        );
    }
}

fn any_input() -> impl Strategy<Value = Input> {
    prop::sample::select(vec![
        Input::Connected(CallPlan::SendRequest),
        Input::Connected(CallPlan::SendInBackground),
        Input::Connected(CallPlan::Fail),
        Input::Waiting,
        Input::OutcomeReady(Line::Zero),
        Input::OutcomeReady(Line::One),
        Input::HungUp,
        Input::Deadline,
        Input::Goodbye,
        Input::MovedOn,
        Input::ConnectionLost,
    ])
}

fn perform(inputs: &[Input]) -> (State, Vec<Action>) {
    let mut state = State::Connecting;
    let mut actions = Vec::new();
    for input in inputs {
        let (next, todo) = state.step(*input);
        state = next;
        actions.extend_from_slice(todo);
    }
    (state, actions)
}

fn count(actions: &[Action], wanted: impl Fn(&Action) -> bool) -> usize {
    actions.iter().filter(|action| wanted(action)).count()
}

proptest! {
    #[test]
    fn a_deadline_in_every_state_ends_every_call(inputs in prop::collection::vec(any_input(), 0..20)) {
        let (state, _) = perform(&[inputs, vec![Input::Deadline, Input::Deadline]].concat());
        prop_assert_eq!(state, State::Over);
    }

    #[test]
    fn a_call_is_released_and_closed_at_most_once(inputs in prop::collection::vec(any_input(), 0..30)) {
        let (state, actions) = perform(&inputs);
        let released = count(&actions, |action| matches!(action, Action::Release(_)));
        let closed = count(&actions, |action| *action == Action::Close);
        prop_assert!(released <= 1 && closed <= 1);
        prop_assert_eq!(closed == 1, state == State::Over);
        if let Some(release) = actions.iter().position(|action| matches!(action, Action::Release(_))) {
            prop_assert!(!actions[release..].contains(&Action::StartMusic), "music after the release");
        }
    }

    #[test]
    fn a_call_that_was_let_go_is_neither_released_nor_played_music(inputs in prop::collection::vec(any_input(), 0..30)) {
        let (_, actions) = perform(&inputs);
        if let Some(let_go) = actions.iter().position(|action| *action == Action::LetGo) {
            prop_assert_eq!(&actions[let_go + 1..], &[Action::Close]);
            prop_assert!(!actions.iter().any(|action| matches!(action, Action::Release(_))));
        }
    }

    #[test]
    fn a_caller_who_was_asked_for_is_released_or_gone(inputs in prop::collection::vec(any_input(), 0..30)) {
        let (state, actions) = perform(&inputs);
        let sent = actions.contains(&Action::SendRequest);
        let ended = matches!(state, State::Leaving | State::Over);
        let let_go = count(&actions, |action| matches!(action, Action::Release(_) | Action::CancelRequest)) > 0;
        prop_assert_eq!(sent && ended, sent && let_go);
    }
}
