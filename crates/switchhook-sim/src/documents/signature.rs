//! Verifies Standard Webhooks signatures without the code that creates them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Delivery;

/// Secret with which the service signs the lab's documents.
pub(super) const SECRET: &str = "whsec_bGFiLWxhYi1sYWItbGFiLWxhYi1sYWItbGFi";
/// Largest allowed difference between a timestamp and now, in seconds. The documentation
/// recommends five minutes to receivers.
const TOLERANCE_S: i64 = 300;

/// Returns what is wrong with the three signature headers of one delivery.
pub(super) fn problem(delivery: &Delivery) -> Option<String> {
    let header = |name: &str| delivery.request.header(name).unwrap_or_default();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let signatures = header("webhook-signature");
    if id.is_empty() {
        return Some("the document came without a webhook-id".into());
    }
    let seconds: Option<i64> = timestamp.parse().ok();
    let fresh = seconds.is_some_and(|at| (Utc::now().timestamp() - at).abs() <= TOLERANCE_S);
    if !fresh {
        return Some(format!("webhook-timestamp is {timestamp:?}, not now"));
    }
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b"."].concat();
    let right = signatures.split(' ').any(|signature| {
        let tag = signature
            .strip_prefix("v1,")
            .map(|tag| STANDARD.decode(tag));
        matches!(tag, Some(Ok(tag)) if verifies(&signed, &delivery.request.body, &tag))
    });
    (!right).then(|| format!("webhook-signature {signatures:?} is not the document's"))
}

fn verifies(signed: &[u8], body: &[u8], tag: &[u8]) -> bool {
    let secret = SECRET.trim_start_matches("whsec_");
    let mac = STANDARD
        .decode(secret)
        .ok()
        .and_then(|key| Hmac::<Sha256>::new_from_slice(&key).ok());
    mac.is_some_and(|mut mac| {
        mac.update(signed);
        mac.update(body);
        mac.verify_slice(tag).is_ok()
    })
}
