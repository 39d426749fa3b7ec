//! What people see of the tries of a webhook and of its URLs' circuits: on the page, in spans, in
//! the recording.

use std::path::Path;

use regex::Regex;
use serde_json::Value;
use switchhook_service::service::Service;

use super::collector::{Collector, ReceivedSpan};
use super::place::{Place, request};

/// In every URL.
const SECRET: &str = "url-t0ken-9f8e";
/// `call`, the document's delivery, the webhook, its request, and three tries.
const SPANS: usize = 7;

/// Returns a webhook that fails at its URL, has one that cannot be made, and answers at the third.
fn webhook(name: &str) -> String {
    format!(
        "[webhooks.{name}]\nurl = \"{{webhooks}}/status/503/{name}?api_key={SECRET}\"\n\
         fallback_urls = [\"{{webhooks}}/{{{{ flow.key.absent }}}}?api_key={SECRET}\",\
         \"{{webhooks}}/ok/{name}?api_key={SECRET}\"]\n"
    )
}

async fn page(service: &Service, path: &str) -> String {
    let url = format!("http://{}{path}", service.http);
    let answer = test_support::http::get(url).await.unwrap();
    answer.text().await.unwrap()
}

/// Returns what a pattern's groups find, in each place where it matches.
fn found<const N: usize>(pattern: &str, text: &str) -> Vec<[String; N]> {
    let pattern = Regex::new(pattern).unwrap();
    let all = pattern.captures_iter(text);
    all.map(|found| found.extract().1.map(str::to_owned))
        .collect()
}

/// Waits for the recording of the only call, and returns its tries.
async fn recorded(folder: &Path) -> Vec<Value> {
    let text = loop {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().path());
        let mut done = names.filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.ends_with(".call.jsonl") && !name.starts_with('.')
        });
        match done.next() {
            Some(path) => break std::fs::read_to_string(path).unwrap(),
            None => tokio::task::yield_now().await,
        }
    };
    assert!(!text.contains(SECRET), "{text}");
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let tries = lines.filter_map(|line: Value| line.get("tries").cloned());
    tries
        .flat_map(|tries| tries.as_array().unwrap().clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_try_is_on_the_calls_page_in_a_span_and_in_the_recording() {
    let (place, collector) = (Place::set().await, Collector::start().await);
    let folder = place.folder.path().join("calls");
    let recorder = format!(
        "[recorder]\nshare = 1.0\nfolder = \"{}\"\n",
        folder.display()
    );
    let settings = recorder + &webhook("pair") + &collector.section();
    let service = place.serve(&place.config(&settings)).await;
    let call = place.place(&service, "pair", false).await;
    assert_eq!(call.variables["flow.key.response_attempts"], "2");
    request(&place.documents, "/completed", &call.uuid).await;
    let [busy, good] = ["/status/503/pair", "/ok/pair"]
        .map(|path| format!("{}?api_key=[secret]", place.webhooks.url(path)));

    let shown = page(&service, &format!("/calls/{}", call.uuid)).await;
    assert!(!shown.contains(SECRET), "{shown}");
    let row = r#"<tr><td class="id">([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td></tr>"#;
    let rows: Vec<[String; 3]> = found(row, &shown);
    let expected = [
        (&*busy, true, "HTTP_STATUS 503: "),
        ("a fallback URL", false, "INVALID_FLOW_VAR: "),
        (&*good, true, "SUCCESS 200"),
    ];
    assert_eq!(rows.len(), expected.len(), "{rows:?}");
    for ([url, took, outcome], (expected, was_sent, words)) in rows.iter().zip(expected) {
        assert_eq!(
            (&**url, took != "not sent"),
            (expected, was_sent),
            "{rows:?}"
        );
        assert!(outcome.starts_with(words), "{rows:?}");
    }

    let named = collector.trace(&call.uuid, SPANS).await;
    let spans = collector.spans().into_iter();
    let mut tries: Vec<ReceivedSpan> = spans.filter(|span| span.name == "try").collect();
    tries.sort_by_key(|span| span.began_ns);
    let post = &named["POST"];
    let expected = [
        (&*busy, Some("503"), Some("HTTP_STATUS")),
        ("a fallback URL", None, Some("INVALID_FLOW_VAR")),
        (&*good, Some("200"), None),
    ];
    assert_eq!(tries.len(), expected.len(), "{tries:#?}");
    for (span, (url, status, fault)) in tries.iter().zip(expected) {
        let attribute = |key: &str| span.attributes.get(key).map(String::as_str);
        assert_eq!(attribute("url.full"), Some(url));
        assert_eq!(attribute("http.response.status_code"), status, "{span:?}");
        assert_eq!(attribute("error.type"), fault, "{span:?}");
        assert_eq!(span.parent, post.id);
        let times = [post.began_ns, span.began_ns, span.ended_ns, post.ended_ns];
        assert!(times.is_sorted(), "{span:?} is not within {post:?}");
        assert_eq!(span.began_ns == span.ended_ns, url == "a fallback URL");
    }
    service.stop().await;
    assert!(!String::from_utf8_lossy(&collector.bytes()).contains(SECRET));

    let recorded = recorded(&folder).await;
    assert_eq!(recorded.len(), expected.len(), "{recorded:?}");
    for (one, (url, status, fault)) in recorded.iter().zip(expected) {
        assert_eq!(one["url"], url);
        assert_eq!(one["reason"].as_str(), fault, "{one}");
        assert_eq!(
            one["status"].as_u64().map(|it| it.to_string()).as_deref(),
            status
        );
        assert_eq!(one["took_us"].is_u64(), url != "a fallback URL", "{one}");
    }
}

/// Returns the circuits that a webhook's card shows: each URL and its state.
async fn circuits(service: &Service, webhook: &str) -> Vec<[String; 2]> {
    let page = page(service, "/webhooks").await;
    assert!(!page.contains(SECRET), "{page}");
    let card = page
        .split_once(&format!("id=\"webhook-{webhook}\""))
        .unwrap()
        .1;
    let card = card.split_once("</article>").unwrap().0;
    let line = r"<li><code>([^<]*)</code> <span[^>]*>([^<]*)</span>";
    found(line, card)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_url_of_a_webhook_has_its_circuit_on_the_page_and_in_the_metrics() {
    let place = Place::set().await;
    let breaker = "breaker = { failures = 1, pause = \"1h\" }\n";
    let service = place
        .serve(&place.config(&(webhook("trio") + breaker)))
        .await;
    let states = async || {
        let circuits = circuits(&service, "trio").await;
        let states = circuits
            .iter()
            .map(|[_, state]| state.contains("open since"));
        (states.collect::<Vec<_>>(), circuits)
    };
    assert_eq!(states().await.0, [false; 3]);
    place.place(&service, "trio", false).await;
    let (open, shown) = states().await;
    assert_eq!(open, [true, false, false], "{shown:?}");
    let url = format!(
        "{}?api_key=[secret]",
        place.webhooks.url("/status/503/trio")
    );
    assert_eq!(shown[0][0], url);
    let metrics = page(&service, "/metrics").await;
    for (url, open) in [("url", 1), ("fallback_urls.1", 0), ("fallback_urls.2", 0)] {
        let line = format!("switchhook_circuit_open{{webhook=\"trio\",url=\"{url}\"}} {open}\n");
        assert!(metrics.contains(&line), "{line}");
    }
    let all = page(&service, "/webhooks").await;
    assert!(all.contains("circuits of 1 of 3 URLs open"), "{all}");
    service.stop().await;
}
