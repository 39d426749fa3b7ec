//! Deliveries: the status counts, the response's body does not.

use std::net::SocketAddr;

use switchhook_core::outcome::Reason;
use switchhook_webhook::egress::Egress;
use switchhook_webhook::{Client, Webhook};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::*;

#[tokio::test]
async fn a_delivery_tells_the_status_and_when_to_come_again() {
    let client = Client::new(open()).unwrap();
    let deliver = async |address: SocketAddr, deadline| {
        let webhook = options(format!("http://{address}/calls"), PATIENT);
        let webhook = Webhook::compile("completed", webhook).unwrap();
        client
            .deliver(&webhook, prepare(&webhook), deadline, None)
            .await
    };
    let busy = answer("503 Service Unavailable", "retry-after: 120\r\n", "later");
    let delivery = deliver(server_sending(busy).await, PATIENT).await.unwrap();
    assert_eq!(delivery.status, 503);
    assert_eq!(delivery.retry_after.as_deref(), Some("120"));

    let endless = server(|mut stream, _| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 202 Accepted\r\nconnection: close\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 100]).await.is_ok() {}
    })
    .await;
    let delivery = deliver(endless, PATIENT).await.unwrap();
    assert_eq!((delivery.status, delivery.retry_after), (202, None));

    let silent = server(|mut stream, _| async move {
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await;
    assert_eq!(
        deliver(silent, SHORT).await.unwrap_err().reason,
        Reason::Timeout
    );
    let blocked = Client::new(Egress::default()).unwrap();
    let webhook = options("http://127.0.0.1/calls".into(), PATIENT);
    let webhook = Webhook::compile("completed", webhook).unwrap();
    let refused = blocked
        .deliver(&webhook, prepare(&webhook), PATIENT, None)
        .await;
    assert_eq!(refused.unwrap_err().reason, Reason::BlockedAddress);
}
