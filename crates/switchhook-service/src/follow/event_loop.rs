//! What the follower does with one connection: reads it until it ends.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use eslclient::Connection;
use switchhook_store::StoreError;

use super::call_tracker::CallTracker;
use super::call_verifier::SwitchAnswer;
use super::follower::{FIRST_WAIT, Follower, close_overdue_calls};
use super::link::{Link, LinkError, LinkEvent};

/// The pause between two attempts to read a store that fails.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

impl Follower {
    /// Reads until `stop`. Whatever was read is processed in any case: only waiting is broken
    /// off.
    ///
    /// # Errors
    /// Why the connection cannot be used any more.
    pub(super) async fn read_events(
        &mut self,
        connection: Connection<TcpStream>,
        tracker: &mut CallTracker,
        stop: &CancellationToken,
        wait: &mut Duration,
    ) -> Result<(), LinkError> {
        tracker.update_settings();
        let mut link = Link::subscribe(connection, tracker.tells_events())?;
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                event = link.next() => {
                    let event = event?;
                    if matches!(event, LinkEvent::Subscribed) {
                        *wait = FIRST_WAIT;
                        self.report_connected();
                        tracker.set_connected(true);
                    }
                    let began = Instant::now();
                    self.handle(event, &mut link, tracker, stop).await?;
                    if tracker.tells_events() {
                        link.follow_live()?;
                        link.request_dumps(tracker.ledger.take_questions());
                        tracker.resync(link.is_caught_up()).await;
                    }
                    link.exclude_busy_time(began.elapsed());
                }
                Some(mut request) = self.verify_requests.recv() => {
                    if tracker.confirms(&request.claim) {
                        request.answer(SwitchAnswer::Has);
                    } else {
                        link.verify(request);
                    }
                }
                input = tracker.next_input() => {
                    let began = Instant::now();
                    tracker.take_input(input).await;
                    link.exclude_busy_time(began.elapsed());
                }
                due = tick.tick() => {
                    // If this program did not run for a while, events may lie unread.
                    tracker.note_pause(due.elapsed());
                    link.keep_alive()?;
                    link.repeat_list()?;
                    link.check_clock()?;
                    let began = Instant::now();
                    close_overdue_calls(tracker, &self.store).await;
                    // A reload may turn events on while no call is up.
                    tracker.update_settings();
                    if tracker.tells_events() {
                        link.follow_live()?;
                    }
                    link.exclude_busy_time(began.elapsed());
                }
            }
        }
    }

    async fn handle(
        &self,
        event: LinkEvent,
        link: &mut Link,
        tracker: &mut CallTracker,
        stop: &CancellationToken,
    ) -> Result<(), LinkError> {
        match event {
            LinkEvent::Event(event) => {
                tracker.apply_event(&event).await;
                if link.has_questions()
                    && let Some(uuid) = event.get("Unique-ID")
                {
                    link.confirm(&uuid, |claim| tracker.confirms(claim));
                }
            }
            LinkEvent::Name(reply) => {
                if let Ok(name) = &reply {
                    tracker.set_own_name(name);
                }
                let name = reply.unwrap_or_else(|text| self.fallback_name(&text, tracker));
                while let Err(error) = tracker
                    .set_switch_name(&name, &self.store, link.listed_at_us)
                    .await
                {
                    if !self.waited_after(&error, stop).await {
                        break;
                    }
                }
            }
            LinkEvent::Channels(list) => {
                let (unlisted, unknown) = tracker.compare_with_list(&list, link.listed_at_us);
                link.check_existence(unlisted);
                link.request_dumps(unknown);
            }
            LinkEvent::Dump(dump) => tracker.apply_dump(&dump).await,
            LinkEvent::Gone(gone) => tracker.lose_legs(&gone, link.listed_at_us).await,
            LinkEvent::Refusal(text) => {
                warn!(switch = %self.options.address, text, "the switch refused a command");
            }
            LinkEvent::ClockOffset(ahead_us) => self.report_clock(ahead_us),
            LinkEvent::Subscribed | LinkEvent::Nothing => {}
        }
        Ok(())
    }

    /// Logs why the store cannot be read and waits a moment. Returns `false` if `stop` came.
    async fn waited_after(&self, error: &StoreError, stop: &CancellationToken) -> bool {
        self.report_unreadable_store(error);
        tokio::select! {
            () = stop.cancelled() => false,
            () = sleep(RETRY_PAUSE) => true,
        }
    }

    /// Returns the name to store calls under if the switch refuses to report its own. Events
    /// and documents still carry that name; only stored rows need one from here.
    fn fallback_name(&self, text: &str, tracker: &CallTracker) -> String {
        let address = &self.options.address;
        warn!(%address, text, "the switch refuses \"api switchname\"; its event_socket user should be allowed it");
        tracker.switch().unwrap_or(address).to_owned()
    }
}
