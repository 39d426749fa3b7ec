//! Signatures: those of an independent signer, of the very bytes; a wrong secret is refused
//! without being shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use switchhook_core::secret::Secret;
use switchhook_webhook::signing::Signer;

/// What is said of a secret that is none.
fn refused(secret: &str) -> Option<String> {
    let made = Signer::new(&[Secret::new(secret)]);
    made.err().map(|error| error.to_string())
}

/// A key's length, an id, a line end, the secret's bytes and the document.
pub fn run(data: &[u8]) {
    let Some((&length, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let (id, body) = text.split_once('\n').unwrap_or(("msg_1", &text));
    if let Some(said) = refused(body) {
        // What is said whatever the secret is may be one itself.
        let always = ["?", "whsk_", ""].map(refused);
        let is_always_said = always.iter().flatten().any(|said| said.contains(body));
        assert!(body.len() < 8 || !said.contains(body) || is_always_said);
    }
    let key = &rest[..rest.len().min(usize::from(length))];
    let secret = format!("whsec_{}", STANDARD.encode(key));
    let made = Signer::new(&[Secret::new(&*secret), Secret::new(&*secret)]);
    let Ok(signer) = made else {
        assert!(!(24..=64).contains(&key.len()), "a good key is refused");
        return;
    };
    assert!((24..=64).contains(&key.len()) && !format!("{signer:?}").contains(&secret));
    let at = 1_700_000_000 + i64::from(length);
    let ours = signer.sign(id, at, body.as_bytes());
    let theirs = standardwebhooks::Webhook::new(&secret)
        .and_then(|official| official.sign(id, at, body.as_bytes()));
    let theirs = theirs.expect("an independent signature");
    assert_eq!(ours, format!("{theirs} {theirs}"));
    let other = signer.sign(id, at, &[body.as_bytes(), b"."].concat());
    assert_ne!(ours, other, "another document has the same signature");
}
