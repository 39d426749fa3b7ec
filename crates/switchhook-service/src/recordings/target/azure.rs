//! Signed links of Azure Blob Storage.
//!
//! object_store 0.14.2 signs the percent-encoded path of a link, and Azure checks the decoded one
//! (<https://learn.microsoft.com/rest/api/storageservices/create-service-sas>). So its links to a key
//! with a blank or a letter outside ASCII, which a prefix may have, answer 403. It also leaves the
//! account out where the endpoint's host does not have its name. `findings/azure-links-with-blanks.sh`
//! shows it. The test `object_store_still_signs_the_encoded_path` fails when this file can go.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use object_store::path::Path;
use sha2::Sha256;
use url::Url;

use switchhook_core::secret::Secret;

/// The storage account and container of a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'o> {
    pub(super) account: &'o str,
    pub(super) container: &'o str,
    pub(super) key: &'o Secret,
}

/// The fields that follow the version and the kind of resource, all of them unused: snapshot,
/// encryption scope, and five headers of the response.
const UNUSED: &str = "\n\n\n\n\n\n";

/// Replaces the signature of a link to the blob `blob`; `None` if the account's key is not base64.
pub(super) fn sign_again(mut link: Url, place: Place<'_>, blob: &Path) -> Option<Url> {
    let pairs: Vec<(String, String)> = link
        .query_pairs()
        .filter(|(name, _)| name != "sig")
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let value = |wanted: &str| {
        let mut pairs = pairs.iter();
        let found = pairs.find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let Place {
        account,
        container,
        key,
    } = place;
    let text = format!(
        "{}\n{}\n{}\n/blob/{account}/{container}/{blob}\n\n\n\n{}\n{}\n{UNUSED}",
        value("sp"),
        value("st"),
        value("se"),
        value("sv"),
        value("sr"),
    );
    let key = BASE64_STANDARD.decode(key.reveal()).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(text.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let mut query = link.query_pairs_mut();
    query.clear().extend_pairs(&pairs);
    query.append_pair("sig", &signature);
    drop(query);
    Some(link)
}
