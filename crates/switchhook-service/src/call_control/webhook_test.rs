//! Runs one webhook without a call: the request for given variables, and what its answer would
//! write.

use std::collections::BTreeMap;

use switchhook_core::headers::VARIABLE;
use switchhook_core::outcome::{Failure, Outcome};
use switchhook_core::tenants::{self, WithVariables};
use switchhook_core::variables::{Assignment, Line, line};
use switchhook_webhook::context::HeaderRecorder;
use switchhook_webhook::{ResponseMeta, SendContext};

use super::{TaskRequest, WebhookTask, WebhookTasks};

/// A webhook, and the request that a channel with some variables would send.
pub struct WebhookTest<'w> {
    tasks: &'w WebhookTasks,
    task: &'w WebhookTask,
    /// The request; or why there is none.
    pub request: Result<TaskRequest, Failure>,
    /// Headers of the channel that the request is made of.
    pub read: Vec<String>,
    /// Headers that the templates name and the channel does not have.
    pub absent: Vec<String>,
}

/// The result of a test.
#[derive(Debug)]
pub struct TestOutcome {
    /// The webhook's outcome.
    pub outcome: Outcome,
    /// How the answer arrived.
    pub answered: ResponseMeta,
    /// The variables that would be set on the channel, the line last. Variables that would be unset
    /// are left out.
    pub variables: Vec<(String, String)>,
    /// The line that the call would take.
    pub line: Line,
}

impl<'w> WebhookTest<'w> {
    /// Renders the request of the webhook `name`. Returns `None` if there is no such webhook.
    #[must_use]
    pub fn prepare(
        tasks: &'w WebhookTasks,
        name: &str,
        headers: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let task = tasks.by_name.get(name)?;
        let tenants = &tasks.tenants;
        let (given, zone) = tenants::match_channel(tenants, headers, |belongs| {
            let zone = belongs.settings.unwrap_or(&tenants.default).time_zone;
            (tenants::route_variables(&belongs, headers), zone)
        });
        let recorder = HeaderRecorder::new(headers);
        let with = WithVariables {
            headers: &recorder,
            variables: &given,
        };
        let request = task.prepare(&with, zone);
        Some(Self {
            tasks,
            task,
            request,
            absent: recorder.absent(),
            read: recorder.read(),
        })
    }

    /// Sends the request and waits for the outcome.
    pub async fn run(self) -> TestOutcome {
        let mut answered = ResponseMeta::default();
        let outcome = match self.request {
            Err(failure) => Outcome::unsent(failure),
            Ok(request) => {
                let client = &self.tasks.client;
                let context = SendContext {
                    note: Some(&mut answered),
                    // A test asks also a URL whose circuit is open.
                    breakers: None,
                };
                self.task.ask(client, request, context).await
            }
        };
        let rows = self.task.plan.assignments(&outcome, None).into_iter();
        let set = |row: Assignment<'_>| Some((row.name.into_owned(), row.value?.into_owned()));
        TestOutcome {
            variables: rows.filter_map(set).collect(),
            line: line(&outcome),
            answered,
            outcome,
        }
    }
}

/// Returns the headers of an answered inbound channel with these variables. A name that begins with
/// a capital letter is a header, such as `Caller-Caller-ID-Number`, which `call.*` is read from.
#[must_use]
pub fn channel_headers<N: Into<String>>(
    vars: impl IntoIterator<Item = (N, N)>,
) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::from([
        ("Unique-ID".to_owned(), uuid::Uuid::new_v4().to_string()),
        ("Call-Direction".to_owned(), "inbound".to_owned()),
        ("Caller-Direction".to_owned(), "inbound".to_owned()),
        ("Caller-Profile-Index".to_owned(), "1".to_owned()),
        ("Answer-State".to_owned(), "answered".to_owned()),
    ]);
    for (name, value) in vars {
        let (name, value): (String, String) = (name.into(), value.into());
        headers.insert(header_of(&name), value);
    }
    headers
}

/// Returns the header behind a name that [`channel_headers`] takes.
#[must_use]
pub fn header_of(name: &str) -> String {
    if name.starts_with(|c: char| c.is_ascii_uppercase()) {
        name.to_owned()
    } else {
        [VARIABLE, name].concat()
    }
}
