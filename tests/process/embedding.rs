//! Embeds the crate in another program: Rust code answers the calls instead of a webhook. The lab's
//! switch places them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]

use test_support::collector;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use switchhook_core::outcome::{Failure, Mapped, Reason};
use switchhook_service::call_control::{Answer, Answerer, BeforeAnswer, Hold, HoldMusic, Question};
use switchhook_service::config::Config;
use switchhook_service::service::{Answerers, Service, StartError};
use switchhook_sim::switch::{Call, CallRecord, Caller, Cause, Left, Pace, Parked, Switch};
use switchhook_store::{CallFilter, ReportCursor, Role, Store, StoreOptions};
use tokio::sync::oneshot;

const CONFIG: &str = "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";

type Code = dyn Fn(Question) -> Answer + Send + Sync;

/// Answers calls with a closure.
struct ClosureAnswerer {
    code: Box<Code>,
    names: Vec<String>,
    within: Duration,
    persists: bool,
}

impl ClosureAnswerer {
    fn with(code: impl Fn(Question) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            code: Box::new(code),
            names: vec!["customer_name".into(), "vip".into()],
            within: Duration::from_secs(10),
            persists: false,
        }
    }

    async fn start(self) -> Service {
        start(CONFIG, "lookup", self).await.unwrap()
    }
}

impl Answerer for ClosureAnswerer {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn answer(self: Arc<Self>, question: Question) -> Answer {
        (self.code)(question)
    }

    fn timeout(&self) -> Duration {
        self.within
    }

    fn persist_response(&self) -> bool {
        self.persists
    }

    fn hold(&self) -> Hold {
        Hold {
            music: HoldMusic::Stream("local_stream://moh".into()),
            before_answer: BeforeAnswer::EarlyMedia,
        }
    }
}

async fn start(config: &str, name: &str, answerer: ClosureAnswerer) -> Result<Service, StartError> {
    start_in(config, name, answerer).await.0
}

/// Starts the service. Returns it with its store's URL.
async fn start_in(
    config: &str,
    name: &str,
    answerer: ClosureAnswerer,
) -> (Result<Service, StartError>, String) {
    // The folder is never deleted, because the service outlives this function.
    let folder = tempfile::tempdir().unwrap().keep();
    let url = format!("sqlite:{}/calls.db", folder.display());
    let store = format!("[store]\nurl = \"{url}\"\n");
    let config = Config::parse(&format!("{config}{store}"), "embedded").unwrap();
    let answerer: Arc<dyn Answerer> = Arc::new(answerer);
    let started = Service::start_with(&config, Answerers::from([(name.into(), answerer)])).await;
    (started, url)
}

async fn place(service: &Service, call: Call) -> CallRecord {
    let hosts = vec![service.esl.to_string()];
    let call = Call { hosts, ..call };
    let record = Switch::new("lab", Pace::Wire).place(call).await;
    assert!(record.violations.is_empty(), "{:?}", record.violations);
    record
}

fn variable<'r>(record: &'r CallRecord, name: &str) -> Option<&'r str> {
    let name = format!("flow.key.{name}");
    record.variables.get(&name).map(String::as_str)
}

fn failed(record: &CallRecord) -> (Option<u8>, Option<&str>, Option<&str>) {
    let of = |name| variable(record, name);
    (record.line, of("error_reason"), of("error_detail"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rust_code_answers_stands_on_the_channel_inert_and_the_call_takes_line_0() {
    let answerer = ClosureAnswerer::with(|question| {
        Box::pin(async move {
            assert_eq!(question.caller, "919822003887");
            assert_eq!(question.keys["leadid"], json!("100%25 $HFC"));
            assert_eq!(question.flow.as_deref(), Some("outbound"));
            let document = question.document["phonon-uuid"].as_str();
            assert_eq!(document, Some(question.uuid.as_str()));
            let vip = Mapped {
                typed: true,
                ..Mapped::text("vip", "true")
            };
            Ok(vec![Mapped::text("customer_name", "${strftime(%Y)}"), vip])
        })
    });
    let service = answerer.start().await;
    let variables = [
        ("flow.name", "outbound"),
        ("flow.key.leadid", "100%25 $HFC"),
    ];
    let call = Call {
        variables: variables
            .map(|(name, text)| (name.into(), text.into()))
            .into(),
        ..Call::default()
    };
    let record = place(&service, call).await;
    assert_eq!(record.line, Some(0));
    assert_eq!(variable(&record, "response_status"), Some("SUCCESS"));
    assert_eq!(variable(&record, "vip"), Some("true"));
    let name = variable(&record, "customer_name").unwrap();
    assert!(!name.contains("${"), "{name}");
    assert!(variable(&record, "customer_name_b64").is_some());
    assert_eq!(variable(&record, "error_reason"), None);
    service.stop().await;
}

const TENANTS: &str = "[account]\ntime_zone = \"Asia/Kolkata\"\n\
                       [accounts.acme]\ntime_zone = \"America/New_York\"\n\
                       [[routes]]\ndid = \"7000\"\naccount = \"acme\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn code_gets_the_calls_account_and_its_time_and_its_answer_is_kept() {
    let answerer = ClosureAnswerer {
        persists: true,
        ..ClosureAnswerer::with(|question| {
            Box::pin(async move {
                let account = question.account.unwrap_or_else(|| "nobody".into());
                let time = question.document["callDetails"][0]["startTime"].clone();
                let time = time.as_str().unwrap_or_default();
                let zone = time.get(23..).unwrap_or_default().to_owned();
                Ok(vec![
                    Mapped::text("customer_name", account),
                    Mapped::text("vip", zone),
                ])
            })
        })
    };
    let (service, url) = start_in(&format!("{CONFIG}{TENANTS}"), "lookup", answerer).await;
    let service = service.unwrap();
    let routed = place(&service, Call::default()).await;
    assert_eq!(variable(&routed, "customer_name"), Some("acme"));
    let zone = variable(&routed, "vip").unwrap();
    assert!(["-04:00", "-05:00"].contains(&zone), "{zone}");
    assert_eq!(routed.variables["flow.account"], "acme");
    let other = Call {
        destination: "7001".into(),
        ..Call::default()
    };
    let other = place(&service, other).await;
    assert_eq!(variable(&other, "customer_name"), Some("nobody"));
    assert_eq!(variable(&other, "vip"), Some("+05:30"));
    assert!(!other.variables.contains_key("flow.account"));
    service.stop().await;
    let store = Store::open(StoreOptions::new(url, Role::Serve))
        .await
        .unwrap();
    let (mut kept, mut next) = (Vec::new(), Some(ReportCursor::default()));
    while let Some(cursor) = next {
        let (calls, more) = store.report(&CallFilter::default(), cursor).await.unwrap();
        kept.extend(calls.into_iter().flat_map(|call| call.responses));
        next = more;
    }
    let names = kept
        .iter()
        .map(|one| one.variables["flow.key.customer_name"].clone());
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, [json!("acme"), json!("nobody")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_is_line_1_with_its_reason_and_sentence() {
    let refuse = ClosureAnswerer::with(|_| {
        let sentence = "nobody has this number";
        Box::pin(async move { Err(Failure::new(Reason::InvalidFlowVar, sentence)) })
    });
    let service = refuse.start().await;
    let record = place(&service, Call::default()).await;
    let expected = ("INVALID_FLOW_VAR", "nobody has this number");
    assert_eq!(
        failed(&record),
        (Some(1), Some(expected.0), Some(expected.1))
    );
    service.stop().await;

    let at_once = ClosureAnswerer::with(|_| panic!("before there is a future"));
    let later = ClosureAnswerer::with(|_| Box::pin(async { panic!("in the future") }));
    for panicking in [at_once, later] {
        let service = panicking.start().await;
        for _ in 0..2 {
            let record = place(&service, Call::default()).await;
            assert_eq!(failed(&record).0, Some(1));
            assert_eq!(failed(&record).1, Some("INVALID_RESPONSE"));
        }
        service.stop().await;
    }

    let slow = ClosureAnswerer {
        within: Duration::from_millis(150),
        ..ClosureAnswerer::with(|_| Box::pin(std::future::pending()))
    };
    let service = slow.start().await;
    let record = place(&service, Call::default()).await;
    assert_eq!(failed(&record).1, Some("TIMEOUT"));
    assert!(failed(&record).2.unwrap().contains("150ms"));
    service.stop().await;

    let stray = ClosureAnswerer::with(|_| Box::pin(async { Ok(vec![Mapped::text("other", "x")]) }));
    let service = stray.start().await;
    let record = place(&service, Call::default()).await;
    assert_eq!(failed(&record).1, Some("INVALID_RESPONSE_MAP"));
    assert_eq!(variable(&record, "other"), None);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_drops_the_future() {
    struct DropNotice(Option<oneshot::Sender<()>>);
    impl Drop for DropNotice {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }
    let (tell, dropped) = oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let answerer = ClosureAnswerer::with(move |_| {
        let notice = DropNotice(tell.lock().unwrap().take());
        Box::pin(async move {
            let _notice = notice;
            std::future::pending().await
        })
    });
    let service = answerer.start().await;
    let hangs_up = Caller::HangsUp(Duration::from_millis(50), Cause::by_caller());
    let call = Call {
        behaviour: hangs_up,
        ..Call::default()
    };
    let record = place(&service, call).await;
    assert_eq!((record.left, record.line), (Left::HungUp, None));
    dropped.await.unwrap();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_call_is_answered_and_recorded_as_well() {
    let switch = Switch::new("lab", Pace::Wire);
    let port = switch.listen(([127, 0, 0, 1], 0).into(), "ClueCon").await;
    let port = port.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let recorder = recorder(folder.path());
    let config = format!(
        "{CONFIG}{recorder}[[freeswitch]]\naddress = \"{}\"\npassword = \"ClueCon\"\npark_service = \"own\"\n",
        port.address()
    );
    let followed = switch.followed_by(2);
    let answerer = ClosureAnswerer::with(|question| {
        Box::pin(async move { Ok(vec![Mapped::text("customer_name", question.called)]) })
    });
    let service = start(&config, "lookup", answerer).await.unwrap();
    followed.await;
    let parked = Parked {
        service: "own".into(),
        untaken: Duration::from_secs(30),
    };
    let call = Call {
        parked: Some(parked),
        ..Call::default()
    };
    let record = switch.place(call).await;
    assert_eq!(record.line, Some(0));
    assert_eq!(variable(&record, "customer_name"), Some("7000"));
    service.stop().await;
    let file = files(folder.path(), 1).await.remove(0);
    let (status, output) = replayed(&file);
    assert_eq!(status, Some(0), "{output}");
    assert!(
        output.ends_with("  lookup  line_0 SUCCESS: the same\n"),
        "{output}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_cannot_be_used_is_refused_at_the_start_with_the_cure() {
    let nothing = || ClosureAnswerer::with(|_| Box::pin(async { Ok(Vec::new()) }));
    let both = format!("{CONFIG}[webhooks.lookup]\nurl = \"https://crm.example/\"\n");
    let error = start(&both, "lookup", nothing()).await.err().unwrap();
    assert!(error.to_string().contains("another name"), "{error}");
    let forging = ClosureAnswerer {
        names: vec!["a\nb".into()],
        ..nothing()
    };
    let error = start(CONFIG, "lookup", forging).await.err().unwrap();
    assert!(error.to_string().contains("lookup"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_code_answers_is_a_span_below_its_widget() {
    let collector = collector::Collector::start().await;
    let answerer =
        ClosureAnswerer::with(|_| Box::pin(async { Ok(vec![Mapped::text("vip", "yes")]) }));
    let config = format!("{CONFIG}{}", collector.section());
    let service = start(&config, "lookup", answerer).await.unwrap();
    let switch = Switch::new("lab", Pace::Ticked);
    let hosts = vec![service.esl.to_string()];
    let call = switch
        .place(Call {
            hosts,
            ..Call::default()
        })
        .await;
    service.stop().await;
    let spans = collector.trace(&call.uuid, 2).await;
    let (widget, answer) = (&spans["webhook lookup"], &spans["answer"]);
    // No switch is followed, so no span of the call itself exists.
    assert_eq!((widget.parent.as_str(), &answer.parent), ("", &widget.id));
}

const SECRET: &str = "ch4nnel/s3\"cret";

/// Answers as the call's variable `want` says.
async fn answer_as_wanted(question: Question) -> Result<Vec<Mapped>, Failure> {
    match question.keys["want"].as_str().unwrap() {
        "values" => {
            let vip = Mapped {
                typed: true,
                ..Mapped::text("vip", "{\"since\":2019}")
            };
            let token = question.keys["api_token"].as_str().unwrap();
            let name = Mapped::text("customer_name", "${strftime(%Y)} 100%");
            Ok(vec![
                name,
                vip,
                Mapped::text("session_token", format!("{token}-1")),
            ])
        }
        "failure" => Err(Failure::new(Reason::InvalidFlowVar, "the number of nobody")),
        "panic" => panic!("as it was wanted"),
        "late" => std::future::pending().await,
        "nothing" => {
            tokio::time::sleep(Duration::from_millis(150)).await;
            Ok(Vec::new())
        }
        other => Err(Failure::new(Reason::InvalidRequest, other)),
    }
}

fn wanting(want: &str, behaviour: Caller) -> Call {
    let variables = [
        ("flow.name", "outbound"),
        ("flow.key.want", want),
        ("flow.key.api_token", SECRET),
    ];
    Call {
        variables: variables
            .map(|(name, text)| (name.into(), text.into()))
            .into(),
        behaviour,
        ..Call::default()
    }
}

fn recorder(folder: &Path) -> String {
    let folder = folder.display();
    format!("[recorder]\nshare = 1\nfolder = \"{folder}\"\n")
}

/// Waits until the folder has `count` recordings. The service's threads write them in the background.
async fn files(folder: &Path, count: usize) -> Vec<PathBuf> {
    loop {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        let files = paths.filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
        let files: Vec<PathBuf> = files.collect();
        if files.len() >= count {
            return files;
        }
        tokio::task::yield_now().await;
    }
}

/// Runs `switchhook replay` on a file. Returns the exit status and the output.
fn replayed(file: &Path) -> (Option<i32>, String) {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_switchhook"));
    let ran = program.arg("replay").arg(file).output().unwrap();
    let output = [ran.stdout, ran.stderr].concat();
    (ran.status.code(), String::from_utf8(output).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_code_answered_is_recorded_without_secrets_and_played_again_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = recorder(folder.path());
    let answerer = ClosureAnswerer {
        names: ["customer_name", "vip", "session_token"]
            .map(String::from)
            .into(),
        within: Duration::from_millis(300),
        ..ClosureAnswerer::with(|question| Box::pin(answer_as_wanted(question)))
    };
    let service = start(&format!("{CONFIG}{TENANTS}{recorder}"), "lookup", answerer).await;
    let service = service.unwrap();
    let stays = || Call::default().behaviour;
    let hangs_up = Caller::HangsUp(Duration::from_millis(50), Cause::by_caller());
    let mut expected = std::collections::BTreeMap::new();
    for (want, behaviour, end) in [
        ("values", stays(), "line_0 SUCCESS"),
        ("nothing", stays(), "line_0 SUCCESS"),
        ("failure", stays(), "line_1 INVALID_FLOW_VAR"),
        ("panic", stays(), "line_1 INVALID_RESPONSE"),
        ("late", stays(), "line_1 TIMEOUT"),
        ("late", hangs_up, "hung_up"),
    ] {
        let record = place(&service, wanting(want, behaviour)).await;
        expected.insert(record.uuid, (want, end));
    }
    service.stop().await;
    for file in files(folder.path(), expected.len()).await {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains("ch4nnel") && !text.contains("s3"), "{text}");
        let uuid = expected.keys().find(|uuid| text.contains(uuid.as_str()));
        let (want, end) = expected[uuid.unwrap()];
        let (status, output) = replayed(&file);
        assert_eq!(status, Some(0), "{want}: {output}\n{text}");
        assert!(
            output.ends_with(&format!("  lookup  {end}: the same\n")),
            "{output}"
        );
        if want == "failure" {
            // Shows that replay uses the answer in the file.
            std::fs::write(&file, text.replace("the number of nobody", "no number")).unwrap();
            assert_eq!(replayed(&file).0, Some(0));
            let once = text.replacen("the number of nobody", "no number", 1);
            std::fs::write(&file, once).unwrap();
            let (status, output) = replayed(&file);
            assert_eq!(status, Some(1), "{output}");
            assert!(
                output.contains("  sentence\n    - the number of nobody\n    + no number\n"),
                "{output}"
            );
        }
    }
}
