//! Plays a webhook that keeps every request posted to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

/// The timeout for requests that must arrive.
const PATIENT: Duration = Duration::from_secs(90);

/// One request.
#[derive(Debug, Clone)]
pub struct Post {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether the request was answered with a 2xx status.
    pub taken: bool,
}

impl Post {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} {:?}: {error}", self.path, self.headers))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }
}

/// How the inbox answers requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Status(u16),
    /// Holds requests until the answer changes.
    Hold,
}

/// A webhook that records its requests.
pub struct Inbox {
    pub address: SocketAddr,
    posts: watch::Receiver<Vec<Post>>,
    answer: watch::Sender<Answer>,
}

struct Kept {
    posts: watch::Sender<Vec<Post>>,
    answer: watch::Receiver<Answer>,
}

impl Inbox {
    /// Listens on a free port and accepts everything.
    pub async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// Serves requests on `listener`.
    pub fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let (posts_out, posts) = watch::channel(Vec::new());
        let (answer, answer_in) = watch::channel(Answer::Status(200));
        let kept = Arc::new(Kept {
            posts: posts_out,
            answer: answer_in,
        });
        let app = axum::Router::new().fallback(take).with_state(kept);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            posts,
            answer,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Sets the answer to requests from now on.
    pub fn answers(&self, answer: Answer) {
        self.answer.send_replace(answer);
    }

    /// Returns every request so far.
    pub fn posts(&self) -> Vec<Post> {
        self.posts.borrow().clone()
    }

    /// Waits for `count` requests and returns every request.
    pub async fn wait(&self, count: usize) -> Vec<Post> {
        self.wait_for(|posts| posts.len() >= count).await
    }

    /// Waits until the requests satisfy `done` and returns every request.
    pub async fn wait_for(&self, done: impl Fn(&[Post]) -> bool) -> Vec<Post> {
        let mut posts = self.posts.clone();
        let waited = timeout(PATIENT, posts.wait_for(|posts| done(posts))).await;
        match waited {
            Ok(posts) => posts.unwrap().clone(),
            Err(_) => panic!("not all was posted: {} requests", self.posts().len()),
        }
    }
}

/// Records a request before it is answered, because the client may be gone afterwards.
async fn take(
    State(kept): State<Arc<Kept>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut number = 0;
    let path = uri.to_string();
    kept.posts.send_modify(|posts| {
        number = posts.len();
        posts.push(Post {
            path,
            headers,
            body,
            taken: false,
        });
    });
    let mut answer = kept.answer.clone();
    let answer = answer.wait_for(|answer| *answer != Answer::Hold).await;
    let Ok(Answer::Status(status)) = answer.as_deref().copied() else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    let status = StatusCode::from_u16(status).unwrap();
    kept.posts
        .send_modify(|posts| posts[number].taken = status.is_success());
    status
}
