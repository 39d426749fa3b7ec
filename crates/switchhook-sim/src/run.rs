//! Places every call between a simulated switch, the real service and the receiver.

use super::harness::{Harness, SETTLE};
use super::options::{LabError, LabOptions, ROOM, Service};
use super::report::{CallReport, LabReport};
use super::scenarios::{self, Killed, Living, LivingCall, ReceiverDown, Rests, Scenario, Shift};
use super::{documents, living, outages, shift};

/// The scenarios that this run places.
struct Chosen {
    main: Vec<Scenario>,
    overload: Option<(Scenario, Scenario)>,
    rests: Option<Rests>,
    receiver_down: Option<ReceiverDown>,
    killed: Option<Killed>,
    shift: Option<Shift>,
    living: Option<Living>,
    expired: Option<LivingCall>,
}

impl Chosen {
    /// Returns an error if the options choose no scenario.
    fn any(options: &LabOptions) -> Result<Self, LabError> {
        let chosen = Self::of(options);
        if chosen.names().is_empty() {
            return Err(LabError::NoScenario(options.only.clone()));
        }
        Ok(chosen)
    }

    fn of(options: &LabOptions) -> Self {
        let any = |scenarios: &[&Scenario]| scenarios.iter().any(|it| options.chooses(it.name));
        let main = scenarios::chosen(options);
        let (first, second) = scenarios::overload();
        let overload = any(&[&first, &second]).then_some((first, second));
        // These scenarios check documents and parked calls, which need a service that follows the
        // switch.
        let (rests, down, killed) = (Rests::new(), ReceiverDown::new(), Killed::new());
        let (shift, living, expired) = (Shift::new(), Living::new(), LivingCall::expired());
        let (rests_chosen, shift_chosen) = (any(&rests.all()), any(&shift.all()));
        let (living_chosen, expired_chosen) = (any(&living.all()), any(&[&expired.scenario]));
        let (down_chosen, killed_chosen) = (any(&down.all()), any(&killed.all()));
        Self {
            main,
            overload,
            rests: (options.follow && rests_chosen).then_some(rests),
            receiver_down: (options.follow && down_chosen).then_some(down),
            killed: (options.follow && killed_chosen).then_some(killed),
            shift: (options.follow && shift_chosen).then_some(shift),
            living: (options.follow && living_chosen).then_some(living),
            expired: (options.follow && expired_chosen).then_some(expired),
        }
    }

    /// Returns the names of the scenarios in the order of the report.
    fn names(&self) -> Vec<&'static str> {
        let mut all: Vec<&Scenario> = self.main.iter().collect();
        all.extend(
            self.overload
                .iter()
                .flat_map(|(first, second)| [first, second]),
        );
        all.extend(self.rests.iter().flat_map(|it| it.all()));
        all.extend(self.shift.iter().flat_map(|it| it.all()));
        all.extend(self.living.iter().flat_map(|it| it.all()));
        all.extend(self.expired.iter().map(|call| &call.scenario));
        all.extend(self.receiver_down.iter().flat_map(|it| it.all()));
        all.extend(self.killed.iter().flat_map(|it| it.all()));
        all.iter().map(|scenario| scenario.name).collect()
    }
}

/// Returns the names of the scenarios that these options choose.
///
/// # Errors
/// Returns an error if they choose none.
pub fn scenario_names(options: &LabOptions) -> Result<Vec<&'static str>, LabError> {
    Chosen::any(options).map(|chosen| chosen.names())
}

/// Places every call and reports whether it was correct.
///
/// # Errors
/// Returns an error if the lab itself cannot be set up. A failed call is no error but a
/// [`CallReport`] that did not pass.
pub async fn run(options: LabOptions, service: impl Service) -> Result<LabReport, LabError> {
    let chosen = Chosen::any(&options)?;
    let stage = Harness::set(options, chosen.names().len()).await?;
    let mut reports = Vec::new();
    if !chosen.main.is_empty() {
        reports.extend(main(&stage, &chosen.main, &service).await?);
    }
    if let Some((first, second)) = &chosen.overload {
        reports.extend(overload(&stage, first, second, &service).await?);
    }
    let mut problems = documents::recheck(&stage.receiver, &mut reports);
    if let Some(rests) = &chosen.rests {
        let (more, strays) = outages::rests(&stage, rests, &service).await?;
        reports.extend(more);
        problems.extend(strays);
    }
    if let Some(calls) = &chosen.shift {
        let (more, strays) = shift::play(&stage, calls, &service).await?;
        reports.extend(more);
        problems.extend(strays);
    }
    if let Some(calls) = &chosen.living {
        let (more, strays) = living::play(&stage, calls, &service).await?;
        reports.extend(more);
        problems.extend(strays);
    }
    if let Some(call) = &chosen.expired {
        let (more, strays) = living::expired(&stage, call, &service).await?;
        reports.extend(more);
        problems.extend(strays);
    }
    if let Some(down) = &chosen.receiver_down {
        let (more, strays) = outages::receiver_down(&stage, down, &service).await?;
        reports.extend(more);
        problems.extend(strays);
    }
    if let Some(killed) = &chosen.killed {
        let (more, strays) = outages::killed(&stage, killed, &service).await?;
        reports.extend(more);
        problems.extend(strays);
    }
    stage.done();
    Ok(LabReport::new(reports, problems))
}

async fn main(
    stage: &Harness,
    scenarios: &[Scenario],
    service: &impl Service,
) -> Result<Vec<CallReport>, LabError> {
    let listed: Vec<&Scenario> = scenarios.iter().collect();
    let config = stage.config(&listed, &stage.receiver, ROOM);
    let started = stage.started(service.start(config)).await?;
    let reports = stage.play_all(scenarios, &started.esl).await;
    started.stop.await;
    Ok(reports)
}

/// Plays two calls to a service with room for one.
async fn overload(
    stage: &Harness,
    first: &Scenario,
    second: &Scenario,
    service: &impl Service,
) -> Result<Vec<CallReport>, LabError> {
    let config = stage.config(&[first, second], &stage.receiver, 1);
    let started = stage.started(service.start(config)).await?;
    let then = async {
        // The request shows that the first call is on hold.
        stage.receiver.wait(first.name, SETTLE, |_| true).await;
        stage.play(second, &started.esl).await
    };
    let (held, refused) = tokio::join!(stage.play(first, &started.esl), then);
    started.stop.await;
    Ok(vec![held, refused])
}
