//! The routes of the HTTP port, without a port: requests go to them in this thread.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Request, StatusCode};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use switchhook_admin::Guard;
use switchhook_admin::access::Access;
use switchhook_admin::cdr_receiver::ReceiveCdr;
use switchhook_admin::http::{CdrEndpoint, routes};
use switchhook_admin::listener::Peer;
use switchhook_admin::live_calls::LiveCalls;
use switchhook_admin::state::{AdminState, sse_permits};
use switchhook_admin::webhook_tester::{TestResult, TestWebhook, WebhookTester};
use switchhook_core::mask::Mask;
use switchhook_core::metrics_recorder::MetricsRecorder;
use switchhook_core::secret::Secret;
use switchhook_core::zone::Zone;
use switchhook_store::{Role, Store, StoreOptions};
use switchhook_webhook::breakers::Breakers;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

/// The token of the page.
pub const TOKEN: &str = "horse-battery-staple";
/// The largest CDR.
pub const CDR_BYTES: usize = 64 * 1024;
/// The longest page that a test reads.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// The routes over a store of their own.
pub struct Routes {
    pub store: Store,
    runtime: Runtime,
    router: Router,
    requests: u32,
    _folder: TempDir,
}

impl Routes {
    /// Opens an empty store. CDRs go to `records`.
    pub fn new(records: Option<Arc<dyn ReceiveCdr>>) -> Self {
        Self::with(records, Some(TOKEN))
    }

    /// Opens an empty store, with a page that nobody can sign in to.
    pub fn without_token() -> Self {
        Self::with(None, None)
    }

    fn with(records: Option<Arc<dyn ReceiveCdr>>, token: Option<&str>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        // In memory where there is such a folder: fuzzing writes often.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let url = format!("sqlite:{}/store.db", folder.path().display());
        let store = runtime.block_on(Store::open(StoreOptions::new(url, Role::Serve)));
        let store = store.unwrap();
        let cdr = CdrEndpoint {
            records,
            bytes: CDR_BYTES,
        };
        let router = routes(state(store.clone(), token), cdr);
        Self {
            store,
            runtime,
            router,
            requests: 0,
            _folder: folder,
        }
    }

    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Sends a request, from an address of its own: wrong passwords slow an address down.
    fn send(&mut self, mut request: Request<Body>) -> (StatusCode, String) {
        self.requests = self.requests.wrapping_add(1);
        let peer = IpAddr::from(Ipv4Addr::from_bits(self.requests));
        request
            .extensions_mut()
            .insert(Peer(SocketAddr::from((peer, 1))));
        let router = &mut self.router;
        self.runtime.block_on(async move {
            let response = router.call(request).await.unwrap();
            let status = response.status();
            let body = to_bytes(response.into_body(), PAGE_BYTES).await.unwrap();
            (status, String::from_utf8(body.into()).unwrap())
        })
    }

    /// Posts a body; `None` if the address or `Authorization` cannot be sent.
    pub fn post(
        &mut self,
        address: &[u8],
        authorization: &[u8],
        (content_type, body): (&str, &[u8]),
    ) -> Option<(StatusCode, String)> {
        let mut request = Request::post(address).header(CONTENT_TYPE, content_type);
        if !authorization.is_empty() {
            request = request.header(AUTHORIZATION, authorization);
        }
        Some(self.send(request.body(Body::from(body.to_vec())).ok()?))
    }

    /// Gets the page at this address as somebody who may see everything; `None` if it is no address.
    pub fn get(&mut self, address: &[u8]) -> Option<(StatusCode, String)> {
        self.get_as(address, Some(TOKEN))
    }

    /// Gets the page at this address as a browser of another machine does, with a token or without.
    pub fn get_as(&mut self, address: &[u8], token: Option<&str>) -> Option<(StatusCode, String)> {
        let mut request = Request::get(address).header(ACCEPT, "text/html");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        Some(self.send(request.body(Body::empty()).ok()?))
    }
}

fn state(store: Store, token: Option<&str>) -> AdminState {
    let token = token.map(Secret::new);
    AdminState {
        checks: Arc::new(Vec::new),
        config_summaries: Arc::new(ArcSwap::from_pointee(BTreeMap::new())),
        configuration: Arc::default(),
        metrics: MetricsRecorder::default(),
        live_calls: Arc::new(LiveCalls::default()),
        endpoint_statuses: Arc::default(),
        breakers: Breakers::of(std::iter::empty()),
        store,
        time_zone: Zone::UTC,
        mask: Mask(false),
        guard: Arc::new(ArcSwap::from_pointee(Guard::new(
            Vec::new(),
            token.as_ref(),
        ))),
        base: "".into(),
        webhook_tester: WebhookTester::new(Arc::new(NoWebhook)),
        sse_permits: sse_permits(),
        stop: CancellationToken::new(),
        access: Access::default(),
    }
}

struct NoWebhook;

impl TestWebhook for NoWebhook {
    fn knows(&self, _: &str) -> bool {
        false
    }

    fn attempt(&self, _: String, _: Vec<(String, String)>) -> BoxFuture<'_, Option<TestResult>> {
        async { None }.boxed()
    }
}

/// Elements without content.
const VOID: [&str; 4] = ["meta", "link", "input", "br"];
/// The elements of the pages, besides [`VOID`] and those of the head.
const ELEMENTS: [&str; 61] = [
    "a",
    "abbr",
    "article",
    "aside",
    "b",
    "body",
    "button",
    "caption",
    "circle",
    "code",
    "dd",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "em",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "g",
    "h1",
    "h2",
    "h3",
    "header",
    "kbd",
    "label",
    "legend",
    "li",
    "line",
    "main",
    "nav",
    "noscript",
    "ol",
    "optgroup",
    "option",
    "p",
    "path",
    "polygon",
    "polyline",
    "pre",
    "rect",
    "section",
    "select",
    "small",
    "span",
    "strong",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "textarea",
    "th",
    "thead",
    "time",
    "tr",
    "ul",
];
/// Those that a page has once.
const HEAD: [&str; 3] = ["html", "head", "script"];

/// Panics if a page has an element or an attribute that the pages do not have, an element that is
/// not closed, or a link that leads away: text from outside became markup.
pub fn assert_only_own_markup(page: &str) {
    let mut open = Vec::new();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a page");
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(closing) = rest.strip_prefix('/') {
            let (name, after) = closing.split_once('>').expect("an end tag");
            assert_eq!(open.pop(), Some(name), "an element is not closed");
            rest = after;
            continue;
        }
        let end = rest.find([' ', '>']).expect("a tag");
        let name = &rest[..end];
        *seen.entry(name).or_default() += 1;
        let is_closed;
        (rest, is_closed) = attributes(&rest[end..]);
        let is_void = is_closed || VOID.contains(&name);
        assert!(
            VOID.contains(&name)
                || ELEMENTS.contains(&name)
                || HEAD.contains(&name)
                || name == "title",
            "<{name}>"
        );
        if !is_void {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for name in HEAD {
        assert_eq!(seen.get(name), Some(&1), "<{name}>");
    }
}

/// Checks the attributes of a tag and returns what follows it, and whether it is its own end tag.
fn attributes(mut rest: &str) -> (&str, bool) {
    loop {
        rest = rest.trim_start_matches(' ');
        if let Some(after) = rest.strip_prefix('>') {
            return (after, false);
        }
        if let Some(after) = rest.strip_prefix("/>") {
            return (after, true);
        }
        let end = rest.find([' ', '>', '=']).expect("an attribute");
        let name = &rest[..end];
        assert!(
            !name.is_empty() && !name.starts_with("on") && name != "style" && name != "srcdoc",
            "the attribute {name:?}"
        );
        assert!(
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "the attribute {name:?}"
        );
        rest = &rest[end..];
        if let Some(value) = rest.strip_prefix("=\"") {
            let (value, after) = value.split_once('"').expect("a value");
            let is_link = matches!(name, "href" | "src" | "action" | "formaction");
            let stays = value.starts_with('#')
                || value.starts_with('/') && !value.starts_with("//") && !value.contains('\\');
            assert!(!is_link || stays, "{name}={value:?}");
            rest = after;
        }
    }
}
