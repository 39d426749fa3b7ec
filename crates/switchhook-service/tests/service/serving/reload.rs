//! Each secret is replaced by a reload: the old one opens nothing any more.

use std::path::Path;

use switchhook_service::config::Config;
use switchhook_service::service::Service;

use super::peer::{Channel, Peer};
use super::port8021::{PASSWORD, Port8021};
use super::receiver::Receiver;

/// Returns the configuration in which every secret is this word.
fn config(folder: &Path, switch: &Port8021, receiver: &Receiver, secret: &str) -> Config {
    let sections = format!(
        "[[freeswitch]]\naddress = \"{}\"\npassword = \"{secret}\"\nname = \"fs1\"\n\
         park_service = \"one\"\njson_cdr_post = true\n\
         json_cdr_auth = {{ username = \"fs1\", password = \"{secret}\" }}\n\
         [webhooks.basic]\nurl = \"{{receiver}}/x\"\nbefore_answer = \"silence\"\n\
         auth.basic = {{ username = \"u\", password = \"{secret}\" }}\n\
         [webhooks.bearer]\nurl = \"{{receiver}}/x\"\nbefore_answer = \"silence\"\n\
         auth.bearer = {{ token = \"{secret}\" }}\n\
         [recordings]\nserve = {{ folder = \"{}\", url = \"https://rec.example\", \
         secret = \"{secret}\", listen = \"127.0.0.1:0\" }}\n",
        switch.address,
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

/// Calls a webhook; returns the `Authorization` that it got.
async fn authorization(service: &Service, receiver: &Receiver, webhook: &str) -> String {
    let mut peer = Peer::call(service.esl, Channel::to(webhook)).await;
    let (request, _) = tokio::join!(receiver.answer(200, "{}"), peer.until_exit());
    let mut lines = request.head.lines();
    let line = lines.find_map(|line| line.strip_prefix("authorization: "));
    line.unwrap().to_owned()
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
        let bearer = authorization(&service, &receiver, "bearer").await;
        assert_eq!(bearer, format!("Bearer {right}"));
        let basic = authorization(&service, &receiver, "basic").await;
        let password = basic_password(&basic);
        assert_eq!(password, format!("u:{right}"));
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
    use base64::Engine as _;
    let encoded = authorization.strip_prefix("Basic ").unwrap();
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
    String::from_utf8(decoded.unwrap()).unwrap()
}
