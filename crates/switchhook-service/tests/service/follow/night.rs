//! A call of the night when the clocks go back: its document and its page.

use crate::follow::made::Made;
use crate::follow::stage::Stage;

#[tokio::test]
async fn a_call_across_the_hour_that_is_there_twice_is_shown_with_its_offsets() {
    let stage = Stage::new().await;
    let settings = stage.settings("[keep]\ncalls = \"\"");
    assert!(settings.contains("\"Asia/Kolkata\""));
    let settings = settings.replace("Asia/Kolkata", "Europe/Berlin");
    let service = stage.serve(&settings).await;
    // In Berlin from 02:59:30 to 02:00:30, a minute later.
    let leg = Made {
        uuid: "one",
        inbound: true,
        caller: "919879072567",
        destination: "7000",
        created: "2026-10-25T00:59:30.000Z",
        answered: "2026-10-25T00:59:40.000Z",
        ended: "2026-10-25T01:00:30.000Z",
        headers: &[("Event-Date-Timestamp", "1792890030000000")],
        ..Made::default()
    };
    let events = [leg.create(), leg.answer(), leg.complete()];
    let lines: Vec<String> = events.iter().map(|event| event.json()).collect();
    stage.switch.play(&lines);
    let document = stage.inbox.wait(1).await[0].json();
    let entry = &document["callDetails"][0];
    assert_eq!(entry["startTime"], "2026-10-25T02:59:30.000+02:00");
    assert_eq!(entry["endTime"], "2026-10-25T02:00:30.000+01:00");
    assert_eq!(entry["duration"], "50000");
    let page = format!("http://{}/calls/one", service.http);
    let page = test_support::http::get(page).await.unwrap();
    let page = page.text().await.unwrap();
    for text in ["2026-10-25 02:59:30 +02:00", "02:00:30 +01:00"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    service.stop().await;
}
