//! A background job.

use std::fmt;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Client;
use super::call::Channel;
use crate::codec::Event;
use crate::error::Error;
use crate::refusal::Refusal;

/// A background job, from [`Client::bgapi`].
///
/// Dropping it does not stop the job.
#[must_use = "`Job::result` waits for the job's output"]
pub struct Job {
    uuid: String,
    result: oneshot::Receiver<Result<Event, Error>>,
    /// Keeps the connection.
    client: Client,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("uuid", &self.uuid)
            .finish_non_exhaustive()
    }
}

impl Job {
    pub(super) fn new(
        uuid: String,
        result: oneshot::Receiver<Result<Event, Error>>,
        client: Client,
    ) -> Self {
        Self {
            uuid,
            result,
            client,
        }
    }

    /// Returns the UUID that the switch knows the job by.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Waits for the end of the job and returns its output without the line end.
    ///
    /// # Errors
    /// * [`Error::Refused`] if the output begins with `-ERR` or `-USAGE`. For `originate`,
    ///   [`Refusal::cause`] is the hangup cause.
    /// * [`Error::Lost`] if the connection ended before. The job goes on.
    /// * [`Error::EventsNotRead`] if the job's event is behind events that the program does not
    ///   read.
    pub async fn result(self) -> Result<String, Error> {
        let event = self.event().await?;
        let output = event.body();
        let text = output.trim_end();
        if !text.starts_with("-ERR") && !text.starts_with("-USAGE") {
            return Ok(text.to_owned());
        }
        let command = event.get("Job-Command").unwrap_or_default();
        let refusal = Refusal::new(text.to_owned()).of(format!("bgapi {command}"));
        Err(refusal.into())
    }

    /// Waits for the end of an `originate` and returns the channel that answered.
    ///
    /// # Errors
    /// The errors of [`Job::result`], and [`Error::Refused`] with the output of a job that was no
    /// `originate`.
    pub async fn channel(self) -> Result<Channel, Error> {
        let client = self.client.clone();
        let output = self.result().await?;
        match output.strip_prefix("+OK ").map(str::trim) {
            Some(uuid) if !uuid.is_empty() => Ok(client.channel(uuid)),
            Some(_) | None => Err(Refusal::new(output).of("originate").into()),
        }
    }

    /// Waits at most so long for the end of the job.
    ///
    /// # Errors
    /// Returns [`Error::JobRuns`] after that time, and the errors of [`Job::result`].
    pub async fn result_within(self, within: Duration) -> Result<String, Error> {
        let job = self.uuid.clone();
        in_time(within, job, self.result()).await
    }

    /// Waits at most so long for the end of an `originate` and returns the channel that answered.
    ///
    /// # Errors
    /// Returns [`Error::JobRuns`] after that time, and the errors of [`Job::channel`]. The phone
    /// rings on. [`Originate::timeout`](crate::Originate::timeout) ends that, and so does
    /// [`Channel::hangup`] of a channel whose UUID the program chose.
    pub async fn channel_within(self, within: Duration) -> Result<Channel, Error> {
        let job = self.uuid.clone();
        in_time(within, job, self.channel()).await
    }

    /// Waits for the end of the job and returns its `BACKGROUND_JOB` event.
    ///
    /// # Errors
    /// Returns the errors of [`Job::result`], but no refusal.
    pub async fn event(self) -> Result<Event, Error> {
        let Self { result, client, .. } = self;
        result.await.unwrap_or_else(|_| Err(client.shared.lost()))
    }
}

async fn in_time<T>(
    within: Duration,
    job: String,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let done = timeout(within, work).await;
    done.unwrap_or(Err(Error::JobRuns { job, within }))
}
