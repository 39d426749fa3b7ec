//! A switch's post of a CDR: nothing is taken without the password, every encoding of a CDR says the
//! same, and a call is made of it.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use switchhook_admin::cdr_receiver::{BasicCredentials, CdrRejection, ReceiveCdr, posts};
use switchhook_core::cdr::Cdr;
use switchhook_core::headers::Headers;
use switchhook_core::ledger::{Ledger, LedgerOptions};
use test_support::ledgers::{documents, over};
use test_support::routes::{CDR_BYTES, Routes};
use tokio::sync::Semaphore;

/// The switch that may post, and its password.
const SWITCH: &str = "fs1";
const PASSWORD: &str = "right";

struct Port {
    routes: Routes,
    records: Arc<Records>,
}

/// The CDRs that came through, one a request.
struct Records {
    places: Arc<Semaphore>,
    taken: Mutex<Option<(Bytes, Cdr)>>,
}

impl ReceiveCdr for Records {
    fn authorize(
        &self,
        switch: &str,
        credentials: Option<&BasicCredentials>,
    ) -> Result<Arc<Semaphore>, CdrRejection> {
        if switch != SWITCH {
            return Err(CdrRejection::UnknownSwitch("no such switch".into()));
        }
        match credentials {
            Some((user, password)) if user == SWITCH && password == PASSWORD => {
                Ok(Arc::clone(&self.places))
            }
            _ => Err(CdrRejection::Unauthorized),
        }
    }

    fn receive(&self, _: String, record: Bytes) -> BoxFuture<'_, Result<(), CdrRejection>> {
        let result = match Cdr::parse(&record) {
            Ok(cdr) => {
                let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                *taken = Some((record, cdr));
                Ok(())
            }
            Err(error) => Err(CdrRejection::Invalid(error.to_string())),
        };
        Box::pin(ready(result))
    }
}

thread_local! {
    static PORT: RefCell<Port> = RefCell::new(Port::new());
}

impl Port {
    fn new() -> Self {
        let records = Arc::new(Records {
            places: posts(),
            taken: Mutex::new(None),
        });
        let routes = Routes::new(Some(Arc::clone(&records) as Arc<dyn ReceiveCdr>));
        Self { routes, records }
    }
}

/// A line with `Authorization` (`=`: the right one), a line with the switch's name as in the
/// address, the body.
pub fn run(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (Some(authorization), Some(switch), Some(body)) =
        (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let right = format!("Basic {}", STANDARD.encode(format!("{SWITCH}:{PASSWORD}")));
    let authorization = match authorization {
        b"=" => right.as_bytes(),
        other => other,
    };
    PORT.with_borrow_mut(|port| {
        let address = [b"/json_cdr/", switch].concat();
        let sent = port
            .routes
            .post(&address, authorization, ("application/json", body));
        let Some((status, said)) = sent else { return };
        let taken = port
            .records
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some((record, cdr)) = taken else {
            assert!(status.is_client_error(), "{status} {said:?}");
            assert!(said.len() < 1000, "{said:?}");
            return;
        };
        assert_eq!(status, 200, "{said:?}");
        assert!(is_right(authorization), "taken without the password");
        assert!(record.len() <= CDR_BYTES && record == body);
        encodings(body, &cdr);
        is_one_call(&cdr);
    });
}

/// Whether the header has the password, read in another way than by the port.
fn is_right(authorization: &[u8]) -> bool {
    let text = String::from_utf8_lossy(authorization);
    let mut words = text.split_ascii_whitespace();
    words
        .next()
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
        && words.next() == Some(&STANDARD.encode(format!("{SWITCH}:{PASSWORD}")))
        && words.next().is_none()
}

/// A CDR says the same in each form in which mod_json_cdr may post it. Its first name begins with a
/// letter, by which base64 is known.
fn encodings(body: &[u8], cdr: &Cdr) {
    let json = body.trim_ascii();
    if !json.starts_with(b"{\"") || !json.get(2).is_some_and(u8::is_ascii_alphabetic) {
        return;
    }
    let percent: String = json.iter().map(|byte| format!("%{byte:02X}")).collect();
    for form in [
        STANDARD.encode(json),
        format!("cdr={}", STANDARD.encode(json)),
        format!("cdr={percent}"),
        percent,
    ] {
        let other = Cdr::parse(form.as_bytes());
        assert_eq!(other.ok().as_ref(), Some(cdr));
    }
}

/// The CDR is a leg that has ended: it makes one call with a document, also when it is posted twice.
fn is_one_call(cdr: &Cdr) {
    let mut ledger = Ledger::new(LedgerOptions {
        has_cdrs: true,
        ..LedgerOptions::default()
    });
    let both: [&dyn Headers; 2] = [cdr, cdr];
    let mut calls = over(ledger.apply_all(&both, 0));
    assert!(ledger.legs() <= 1, "{} legs", ledger.legs());
    calls.extend(over(
        ledger.expire(LedgerOptions::default().cdr_patience_us),
    ));
    assert!(calls.len() <= 1, "{} calls", calls.len());
    for document in documents(&calls) {
        let text = document.to_string();
        let again: serde_json::Value = serde_json::from_str(&text).expect("a document");
        assert_eq!(again, document);
    }
}
