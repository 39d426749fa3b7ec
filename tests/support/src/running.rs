//! Runs the service, or only its call control, between a scripted switch and a scripted webhook.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use switchhook_service::call_control::{
    BackgroundRequest, CallControl, CallControlOptions, CallPersistence, KeptAnswer,
};
use switchhook_service::config::Config;
use switchhook_service::service::{Service, compile};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::ports;
use crate::receiver::Receiver;

/// A time that no working test reaches.
pub const NEVER: Duration = Duration::from_secs(3_600);

/// Returns a configuration of these sections, with a store in `folder`. `{receiver}` stands for the
/// receiver's address.
pub fn config(folder: &Path, receiver: SocketAddr, sections: &str) -> Config {
    let store = folder.join("store.db");
    let text = format!(
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
         [store]\nurl = \"sqlite:{}\"\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n{}",
        store.display(),
        sections.replace("{receiver}", &format!("http://{receiver}"))
    );
    Config::parse(&text, "test.toml").unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

/// The whole service.
pub struct Running {
    pub service: Service,
    pub receiver: Receiver,
    pub folder: TempDir,
}

impl Running {
    pub async fn start(sections: &str) -> Self {
        let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
        let config = config(folder.path(), receiver.address, sections);
        Self {
            service: Service::start(&config).await.unwrap(),
            receiver,
            folder,
        }
    }

    pub fn esl(&self) -> SocketAddr {
        self.service.esl
    }

    /// Waits until the check whose name begins with `name` is healthy (`/readyz`).
    pub async fn is_healthy(&self, name: &str) {
        let well = format!("\"name\":\"{name}");
        loop {
            let page = self.get("/readyz").await;
            let check = page.split('{').find(|check| check.contains(&well));
            if check.is_some_and(|check| check.contains("\"ok\":true")) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns the response at a path of the service's HTTP port.
    pub async fn get(&self, path: &str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(self.service.http)
            .await
            .unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Reloads the service with an edited configuration.
    pub fn reload(&self, sections: &str) {
        let config = config(self.folder.path(), self.receiver.address, sections);
        self.service.reload(&config).unwrap();
    }
}

/// The call control alone, with what its calls leave behind.
pub struct Calls {
    pub esl: SocketAddr,
    pub receiver: Receiver,
    pub call_control: Arc<CallControl>,
    pub left: UnboundedReceiver<Left>,
    /// Stops the listener.
    pub stop: CancellationToken,
    _folder: TempDir,
}

/// What a call leaves behind.
#[derive(Debug)]
pub enum Left {
    BackgroundRequest(Box<BackgroundRequest>),
    KeptAnswer(KeptAnswer),
}

struct LeftBehind(UnboundedSender<Left>);

impl CallPersistence for LeftBehind {
    fn send_later(&self, request: BackgroundRequest) -> BoxFuture<'static, Result<(), String>> {
        let sent = self.0.send(Left::BackgroundRequest(Box::new(request)));
        async move { sent.map_err(|error| error.to_string()) }.boxed()
    }

    fn keep(&self, answer: KeptAnswer) -> BoxFuture<'static, Result<(), String>> {
        let sent = self.0.send(Left::KeptAnswer(answer));
        async move { sent.map_err(|error| error.to_string()) }.boxed()
    }
}

impl Calls {
    /// Starts call control; music begins for answers that take longer than `music_after`.
    pub async fn start(music_after: Duration, sections: &str) -> Self {
        let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
        let config = config(folder.path(), receiver.address, sections);
        let tasks = compile(&config).unwrap();
        let (persistence, left) = unbounded_channel();
        let options = CallControlOptions {
            music_after,
            connect_deadline: NEVER,
            goodbye_deadline: NEVER,
            ..CallControlOptions::default()
        };
        let call_control = Arc::new(CallControl::new(
            options,
            tasks,
            Arc::new(LeftBehind(persistence)),
        ));
        // Closed before its clients are gone: no other test may get its port.
        let (socket, esl) = ports::bound();
        let listener = socket.listen(1024).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&call_control).serve(listener, stop.clone()));
        Self {
            esl,
            receiver,
            call_control,
            left,
            stop,
            _folder: folder,
        }
    }

    /// Starts call control that plays no music, as if every answer came at once.
    pub async fn quick(sections: &str) -> Self {
        Self::start(NEVER, sections).await
    }

    /// Starts call control that plays music at once, as if every answer were slow.
    pub async fn slow(sections: &str) -> Self {
        Self::start(Duration::ZERO, sections).await
    }

    /// Waits until no call is on hold.
    pub async fn idle(&self) {
        while self.call_control.on_hold() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
