//! One widget without a call: what is asked for given variables, and what an answer would write.

use std::collections::BTreeMap;

use switchhook_core::outcome::{Failure, Outcome};
use switchhook_core::tenants::{self, With};
use switchhook_core::variables::{Assignment, Line, line};
use switchhook_webhook::Answered;

use super::{Asked, WebhookTask, WebhookTasks};

/// A widget, and what a channel with some variables would ask it.
pub struct WebhookTest<'w> {
    widgets: &'w WebhookTasks,
    widget: &'w WebhookTask,
    /// What is sent; or why nothing is.
    pub asked: Result<Asked, Failure>,
}

/// What came of it.
#[derive(Debug)]
pub struct TestOutcome {
    /// The webhook's outcome.
    pub outcome: Outcome,
    /// How its answer came.
    pub answered: Answered,
    /// The variables that a channel is given, the line last; those that would be unset are not
    /// among them.
    pub variables: Vec<(String, String)>,
    /// Where the call would go on.
    pub line: Line,
}

impl<'w> WebhookTest<'w> {
    /// Makes the request of the webhook `name`; `None` when there is none of this name.
    #[must_use]
    pub fn of(
        widgets: &'w WebhookTasks,
        name: &str,
        headers: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let widget = widgets.by_name.get(name)?;
        let tenants = &widgets.tenants;
        let (given, zone) = tenants::belong(tenants, headers, |belongs| {
            let zone = belongs.of.unwrap_or(&tenants.default).time_zone;
            (tenants::given(&belongs, headers), zone)
        });
        let with = With {
            headers,
            given: &given,
        };
        Some(Self {
            widgets,
            widget,
            asked: widget.prepare(&with, zone),
        })
    }

    /// Sends it, and waits for the outcome.
    pub async fn ask(self) -> TestOutcome {
        let mut answered = Answered::default();
        let outcome = match self.asked {
            Err(failure) => Outcome::unsent(failure),
            Ok(asked) => {
                let client = &self.widgets.client;
                let note = Some(&mut answered);
                self.widget.ask_noting(client, asked, note).await
            }
        };
        let rows = self.widget.plan.assignments(&outcome, None).into_iter();
        let set = |row: Assignment| Some((row.name, row.value?));
        TestOutcome {
            variables: rows.filter_map(set).collect(),
            line: line(&outcome),
            answered,
            outcome,
        }
    }
}

/// The headers of an answered inbound channel with these variables. What begins with a capital
/// letter is no variable but a header, by which `call.*` is given: `Caller-Caller-ID-Number`.
#[must_use]
pub fn channel<N: Into<String>>(
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
        let is_header = name.starts_with(|c: char| c.is_ascii_uppercase());
        let name = match is_header {
            true => name,
            false => format!("variable_{name}"),
        };
        headers.insert(name, value);
    }
    headers
}
