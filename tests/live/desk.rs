//! A desk whose agents stay and are connected with one customer after another, by plans that a seed
//! gives.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::call::Exchange;
use super::control::{Control, Event};
use super::phones::Phones;

/// Longest wait for an agent.
const PATIENCE: Duration = Duration::from_secs(60);
/// A source of numbers that are the same for the same seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) % limit
    }
}

/// What a customer goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Talks with the agent who is free next.
    Agent,
    /// Is transferred to a phone that is dialled for this customer.
    Dialled,
}

/// One customer's way through the shift.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<Step>,
    /// Milliseconds of each step, and before the first.
    lasts: Vec<u64>,
    /// The last partner hangs up instead of the customer.
    pub partner_ends: bool,
}

impl Plan {
    /// Returns the next plan.
    pub fn of(random: &mut Random) -> Self {
        let count = usize::try_from(random.below(4)).expect("small");
        let step = |random: &mut Random| match random.below(3) {
            0 => Step::Dialled,
            _ => Step::Agent,
        };
        let steps: Vec<Step> = (0..count).map(|_| step(random)).collect();
        let lasts = (0..=count).map(|_| 40 + random.below(500)).collect();
        let partner_ends = count > 0 && random.below(4) == 0;
        Self {
            steps,
            lasts,
            partner_ends,
        }
    }
}

/// A talk of a customer.
struct Talk {
    step: Step,
    with: String,
    from_us: i64,
}

/// Whom a customer met, as the switch said it.
#[derive(Debug, Default)]
pub struct Met {
    /// Agents who stayed, with the number of talks.
    pub agents: BTreeMap<String, usize>,
    /// Legs that were dialled for this customer.
    pub made: BTreeSet<String>,
}

/// The desk: the switch, its phones and the agents who are free.
pub struct Desk<'x> {
    exchange: &'x Exchange,
    phones: &'x Phones,
    agents: Mutex<VecDeque<String>>,
    /// One permit for each of them.
    free: Semaphore,
}

impl<'x> Desk<'x> {
    /// Opens the desk, without agents.
    pub const fn new(exchange: &'x Exchange, phones: &'x Phones) -> Self {
        Self {
            exchange,
            phones,
            agents: Mutex::new(VecDeque::new()),
            free: Semaphore::const_new(0),
        }
    }

    /// Dials one more agent.
    pub async fn agent(&self) {
        let stays = "flow.callee_type=AGENT,park_after_bridge=true";
        let agent = self
            .phones
            .call(self.exchange, "agent", stays, "&park")
            .await;
        self.is_free(agent);
    }

    fn is_free(&self, agent: String) {
        self.agents.lock().expect("no panic").push_back(agent);
        self.free.add_permits(1);
    }

    /// Lets the customer go through the plan.
    pub async fn serve(&self, customer: &str, plan: &Plan) -> Met {
        let control = Control::connect(self.exchange.switch).await;
        let mut met = Met::default();
        let mut partner: Option<Talk> = None;
        control.api(&format!("msleep {}", plan.lasts[0])).await;
        for (step, lasts) in plan.steps.iter().zip(&plan.lasts[1..]) {
            let next = match step {
                Step::Agent => {
                    let from = &mut partner;
                    self.connect(&control, customer, &mut met, from).await
                }
                Step::Dialled => self.transfer(&control, customer, &mut met).await,
            };
            self.leaves(partner.replace(next)).await;
            control.api(&format!("msleep {lasts}")).await;
        }
        let ends = match &partner {
            Some(talk) if plan.partner_ends => &talk.with,
            Some(_) | None => customer,
        };
        control.api(&format!("uuid_kill {ends}")).await;
        if plan.partner_ends {
            if partner.is_some_and(|talk| talk.step == Step::Agent) {
                // The customer of an agent who hung up is there yet; another agent takes the place.
                control.api(&format!("uuid_kill {customer}")).await;
                self.agent().await;
            }
            self.ended(customer).await;
        } else {
            self.ended(customer).await;
            self.leaves(partner).await;
        }
        met
    }

    /// An agent whom a customer has left is free.
    async fn leaves(&self, partner: Option<Talk>) {
        let Some(talk) = partner.filter(|talk| talk.step == Step::Agent) else {
            return;
        };
        let parked = |event: &Event| {
            event.name() == "CHANNEL_PARK"
                && event.get("Unique-ID") == talk.with
                && event.made_us() > talk.from_us
        };
        self.exchange
            .events
            .wait("agent without a customer", parked)
            .await;
        self.is_free(talk.with);
    }

    async fn ended(&self, leg: &str) {
        let ended = |event: &Event| {
            event.name() == "CHANNEL_HANGUP_COMPLETE" && event.get("Unique-ID") == leg
        };
        self.exchange.events.wait("end of a customer", ended).await;
    }

    /// Connects the customer with an agent: from the last partner at once, or from waiting if none is
    /// free.
    async fn connect(
        &self,
        control: &Control,
        customer: &str,
        met: &mut Met,
        partner: &mut Option<Talk>,
    ) -> Talk {
        let agent = match self.free.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                control.api(&format!("uuid_park {customer}")).await;
                self.leaves(partner.take()).await;
                let free = timeout(PATIENCE, self.free.acquire()).await;
                free.expect("no agent is free").expect("the desk is there")
            }
        };
        agent.forget();
        let agent = self.agents.lock().expect("no panic").pop_front();
        let agent = agent.expect("one for each permit");
        let talks = met.agents.entry(agent.clone()).or_default();
        *talks += 1;
        let answer = control
            .api(&format!("uuid_bridge {customer} {agent}"))
            .await;
        assert!(answer.starts_with("+OK"), "{customer} {agent}: {answer}");
        let with = |other: &str| other == agent;
        self.talk(Step::Agent, customer, with, *talks).await
    }

    async fn transfer(&self, control: &Control, customer: &str, met: &mut Met) -> Talk {
        let number = format!("to-phone-{}", self.phones.port);
        let answer = control
            .api(&format!("uuid_transfer {customer} {number} XML phones"))
            .await;
        assert!(answer.starts_with("+OK"), "{customer}: {answer}");
        let known = |other: &str| met.made.contains(other) || met.agents.contains_key(other);
        let talk = self
            .talk(Step::Dialled, customer, |other| !known(other), 1)
            .await;
        met.made.insert(talk.with.clone());
        talk
    }

    /// Waits until the customer has begun so many talks with such a leg, and returns the last.
    async fn talk(
        &self,
        step: Step,
        customer: &str,
        with: impl Fn(&str) -> bool,
        times: usize,
    ) -> Talk {
        let other = |event: &Event| {
            let ends = ["Bridge-A-Unique-ID", "Bridge-B-Unique-ID"].map(|name| event.get(name));
            let is_it = event.name() == "CHANNEL_BRIDGE" && ends.contains(&customer);
            let other = ends.into_iter().find(|end| *end != customer)?;
            (is_it && with(other)).then(|| other.to_owned())
        };
        let seen = std::cell::Cell::new(0);
        let wanted = |event: &Event| {
            seen.set(seen.get() + usize::from(other(event).is_some()));
            seen.get() >= times
        };
        let event = self.exchange.events.wait("a talk", wanted).await;
        Talk {
            step,
            with: other(&event).expect("just seen"),
            from_us: event.made_us(),
        }
    }
}
