//! Receives a phone's RTP, and tells which packets hold the sound that a test plays.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
/// Samples a second of PCMU, which are also the ticks of its RTP clock.
const RATE: f64 = 8000.0;
/// Frequency of the tests' sound; a packet of 20 ms holds a whole number of its waves.
const HERTZ: f64 = 1000.0;
/// The tests' sound as a stream of FreeSWITCH: a minute without a pause.
pub const HUM: &str = "tone_stream://v=-13;%(60000,0,1000)";
/// Least share of a packet's energy at [`HERTZ`] for the tests' sound.
const SHARE: f64 = 0.8;
/// Least mean square of the samples of a packet that is not silent.
const AUDIBLE: f64 = 10_000.0;
const RTP_HEADER: usize = 12;

/// One packet of 20 ms.
#[derive(Debug, Clone, Copy)]
pub struct Packet {
    /// Time of arrival, µs since 1970.
    pub arrived_us: i64,
    /// The RTP clock without wrap: a test's call is shorter than its 149 hours.
    pub timestamp: u32,
    /// Whether it holds the sound of [`HUM`].
    pub hums: bool,
    /// Whether it holds any sound.
    pub sounds: bool,
}

/// Receives RTP on a port until it is dropped.
pub struct RtpReceiver {
    /// The port for RTP.
    pub port: u16,
    packets: watch::Receiver<Vec<Packet>>,
    closed: Arc<AtomicBool>,
}

impl RtpReceiver {
    /// Receives from now on. A separate thread takes the times, so that a busy test does not change them.
    pub fn open() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("its number").port();
        let patience = Some(Duration::from_millis(200));
        socket.set_read_timeout(patience).expect("a timeout");
        let (sender, packets) = watch::channel(Vec::new());
        let closed = Arc::new(AtomicBool::new(false));
        let is_closed = Arc::clone(&closed);
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !is_closed.load(Ordering::Relaxed) {
                let Ok(length) = socket.recv(&mut buffer) else {
                    continue;
                };
                if let Some(packet) = packet(&buffer[..length]) {
                    sender.send_modify(|packets: &mut Vec<Packet>| packets.push(packet));
                }
            }
        });
        Self {
            port,
            packets,
            closed,
        }
    }

    /// Waits until the packets so far are as `wanted`, and returns them.
    pub async fn wait_for_packets(
        &self,
        what: &str,
        wanted: impl Fn(&[Packet]) -> bool,
    ) -> Vec<Packet> {
        let mut packets = self.packets.clone();
        let packets = timeout(PATIENCE, packets.wait_for(|packets| wanted(packets))).await;
        let packets = packets.unwrap_or_else(|_| panic!("never heard: {what}"));
        packets.expect("the thread listens").clone()
    }
}

impl Drop for RtpReceiver {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// Returns the time now, µs since 1970: the clock of FreeSWITCH's events.
pub fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    i64::try_from(since.as_micros()).expect("before 292277")
}

fn packet(bytes: &[u8]) -> Option<Packet> {
    let payload = bytes.get(RTP_HEADER..)?;
    let timestamp = u32::from_be_bytes(bytes[4..8].try_into().ok()?);
    let is_pcmu = bytes[0] >> 6 == 2 && bytes[1] & 0x7f == 0;
    let (sounds, hums) = listen(payload);
    is_pcmu.then(|| Packet {
        arrived_us: now_us(),
        timestamp,
        hums,
        sounds,
    })
}

/// Tells whether a packet has sound, and whether it is the tests' sound: the output of Goertzel's filter
/// at [`HERTZ`], compared with the whole energy.
fn listen(payload: &[u8]) -> (bool, bool) {
    let count = payload.len() as f64;
    let turn = 2.0 * (std::f64::consts::TAU * HERTZ / RATE).cos();
    let (mut last, mut before, mut energy) = (0.0, 0.0, 0.0);
    for byte in payload {
        let sample = linear(*byte);
        (last, before) = (turn * last - before + sample, last);
        energy += sample * sample;
    }
    let power = last * last + before * before - turn * last * before;
    let sounds = energy > AUDIBLE * count;
    (sounds, sounds && 2.0 * power > SHARE * count * energy)
}

/// Decodes a byte of µ-law (ITU-T G.711).
fn linear(byte: u8) -> f64 {
    let byte = !byte;
    let size = ((i32::from(byte & 0x0f) << 3) + 0x84) << ((byte & 0x70) >> 4);
    f64::from(if byte & 0x80 == 0 {
        size - 0x84
    } else {
        0x84 - size
    })
}

/// A stretch of [`HUM`], timed by the RTP clock, because arrival times vary on a busy machine.
#[derive(Debug)]
pub struct Hum {
    /// The beginning of its first packet, µs since 1970.
    pub began_us: i64,
    /// The end of its last packet, µs since 1970.
    pub ended_us: i64,
    /// The longest time between the beginnings of two packets, by the RTP clock.
    pub longest_gap_ms: f64,
    /// The longest time between the arrivals of two packets.
    pub longest_wait_ms: f64,
}

impl Hum {
    /// Returns the stretch from the first packet with the sound to the last.
    pub fn of(packets: &[Packet]) -> Option<Self> {
        let hum: Vec<_> = packets.iter().filter(|packet| packet.hums).collect();
        let (first, last) = (hum.first()?, hum.last()?);
        let clock_us = |packet: &Packet| {
            let ticks = packet.timestamp.wrapping_sub(first.timestamp);
            (f64::from(ticks) * 1e6 / RATE) as i64
        };
        // The packet with the shortest delay gives the RTP clock's zero in our time.
        let zero = hum
            .iter()
            .map(|packet| packet.arrived_us - clock_us(packet))
            .min()?;
        let longest = |between: &dyn Fn(&Packet, &Packet) -> i64| {
            let gaps = hum.windows(2).map(|pair| between(pair[0], pair[1]));
            gaps.max().unwrap_or_default() as f64 / 1e3
        };
        Some(Self {
            began_us: zero + clock_us(first),
            ended_us: zero + clock_us(last) + 20_000,
            longest_gap_ms: longest(&|one, next| clock_us(next) - clock_us(one)),
            longest_wait_ms: longest(&|one, next| next.arrived_us - one.arrived_us),
        })
    }
}

#[test]
fn an_ear_knows_the_hum_from_another_tone_and_from_silence() {
    let wave = |hertz: f64| -> Vec<u8> {
        let sample =
            |index: u32| (f64::from(index) * std::f64::consts::TAU * hertz / RATE).sin() * 8000.0;
        let nearest = |wanted: f64| {
            (0..=255_u8).min_by(|one, other| {
                (linear(*one) - wanted)
                    .abs()
                    .total_cmp(&(linear(*other) - wanted).abs())
            })
        };
        (0..160)
            .filter_map(|index| nearest(sample(index)))
            .collect()
    };
    assert_eq!(listen(&wave(HERTZ)), (true, true));
    assert_eq!(listen(&wave(784.0)), (true, false));
    assert_eq!(listen(&wave(523.0)), (true, false));
    assert_eq!(listen(&[0xff; 160]), (false, false));
}
