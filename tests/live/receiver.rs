//! The tests' webhook: it has an answer for each path, and notes requests and cancelled requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

/// Longest wait. The service waits a minute for further records of a crashed switch.
const PATIENCE: Duration = Duration::from_secs(120);

/// The requests at the webhook.
#[derive(Debug, Clone, Default)]
struct Requests {
    /// Path and body of each request.
    requested: Vec<(String, String)>,
    /// Path of each request that was cancelled before its answer, and when.
    cancelled: Vec<(String, Instant)>,
    /// Paths whose requests do not wait.
    released: Vec<String>,
}

#[derive(Clone)]
struct Shared {
    answers: Arc<Mutex<HashMap<String, String>>>,
    requests: watch::Sender<Requests>,
}

/// A webhook on a free port.
pub struct Receiver {
    /// The webhook's `host:port`.
    pub address: String,
    shared: Shared,
}

impl Receiver {
    /// Starts the webhook. A path without an answer gives 404. Paths under `/hold/` wait for
    /// [`Self::release`]; paths under `/status/` answer with that status.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.2:0").await.expect("a port");
        let address = listener.local_addr().expect("its number").to_string();
        let shared = Shared {
            answers: Arc::default(),
            requests: watch::channel(Requests::default()).0,
        };
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let receiver = Self { address, shared };
        receiver.set_answer("/calls", "");
        receiver
    }

    /// Sets the answer of `path`.
    pub fn set_answer(&self, path: &str, body: impl Into<String>) {
        let mut answers = self.shared.answers.lock().expect("no panic");
        answers.insert(path.to_owned(), body.into());
    }

    /// Waits until `path` had `times` requests, and returns the last body.
    pub async fn requested(&self, path: &str, times: usize) -> String {
        self.bodies(path, times).await.pop().unwrap_or_default()
    }

    /// Waits until `times` documents were delivered to `/calls`, and returns them.
    pub async fn documents(&self, times: usize) -> Vec<Value> {
        self.documents_at("/calls", times).await
    }

    /// Waits until `times` documents were delivered to `path`, and returns them.
    pub async fn documents_at(&self, path: &str, times: usize) -> Vec<Value> {
        let bodies = self.bodies(path, times).await;
        let documents = bodies.iter().map(|body| serde_json::from_str(body));
        documents.map(|document| document.expect("JSON")).collect()
    }

    async fn bodies(&self, path: &str, times: usize) -> Vec<String> {
        let of_path = |requests: &Requests| {
            let bodies = requests
                .requested
                .iter()
                .filter(|(requested, _)| requested == path);
            bodies.map(|(_, body)| body.clone()).collect::<Vec<_>>()
        };
        let often_enough = |requests: &Requests| of_path(requests).len() >= times;
        let requests = self.wait(&format!("request of {path}"), often_enough).await;
        of_path(&requests)
    }

    /// Waits until a request of `path` was cancelled, and returns when.
    pub async fn cancelled(&self, path: &str) -> Instant {
        let of_path = |requests: &Requests| {
            requests
                .cancelled
                .iter()
                .find(|(cancelled, _)| cancelled == path)
                .map(|cancelled| cancelled.1)
        };
        let requests = self
            .wait(&format!("leaving of {path}"), |requests| {
                of_path(requests).is_some()
            })
            .await;
        of_path(&requests).expect("just seen")
    }

    /// Waits until `times` requests of `path` were cancelled.
    pub async fn all_cancelled(&self, path: &str, times: usize) {
        let often_enough = |requests: &Requests| {
            let cancelled = requests.cancelled.iter();
            cancelled.filter(|(cancelled, _)| cancelled == path).count() >= times
        };
        self.wait(&format!("leaving of {path}"), often_enough).await;
    }

    /// Answers all requests that wait at `path`, now and later.
    pub fn release(&self, path: &str) {
        self.shared
            .requests
            .send_modify(|requests| requests.released.push(path.to_owned()));
    }

    /// Lets new requests of `path` wait again.
    pub fn hold(&self, path: &str) {
        let again = |requests: &mut Requests| requests.released.retain(|released| released != path);
        self.shared.requests.send_modify(again);
    }

    /// Returns how many requests of a path came.
    pub fn count_of(&self, path: &str) -> usize {
        let requests = self.shared.requests.borrow();
        requests
            .requested
            .iter()
            .filter(|(requested, _)| requested == path)
            .count()
    }

    /// Returns how many requests of all paths came.
    pub fn count(&self) -> usize {
        self.shared.requests.borrow().requested.len()
    }

    async fn wait(&self, what: &str, wanted: impl Fn(&Requests) -> bool) -> Requests {
        let mut watch = self.shared.requests.subscribe();
        let requests = timeout(PATIENCE, watch.wait_for(wanted)).await;
        requests
            .unwrap_or_else(|_| panic!("no {what} came"))
            .expect("the desk is there")
            .clone()
    }
}

/// Notes a request that is dropped before its answer.
struct Waiting {
    shared: Shared,
    path: Option<String>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            self.shared
                .requests
                .send_modify(|requests| requests.cancelled.push((path, Instant::now())));
        }
    }
}

async fn answer(State(shared): State<Shared>, uri: Uri, body: Bytes) -> Response {
    let path = uri.path().to_owned();
    let body = String::from_utf8_lossy(&body).into_owned();
    shared
        .requests
        .send_modify(|requests| requests.requested.push((path.clone(), body)));
    if path.starts_with("/hold/") {
        let mut waiting = Waiting {
            shared: shared.clone(),
            path: Some(path.clone()),
        };
        let mut watch = shared.requests.subscribe();
        let released = watch
            .wait_for(|requests| requests.released.contains(&path))
            .await
            .map(drop);
        waiting.path = released.err().map(|_| path.clone());
    }
    if let Some(status) = path
        .strip_prefix("/status/")
        .and_then(|status| status.parse().ok())
    {
        return (StatusCode::from_u16(status).expect("a status"), "{}").into_response();
    }
    let answers = shared.answers.lock().expect("no panic");
    match answers.get(&path) {
        Some(body) => ([(header::CONTENT_TYPE, "application/json")], body.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, "nobody told me").into_response(),
    }
}
