//! Sends the tests' HTTP requests. reqwest is built without a cryptography provider, so a client
//! uses the service's provider.

use reqwest::{Client, ClientBuilder, IntoUrl, Response};

pub fn builder() -> ClientBuilder {
    switchhook_webhook::client_builder().unwrap()
}

pub fn client() -> Client {
    builder().build().unwrap()
}

pub async fn get(url: impl IntoUrl) -> reqwest::Result<Response> {
    client().get(url).send().await
}
