//! Sends the tests' HTTP requests. reqwest is built without a cryptography provider, so a client
//! uses the service's provider.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

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

/// Returns the HTTP response at a path, read to its end without a client.
pub fn page(address: impl ToSocketAddrs, path: &str, within: Duration) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(within)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
