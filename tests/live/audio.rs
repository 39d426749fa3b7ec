//! Checks what a caller on hold hears, by the RTP that the phone receives.

use super::call::{Exchange, is_run};
use super::control::Event;
use super::phone::Phone;
use super::receiver::Receiver;
use super::rtp_receiver::{HUM, Hum, Packet, now_us};
use super::service::Service;

/// Longest time from the hand-over to the music.
const MUSIC_BEGINS_MS: f64 = 300.0;
/// Longest time between two packets of music.
const GAP_MS: f64 = 60.0;
/// Longest time from the webhook's answer to the end of the music.
const MUSIC_ENDS_MS: f64 = 100.0;
/// Longest time from the webhook's answer to the next action of the dialplan, with missing music.
const BRANCHED_MS: f64 = 100.0;
/// Packets of 20 ms that are received: three seconds.
const LISTENED: usize = 150;

fn ms(from_us: i64, to_us: i64) -> f64 {
    (to_us - from_us) as f64 / 1e3
}

fn webhook(name: &str, music: &str, before_answer: &str) -> String {
    format!(
        "[webhooks.{name}]\nurl = \"http://RECEIVER/hold/{name}\"\nhold_music = \"{music}\"\n\
         before_answer = \"{before_answer}\"\ntimeout = \"50s\"\n"
    )
}

/// Waits for the first application of a line, whichever it is.
async fn branch(exchange: &Exchange, name: &str) -> Event {
    let number = format!("{name}-line-0");
    let is_line = |event: &Event| {
        event.name() == "CHANNEL_EXECUTE" && event.get("Caller-Destination-Number") == number
    };
    exchange.events.wait(&number, is_line).await
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn music_begins_soon_has_no_gap_and_ends_with_the_answer() {
    let exchange = Exchange::acquire().await;
    for before_answer in ["early_media", "answer"] {
        let receiver = Receiver::start().await;
        let name = format!("audio_{before_answer}");
        let path = format!("/hold/{name}");
        receiver.set_answer(&path, "{}");
        let more = webhook(&name, HUM, before_answer);
        let _service = Service::start_on_with(exchange.switch.service, &receiver, &more).await;
        let phone = Phone::new(exchange.switch, "1000").await;
        let number = format!("ask-{name}");
        phone.dial(&number).await;
        let began = |event: &Event| {
            is_run(event, "socket") && event.get("Caller-Destination-Number") == number
        };
        let widget = exchange.events.wait("socket", began).await.made_us();
        let early = match before_answer {
            "answer" => Some(phone.is_answered().await.1),
            _ => None,
        };
        let enough =
            |packets: &[Packet]| packets.iter().filter(|packet| packet.hums).count() > LISTENED;
        phone
            .rtp_receiver
            .wait_for_packets("three seconds of music", enough)
            .await;
        let answered = now_us();
        receiver.release(&path);
        let dialog = match early {
            Some(dialog) => dialog,
            None => phone.is_answered().await.1,
        };
        let branched = branch(&exchange, &name).await.made_us();
        // The line's sound differs from the music.
        let other = |packets: &[Packet]| {
            let last = packets.iter().rposition(|packet| packet.hums);
            last.is_some_and(|last| packets.len() - last > 10)
        };
        let packets = phone
            .rtp_receiver
            .wait_for_packets("the line after the music", other)
            .await;
        phone.hang_up(&dialog).await;
        let hum = Hum::of(&packets).expect("music");
        let (begins, ends) = (ms(widget, hum.began_us), ms(answered, hum.ended_us));
        let silence = ms(hum.ended_us, branched);
        println!(
            "{before_answer}: music began after {begins:.0} ms, longest gap {:.0} ms ({:.0} ms by arrival), \
             ended {ends:.0} ms after the answer and {silence:.0} ms before the branch",
            hum.longest_gap_ms, hum.longest_wait_ms
        );
        assert!(begins <= MUSIC_BEGINS_MS, "{begins} ms");
        assert!(hum.longest_gap_ms <= GAP_MS, "{hum:?}");
        assert!(
            silence <= GAP_MS,
            "{silence} ms of silence before the branch"
        );
        assert!(ends <= MUSIC_ENDS_MS, "{ends} ms");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn the_shipped_hold_music_is_heard_and_its_stream_has_no_gap() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", "{}");
    let _service = Service::start_on(exchange.switch.service, &receiver).await;
    let phone = Phone::new(exchange.switch, "1000").await;
    phone.dial("7002").await;
    receiver.requested("/hold/slow", 1).await;
    let enough = |packets: &[Packet]| packets.len() > LISTENED;
    let packets = phone
        .rtp_receiver
        .wait_for_packets("three seconds", enough)
        .await;
    receiver.release("/hold/slow");
    let gaps = packets
        .windows(2)
        .map(|pair| pair[1].timestamp - pair[0].timestamp);
    assert_eq!(gaps.max(), Some(160), "every packet follows the one before");
    assert!(
        packets.iter().any(|packet| packet.sounds),
        "it is no silence"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn music_that_is_not_there_delays_no_branch() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/no_music", "{}");
    let _service = Service::start_on(exchange.switch.service, &receiver).await;
    let phone = Phone::new(exchange.switch, "1000").await;
    phone.dial("ask-no_music").await;
    let tried = |event: &Event| is_run(event, "playback");
    exchange.events.wait("the attempt to play it", tried).await;
    receiver.requested("/hold/no_music", 1).await;
    let answered = now_us();
    receiver.release("/hold/no_music");
    let branched = branch(&exchange, "no_music").await.made_us();
    println!("branched {:.0} ms after the answer", ms(answered, branched));
    assert!(ms(answered, branched) <= BRANCHED_MS);
}
