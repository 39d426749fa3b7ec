//! Places calls through the shipped dialplan and follows them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::{Mutex, MutexGuard};

use super::control::{Control, Event, Events};
use super::switch::Switch;

/// The switch, with connections to control and watch it. One test at a time has it.
pub struct Exchange {
    /// The switch.
    pub switch: &'static Switch,
    /// The connection for API commands.
    pub control: Control,
    /// The events since this test began.
    pub events: Events,
    _turn: MutexGuard<'static, ()>,
}

impl Exchange {
    /// Waits until no other test has the switch, and returns it without calls.
    pub async fn acquire() -> Self {
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        Self::at(Switch::shared, turn).await
    }

    /// Returns a switch that no other test uses.
    pub async fn with_own_switch() -> Self {
        static OWN: Mutex<()> = Mutex::const_new(());
        Self::at(Switch::own, OWN.lock().await).await
    }

    async fn at(start: fn() -> &'static Switch, turn: MutexGuard<'static, ()>) -> Self {
        let switch = tokio::task::spawn_blocking(start)
            .await
            .expect("a FreeSWITCH");
        let control = Control::connect(switch).await;
        control.api("hupall").await;
        control.api("fsctl sps 2000").await;
        let events = Events::listen(switch).await;
        Self {
            switch,
            control,
            events,
            _turn: turn,
        }
    }

    /// Calls `number` as a phone would. `hosts` is its variable `switchhook`: the services that take
    /// the call.
    pub async fn dial(&self, number: &str, hosts: &str) -> Call<'_> {
        self.dial_in("phones", number, hosts).await
    }

    /// Calls `number` in another context.
    pub async fn dial_in(&self, context: &str, number: &str, hosts: &str) -> Call<'_> {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let mark = format!("{}", CALLS.fetch_add(1, Ordering::Relaxed));
        // A loopback call has two ends; "-b" goes through the dialplan.
        let command = format!(
            "bgapi originate {{live_call={mark},switchhook={hosts},loopback_export='live_call,switchhook',\
             ignore_early_media=true,originate_timeout=60,origination_caller_id_number=919822003887}}\
             loopback/{number}/{context}/XML &park"
        );
        self.control.send_command(&command).await;
        let is_mine = |event: &Event| {
            event.variable("live_call") == Some(&mark) && event.get("Channel-Name").ends_with("-b")
        };
        let first = self
            .events
            .wait(&format!("call to {number}"), is_mine)
            .await;
        Call {
            exchange: self,
            uuid: first.get("Unique-ID").to_owned(),
        }
    }
}

/// One call. The next test's [`Exchange::acquire`] hangs it up if it is left.
pub struct Call<'x> {
    exchange: &'x Exchange,
    /// Unique-ID of the channel that the dialplan runs on.
    pub uuid: String,
}

impl Call<'_> {
    /// Waits for a wanted event of this channel.
    pub async fn wait(&self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let wanted = |event: &Event| event.get("Unique-ID") == self.uuid && wanted(event);
        self.exchange.events.wait(what, wanted).await
    }

    /// Tells whether this channel had such an event.
    pub fn had(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        let wanted = |event: &Event| event.get("Unique-ID") == self.uuid && wanted(event);
        self.exchange.events.has(wanted)
    }

    /// Waits until the channel begins an application.
    pub async fn runs(&self, application: &str) -> Event {
        self.wait(application, |event| is_run(event, application))
            .await
    }

    /// Waits for the first application of `name-line-0` or `name-line-1`.
    pub async fn line_of(&self, name: &str) -> Line {
        let prefix = format!("{name}-line-");
        let at = |event: &Event| {
            event
                .get("Caller-Destination-Number")
                .strip_prefix(&prefix)
                .map(str::to_owned)
        };
        let event = self
            .wait(&prefix, |event| {
                event.name() == "CHANNEL_EXECUTE" && at(event).is_some()
            })
            .await;
        Line {
            number: at(&event).expect("just seen"),
            event,
        }
    }

    /// Parks the channel, so that the end of a tone does not hang it up.
    pub async fn park(&self) {
        self.exchange
            .control
            .api(&format!("uuid_transfer {} park inline", self.uuid))
            .await;
        self.runs("park").await;
    }

    /// Returns a variable exactly as the switch keeps it.
    pub async fn variable(&self, name: &str) -> Option<String> {
        let value = self
            .exchange
            .control
            .api(&format!("uuid_getvar {} {name}", self.uuid))
            .await;
        (value != "_undef_").then_some(value)
    }

    /// Returns a header of the channel now, such as `Channel-State`.
    pub async fn now(&self, header: &str) -> String {
        let dump = self
            .exchange
            .control
            .api(&format!("uuid_dump {} json", self.uuid))
            .await;
        // If the channel is gone the switch answers in words, which the test's failure shows.
        let Ok(dump) = serde_json::from_str::<serde_json::Value>(&dump) else {
            return dump;
        };
        dump[header].as_str().unwrap_or_default().to_owned()
    }

    /// Hangs up as the caller.
    pub async fn hang_up(&self) {
        self.exchange
            .control
            .api(&format!("uuid_kill {}", self.uuid))
            .await;
    }
}

/// Tells whether the event is the beginning of this application.
pub fn is_run(event: &Event, application: &str) -> bool {
    event.name() == "CHANNEL_EXECUTE" && event.get("Application") == application
}

/// The line that a call went on.
pub struct Line {
    /// `0` or `1`.
    pub number: String,
    event: Event,
}

impl Line {
    /// Returns a variable as the dialplan had it there.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.event.variable(name)
    }

    /// Returns a flow variable as the dialplan had it there.
    pub fn key(&self, name: &str) -> Option<&str> {
        self.variable(&format!("flow.key.{name}"))
    }

    /// Returns when the dialplan began the line.
    pub fn at(&self) -> Instant {
        self.event.arrived
    }
}
