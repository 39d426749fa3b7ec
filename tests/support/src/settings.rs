//! Builds the configuration of a service that follows one switch and posts to one receiver.

use std::net::SocketAddr;
use std::path::Path;

/// Returns the configuration that every test shares.
pub fn head(folder: &Path, switch: SocketAddr) -> String {
    let store = folder.join("store.db");
    format!(
        r#"
[listen]
esl = "127.0.0.1:0"
http = "127.0.0.1:0"
[[freeswitch]]
address = "{switch}"
password = "ClueCon"
[store]
url = "sqlite:{}"
[egress]
allow_plain_http = true
allow_addresses = ["127.0.0.0/8"]
[recordings]
public_url = "https://rec.example/{{{{ file_name }}}}"
"#,
        store.display()
    )
}

/// Returns a configuration that sends every call's document to the default webhook at `inbox`.
pub fn all_to(folder: &Path, switch: SocketAddr, inbox: SocketAddr) -> String {
    let head = head(folder, switch);
    format!(
        r#"{head}
[account]
default_webhook = "completed"
time_zone = "Asia/Kolkata"
[flows.default]
webhook = true
[flows.inbound]
webhook = true
[flows.outbound]
webhook = true
[webhooks.completed]
url = "http://{inbox}/completed"
"#
    )
}
