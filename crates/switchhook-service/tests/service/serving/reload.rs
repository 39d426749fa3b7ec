//! Each secret is replaced by a reload: the old one opens nothing any more.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use switchhook_service::config::Config;
use switchhook_service::service::Service;

use super::peer::{Channel, Peer};
use super::port8021::{PASSWORD, Port8021};
use super::receiver::{Receiver, Request};

/// Returns the configuration in which every secret is this word.
fn config(folder: &Path, switch: &Port8021, receiver: &Receiver, secret: &str) -> Config {
    let sections = format!(
        "[[freeswitch]]\naddress = \"{}\"\npassword = \"{secret}\"\nname = \"fs1\"\n\
         park_service = \"one\"\njson_cdr_post = true\n\
         json_cdr_auth = {{ username = \"fs1\", password = \"{secret}\" }}\n\
         [webhooks.basic]\nurl = \"{{receiver}}/x\"\nbefore_answer = \"silence\"\n\
         auth.basic = {{ username = \"u\", password = \"{secret}\" }}\n\
         [webhooks.later]\nurl = \"{{receiver}}/x\"\nwait_for_response = false\n\
         signing.secrets = [\"{}\"]\n\
         [webhooks.oauth]\nurl = \"{{receiver}}/x\"\nbefore_answer = \"silence\"\n\
         auth.oauth2 = {{ token_url = \"{{receiver}}/token\", client_id = \"u\", \
         client_secret = \"{secret}\" }}\n\
         [webhooks.bearer]\nurl = \"{{receiver}}/x\"\nbefore_answer = \"silence\"\n\
         auth.bearer = {{ token = \"{secret}\" }}\n\
         [recordings]\nserve = {{ folder = \"{}\", url = \"https://rec.example\", \
         secret = \"{secret}\", listen = \"127.0.0.1:0\" }}\n",
        switch.address,
        signing(secret),
        folder.display(),
    );
    let mut config = super::running::config(folder, receiver.address, &sections);
    config.listen.http_token = Some(switchhook_core::secret::Secret::new(secret));
    config.listen.confirm_calls = false;
    config
}

/// Returns the status of a request with this `Authorization`.
async fn status(service: &Service, path: &str, authorization: (&str, Option<&str>)) -> u16 {
    let request = test_support::http::client().post(format!("http://{}{path}", service.http));
    let request = match authorization {
        (user, Some(password)) => request.basic_auth(user, Some(password)),
        (token, None) => request.bearer_auth(token),
    };
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body("state=dead");
    request.send().await.unwrap().status().as_u16()
}

/// Returns a key of signatures.
fn signing(secret: &str) -> String {
    let key = format!("{secret}, and longer still");
    format!("whsec_{}", STANDARD.encode(key))
}

/// Calls a webhook; returns its request.
async fn request(service: &Service, receiver: &Receiver, webhook: &str) -> Request {
    let mut peer = Peer::call(service.esl, Channel::to(webhook)).await;
    let (request, _) = tokio::join!(receiver.answer(200, "{}"), peer.until_exit());
    request
}

/// Calls the webhook with a token; returns the password with which the token was fetched.
async fn token_password(service: &Service, receiver: &Receiver) -> String {
    let mut peer = Peer::call(service.esl, Channel::to("oauth")).await;
    let answers = async {
        let token = r#"{"access_token": "T", "token_type": "Bearer", "expires_in": 3600}"#;
        let fetched = receiver.answer(200, token).await;
        assert!(
            fetched.line().starts_with("POST /token "),
            "{}",
            fetched.line()
        );
        let asked = receiver.answer(200, "{}").await;
        assert_eq!(header(&asked, "authorization"), "Bearer T");
        fetched
    };
    let (fetched, _) = tokio::join!(answers, peer.until_exit());
    basic_password(&header(&fetched, "authorization"))
}

fn header(request: &Request, name: &str) -> String {
    let mut lines = request.head.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_secret_but_the_stores_is_replaced() {
    const OLD: &str = "an old one, long enough";
    let (switch, receiver) = (Port8021::start().await, Receiver::start().await);
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&config(folder.path(), &switch, &receiver, OLD))
        .await
        .unwrap();
    let check = async |right: &str, wrong: &str| {
        let replay = "/outbox/replay";
        assert_eq!(status(&service, replay, (right, None)).await, 200);
        assert_eq!(status(&service, replay, (wrong, None)).await, 401);
        let cdr = "/json_cdr/fs1";
        assert_eq!(status(&service, cdr, ("fs1", Some(right))).await, 400);
        assert_eq!(status(&service, cdr, ("fs1", Some(wrong))).await, 401);
        let bearer = request(&service, &receiver, "bearer").await;
        let bearer = header(&bearer, "authorization");
        assert_eq!(bearer, format!("Bearer {right}"));
        let basic = request(&service, &receiver, "basic").await;
        let password = basic_password(&header(&basic, "authorization"));
        assert_eq!(password, format!("u:{right}"));
        let later = request(&service, &receiver, "later").await;
        let official = standardwebhooks::Webhook::new(&signing(right)).unwrap();
        let (id, at) = (
            header(&later, "webhook-id"),
            header(&later, "webhook-timestamp"),
        );
        let signature = official.sign(&id, at.parse().unwrap(), later.body.as_bytes());
        assert_eq!(header(&later, "webhook-signature"), signature.unwrap());
        let fetched = token_password(&service, &receiver).await;
        // As a form has it (RFC 6749, 2.3.1).
        let form = right.replace(' ', "+").replace(',', "%2C");
        assert_eq!(fetched, format!("u:{form}"));
    };
    // The switch has the other password.
    switch.asked(&format!("auth {OLD}")).await;
    assert_eq!(switch.times(), 0);
    check(OLD, PASSWORD_LONG).await;
    service
        .reload(&config(folder.path(), &switch, &receiver, PASSWORD_LONG))
        .unwrap();
    check(PASSWORD_LONG, OLD).await;
    let mut ports = config(folder.path(), &switch, &receiver, PASSWORD_LONG);
    ports.freeswitch[0].password = switchhook_core::secret::Secret::new(PASSWORD);
    service.reload(&ports).unwrap();
    switch.followed(1).await;
    // The connection for parked calls has the same password.
    let parked = "filter variable_flow.service one";
    switch.asked(parked).await;
    service.stop().await;
}

const PASSWORD_LONG: &str = "a new one, long enough";

fn basic_password(authorization: &str) -> String {
    let encoded = authorization.strip_prefix("Basic ").unwrap();
    String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credentials_of_a_proxy_are_replaced() {
    let (proxy, folder) = (Receiver::start().await, tempfile::tempdir().unwrap());
    let with = |secret: &str| {
        let sections = format!(
            "proxy = \"{{receiver}}\"\n\
             proxy_auth = {{ username = \"u\", password = \"{secret}\" }}\n\
             [webhooks.lookup]\nurl = \"http://crm.example/x\"\nbefore_answer = \"silence\"\n"
        );
        super::running::config(folder.path(), proxy.address, &sections)
    };
    let service = Service::start(&with("an old one")).await.unwrap();
    for secret in ["an old one", "a new one"] {
        service.reload(&with(secret)).unwrap();
        let mut peer = Peer::call(service.esl, Channel::to("lookup")).await;
        let (asked, _) = tokio::join!(proxy.answer(502, ""), peer.until_exit());
        let password = basic_password(&header(&asked, "proxy-authorization"));
        assert_eq!(password, format!("u:{secret}"));
    }
    service.stop().await;
}
