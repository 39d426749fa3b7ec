//! Between a switch's port 8021 and a service: events get lost here, and connections break.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Of so many events one is lost.
const ONE_IN: u32 = 20;
/// After so many events, on average, the connection breaks.
const BREAKS_AFTER: u32 = 150;

pub struct Relay {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    random: Mutex<fastrand::Rng>,
    is_honest: AtomicBool,
    lost: AtomicUsize,
    cut: AtomicUsize,
}

/// What becomes of an event.
enum Fate {
    Arrives,
    Lost,
    /// And the connection with it.
    Cut,
}

impl Relay {
    /// Of the port at `switch`.
    pub async fn start(switch: SocketAddr, random: fastrand::Rng) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            random: Mutex::new(random),
            is_honest: AtomicBool::default(),
            lost: AtomicUsize::default(),
            cut: AtomicUsize::default(),
        });
        let ours = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((service, _)) = listener.accept().await {
                let switch = TcpStream::connect(switch).await.unwrap();
                tokio::spawn(carry(service, switch, Arc::clone(&ours)));
            }
        });
        Self { address, shared }
    }

    /// Nothing is lost any more.
    pub fn be_honest(&self) {
        self.shared.is_honest.store(true, Ordering::SeqCst);
    }

    /// Events that were lost, and connections that were cut.
    pub fn faults(&self) -> usize {
        self.shared.lost.load(Ordering::SeqCst) + self.shared.cut.load(Ordering::SeqCst)
    }
}

async fn carry(service: TcpStream, switch: TcpStream, shared: Arc<Shared>) {
    let (mut from_service, to_service) = service.into_split();
    let (from_switch, mut to_switch) = switch.into_split();
    tokio::select! {
        // Whoever ends, both connections do.
        _ = tokio::io::copy(&mut from_service, &mut to_switch) => {}
        _ = events(from_switch, to_service, &shared) => {}
    }
}

/// Frame by frame.
async fn events(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        while let Some(length) = frame(&buffer) {
            let frame: Vec<u8> = buffer.drain(..length).collect();
            match shared.fate(&frame) {
                Fate::Arrives => to.write_all(&frame).await?,
                Fate::Lost => {}
                Fate::Cut => return Ok(()),
            }
        }
        if from.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// The length of the first frame, when all of it is there.
fn frame(bytes: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(bytes, b"\n\n")? + 2;
    let text = std::str::from_utf8(&bytes[..head]).unwrap();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let whole = head + length.map_or(0, |length| length.parse::<usize>().unwrap());
    (bytes.len() >= whole).then_some(whole)
}

impl Shared {
    fn fate(&self, frame: &[u8]) -> Fate {
        let is_event = memchr::memmem::find(frame, b"Content-Type: text/event-json").is_some();
        if !is_event || self.is_honest.load(Ordering::SeqCst) {
            return Fate::Arrives;
        }
        let mut random = self.random.lock().unwrap();
        if random.u32(0..BREAKS_AFTER) == 0 {
            self.cut.fetch_add(1, Ordering::SeqCst);
            return Fate::Cut;
        }
        if random.u32(0..ONE_IN) == 0 {
            self.lost.fetch_add(1, Ordering::SeqCst);
            return Fate::Lost;
        }
        Fate::Arrives
    }
}
