//! The rule over histories that no switch was asked for: random legs, made for each other, of
//! agents and customers of two accounts, that talk, record and end in every order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::leg::{Direction, Talk};

/// One leg of a history.
#[derive(Debug, Clone)]
struct Made {
    inbound: bool,
    agent: bool,
    flow: bool,
    account: u8,
    maker: usize,
    created_s: i64,
    lasts_s: i64,
    is_up: bool,
}

/// A talk of two legs: places, when it begins within their common life, how long it is.
type Bridge = (usize, usize, u16, u16);

fn made() -> impl Strategy<Value = Made> {
    (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        0_u8..3,
        0_usize..12,
        0_i64..60,
        1_i64..60,
        proptest::bool::weighted(0.2),
    )
        .prop_map(
            |(inbound, agent, flow, account, maker, created_s, lasts_s, is_up)| Made {
                inbound,
                agent,
                flow,
                account,
                maker,
                created_s,
                lasts_s,
                is_up,
            },
        )
}

fn uuid(place: usize) -> String {
    format!("leg {place}")
}

fn legs(made: &[Made], bridges: &[Bridge]) -> Vec<Leg> {
    let mut legs: Vec<Leg> = made
        .iter()
        .enumerate()
        .map(|(place, one)| leg(place, one, made))
        .collect();
    for (one, other, begins, lasts) in bridges {
        let (one, other) = (one % legs.len(), other % legs.len());
        if one == other {
            continue;
        }
        let bound = |leg: &Leg| {
            (
                leg.created_us.unwrap_or(0),
                leg.ended_us.unwrap_or(i64::MAX),
            )
        };
        let (a, b) = (bound(&legs[one]), bound(&legs[other]));
        let (from, to) = (a.0.max(b.0), a.1.min(b.1).min(200_000_000));
        if from >= to {
            continue;
        }
        let from_us = from + (to - from) * i64::from(*begins) / 65_536;
        let until_us = from_us + (to - from_us) * i64::from(*lasts) / 65_535;
        let with = uuid(other);
        legs[one].talks.push(Talk {
            with,
            from_us,
            until_us: Some(until_us),
        });
        let [one_name, other_name] = [one, other].map(uuid);
        legs[one].links.insert(other_name);
        legs[other].links.insert(one_name);
    }
    legs
}

fn leg(place: usize, one: &Made, all: &[Made]) -> Leg {
    let mut leg = Leg::new(&uuid(place));
    leg.direction = if one.inbound {
        Direction::Inbound
    } else {
        Direction::Outbound
    };
    leg.numbers.source = crate::numbers::NumberSource::Create;
    leg.flow.callee_type = one.agent.then(|| "AGENT".to_owned());
    leg.flow.name = one.flow.then(|| "flow".to_owned());
    leg.born_in_flow = one.flow && !one.inbound;
    leg.flow.account = (one.account > 0).then(|| format!("account {}", one.account));
    leg.created_us = Some(one.created_s * 1_000_000 + i64::try_from(place).unwrap_or(0));
    // Only what we dial has a maker, and only an older leg makes one.
    let maker = all
        .get(one.maker)
        .filter(|maker| maker.created_s < one.created_s);
    if !one.inbound && maker.is_some() {
        leg.maker = Some(uuid(one.maker));
        leg.originator.clone_from(&leg.maker);
    }
    if !one.is_up {
        leg.phase = Phase::Down;
        leg.ended_us = Some((one.created_s + one.lasts_s) * 1_000_000);
    }
    leg
}

fn divided(legs: &[Leg], waited: bool) -> Vec<OwnedCall> {
    let legs: Vec<&Leg> = legs.iter().collect();
    divide(&legs, &Tenants::default(), &|_| waited)
}

fn history() -> impl Strategy<Value = Vec<Leg>> {
    let bridges = proptest::collection::vec(
        (0_usize..12, 0_usize..12, any::<u16>(), any::<u16>()),
        0..16,
    );
    (proptest::collection::vec(made(), 1..12), bridges)
        .prop_map(|(made, bridges)| legs(&made, &bridges))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_leg_is_whole_in_exactly_one_call(legs in history()) {
        let calls = divided(&legs, true);
        let mut whole: Vec<usize> = calls.iter().flat_map(|call| call.legs.clone()).collect();
        whole.sort_unstable();
        prop_assert_eq!(whole, (0..legs.len()).collect::<Vec<_>>());
    }

    #[test]
    fn no_call_has_legs_of_two_accounts(legs in history()) {
        for call in divided(&legs, true) {
            let accounts: BTreeSet<&String> = call
                .legs
                .iter()
                .filter_map(|leg| legs[*leg].flow.account.as_ref())
                .collect();
            prop_assert!(accounts.len() <= 1, "{accounts:?}");
        }
    }

    #[test]
    fn what_took_part_is_of_another_call_and_within_both_lives(legs in history()) {
        let calls = divided(&legs, true);
        let owner: BTreeMap<usize, usize> = calls
            .iter()
            .enumerate()
            .flat_map(|(call, one)| one.legs.iter().map(move |leg| (*leg, call)))
            .collect();
        for (number, call) in calls.iter().enumerate() {
            for part in &call.parts {
                prop_assert_ne!(owner[&part.leg], number);
                prop_assert_eq!(owner[&part.with], number);
                let until = part.until_us.unwrap_or(i64::MAX);
                let ended = legs[part.leg].ended_us.unwrap_or(i64::MAX);
                prop_assert!(legs[part.leg].created_us.unwrap_or(0) <= part.from_us);
                prop_assert!(part.from_us <= until && until <= ended.max(200_000_000));
                prop_assert!(!call.is_agents);
            }
        }
    }

    #[test]
    fn customers_of_different_calls_who_never_talked_are_never_together(legs in history()) {
        // Two inbound legs that share no talk, no maker and no agent cannot know each other.
        let known: Vec<(usize, usize)> = legs
            .iter()
            .enumerate()
            .flat_map(|(place, leg)| {
                let talked = leg.talks.iter().map(|talk| talk.with.clone());
                let named = talked.chain(leg.maker.clone());
                named.filter_map(move |name| Some((place, name.strip_prefix("leg ")?.parse().ok()?)))
                    .collect::<Vec<_>>()
            })
            .collect();
        let mut group: Vec<usize> = (0..legs.len()).collect();
        for _ in 0..legs.len() {
            for (one, other) in &known {
                let least = group[*one].min(group[*other]);
                group[*one] = least;
                group[*other] = least;
            }
        }
        for call in divided(&legs, true) {
            let groups: BTreeSet<usize> = call.legs.iter().map(|leg| group[*leg]).collect();
            prop_assert_eq!(groups.len(), 1);
        }
    }

    #[test]
    fn an_agent_whose_leg_serves_two_customers_is_whole_in_neither(
        first in 1_i64..60,
        pause in 0_i64..60,
        second in 1_i64..60,
        after in 0_i64..60,
    ) {
        let at = |seconds: i64| seconds * 1_000_000;
        let ends = [10 + first, 10 + first + pause + second];
        let one = |inbound, agent, created_s, ends: i64| Made {
            inbound, agent, flow: inbound, account: 0, maker: 99, created_s,
            lasts_s: ends - created_s, is_up: false,
        };
        let made = [
            one(false, true, 0, ends[1] + after),
            one(true, false, 5, ends[0]),
            one(true, false, 6, ends[1]),
        ];
        let mut legs = legs(&made, &[]);
        for (customer, from, until) in [(1, 10, ends[0]), (2, 10 + first + pause, ends[1])] {
            let talk = Talk { with: uuid(0), from_us: at(from), until_us: Some(at(until)) };
            legs[customer].talks.push(talk);
            legs[customer].links.insert(uuid(0));
        }
        let calls = divided(&legs, true);
        prop_assert_eq!(calls.len(), 3);
        for call in &calls {
            prop_assert_eq!(call.legs.len(), 1);
            prop_assert_eq!(call.parts.len(), usize::from(call.legs[0] != 0));
        }
    }
}

/// The rule as a table: an agent and one customer, by how long the agent's leg lasts after the talk.
#[test]
fn an_agents_leg_is_whole_if_it_ends_with_its_one_talk() {
    for (after_s, waited, calls, open) in [
        (Some(0), false, 1, false),
        (Some(5), false, 1, false),
        (Some(6), false, 2, false),
        (None, false, 2, true),
        (None, true, 2, false),
    ] {
        let customer = Made {
            inbound: true,
            agent: false,
            flow: true,
            account: 0,
            maker: 99,
            created_s: 1,
            lasts_s: 29,
            is_up: false,
        };
        let agent = Made {
            inbound: false,
            flow: false,
            agent: true,
            created_s: 0,
            lasts_s: 30 + after_s.unwrap_or(0),
            is_up: after_s.is_none(),
            ..customer
        };
        let mut legs = legs(&[agent, customer.clone()], &[]);
        legs[1].talks.push(Talk {
            with: uuid(0),
            from_us: 10_000_000,
            until_us: Some(30_000_000),
        });
        let found = divided(&legs, waited);
        let is_open = found.iter().any(|call| call.is_open);
        assert_eq!(
            (found.len(), is_open),
            (calls, open),
            "{after_s:?} {waited}"
        );
    }
}

/// The event of their talk was lost on the way: two callers who know each other are two calls, and
/// neither claims to be whole.
#[test]
fn calls_whose_talk_was_lost_say_that_they_may_lack_one() {
    let caller = |created_s| Made {
        inbound: true,
        agent: false,
        flow: true,
        account: 0,
        maker: 99,
        created_s,
        lasts_s: 30,
        is_up: false,
    };
    for linked in [true, false] {
        let mut legs = legs(&[caller(0), caller(1)], &[]);
        if linked {
            legs[0].links.insert(uuid(1));
        }
        let calls = divided(&legs, true);
        let lacking: Vec<bool> = calls.iter().map(|call| call.lacks_talks).collect();
        assert_eq!(lacking, [linked, linked]);
    }
}
