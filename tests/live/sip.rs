//! SIP messages, and the dialog of two phones (RFC 3261).

use std::collections::HashMap;

/// A SIP message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Request or status line.
    pub first: String,
    headers: HashMap<String, String>,
}

impl Message {
    /// Parses a message. Lines that are no header are left out.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { first, headers }
    }

    /// Returns a header, empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// Returns the status of a response, or 0 for a request.
    pub fn status(&self) -> u16 {
        let status = self
            .first
            .strip_prefix("SIP/2.0 ")
            .and_then(|status| status.get(..3));
        status
            .and_then(|status| status.parse().ok())
            .unwrap_or_default()
    }

    /// Returns the URI of the Contact header, for further requests.
    fn contact(&self) -> String {
        let contact = self.header("Contact");
        let uri = contact.split_once('<').map_or(contact, |(_, rest)| rest);
        uri.split('>').next().unwrap_or_default().to_owned()
    }
}

/// An answered call as one end sees it.
#[derive(Debug, Clone)]
pub struct Dialog {
    uri: String,
    from: String,
    to: String,
    call_id: String,
}

impl Dialog {
    /// Returns the caller's dialog, from the answer.
    pub fn of_caller(answer: &Message) -> Self {
        Self {
            uri: answer.contact(),
            from: answer.header("From").to_owned(),
            to: answer.header("To").to_owned(),
            call_id: answer.header("Call-ID").to_owned(),
        }
    }

    /// Returns the callee's dialog, from the INVITE and the tag of the answer.
    pub fn of_callee(invite: &Message, tag: u16) -> Self {
        Self {
            uri: invite.contact(),
            from: format!("{};tag={tag}", invite.header("To")),
            to: invite.header("From").to_owned(),
            call_id: invite.header("Call-ID").to_owned(),
        }
    }

    /// Returns the parameter of a Refer-To header that joins this call (RFC 3891), seen from the caller.
    pub fn replaces(&self) -> String {
        let [to, from] = [&self.to, &self.from].map(|header| {
            let tag = header.split_once(";tag=").map_or("", |(_, tag)| tag);
            tag.split(';').next().unwrap_or_default()
        });
        let call_id = &self.call_id;
        format!("Replaces={call_id}%3Bto-tag%3D{to}%3Bfrom-tag%3D{from}")
    }

    /// Returns a request without a body, sent from `port`.
    pub fn request(&self, method: &str, number: u32, port: u16) -> String {
        self.request_with(method, number, port, "")
    }

    /// Returns the request with further header lines.
    pub fn request_with(&self, method: &str, number: u32, port: u16, headers: &str) -> String {
        let Self {
            uri,
            from,
            to,
            call_id,
        } = self;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{port}{method}\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n\
             Max-Forwards: 70\r\n{headers}Content-Length: 0\r\n\r\n"
        )
    }
}
