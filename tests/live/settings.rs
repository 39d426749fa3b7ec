//! Settings of the service that the tests run.

/// Returns settings that post documents and publish recordings.
pub const FOLLOWING: &str = r#"
[account]
default_webhook = "completed"
time_zone = "Asia/Kolkata"

[flows.default]
webhook = true

[flows.outbound]
webhook = true

[recordings]
public_url = "https://rec.example/{{ file_name }}"

[webhooks.completed]
url = "http://RECEIVER/calls"
"#;

/// One webhook for each case. Only the receiver's address is allowed, which `localhost` is not. No
/// program listens on port 9.
pub const WEBHOOKS: &str = r#"
[egress]
allow_plain_http = true
allow_addresses = ["127.0.0.2/32"]

[webhooks.lookup]
url = "http://RECEIVER/lookup"
response.map = { customer_name = "$.customer.name", queue = { path = "$.queue", as = "word", default = "main" }, vip = { path = "$.vip", default = "false" } }

[webhooks.slow]
url = "http://RECEIVER/hold/slow"
timeout = "50s"

[webhooks.each]
url = "http://RECEIVER/hold/{{ call.uuid }}"
timeout = "50s"

[webhooks.no_music]
url = "http://RECEIVER/hold/no_music"
hold_music = "/no/such/music.wav"
timeout = "50s"

[webhooks.silent]
url = "http://RECEIVER/hold/silent"
before_answer = "silence"
timeout = "50s"

[webhooks.answering]
url = "http://RECEIVER/hold/answering"
before_answer = "answer"
timeout = "50s"

[webhooks.fails_login]
url = "http://RECEIVER/status/401"

[webhooks.fails_status]
url = "http://RECEIVER/status/503"

[webhooks.fails_timeout]
url = "http://RECEIVER/hold/never"
timeout = "1s"

[webhooks.fails_variable]
url = "http://RECEIVER/callers/{{ flow.key.nobody_set_this }}"

[webhooks.fails_response]
url = "http://RECEIVER/rubbish"

[webhooks.fails_map]
url = "http://RECEIVER/partial"
response.map = { customer_name = "$.customer.name" }

[webhooks.fails_connection]
url = "http://127.0.0.2:9/"

[webhooks.fails_address]
url = "http://localhost:9/"
"#;
