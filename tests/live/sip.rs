//! Messages of SIP, and what two phones know of their call (RFC 3261).

use std::collections::HashMap;

/// A message of SIP.
#[derive(Debug, Clone)]
pub struct Message {
    /// Request or status line.
    pub first: String,
    headers: HashMap<String, String>,
}

impl Message {
    /// Reads it; what is no header is left out.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { first, headers }
    }

    /// A header, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// The status of a response, 0 for a request.
    pub fn status(&self) -> u16 {
        let status = self
            .first
            .strip_prefix("SIP/2.0 ")
            .and_then(|status| status.get(..3));
        status
            .and_then(|status| status.parse().ok())
            .unwrap_or_default()
    }

    /// Where the sender wants to be asked.
    fn contact(&self) -> String {
        let contact = self.header("Contact");
        let uri = contact.split_once('<').map_or(contact, |(_, rest)| rest);
        uri.split('>').next().unwrap_or_default().to_owned()
    }
}

/// A call that was answered, as one end of it sees it.
#[derive(Debug, Clone)]
pub struct Dialog {
    uri: String,
    from: String,
    to: String,
    call_id: String,
}

impl Dialog {
    /// Of the end that called, by the answer.
    pub fn of_caller(answer: &Message) -> Self {
        Self {
            uri: answer.contact(),
            from: answer.header("From").to_owned(),
            to: answer.header("To").to_owned(),
            call_id: answer.header("Call-ID").to_owned(),
        }
    }

    /// Of the end that was called, by the INVITE and the tag that it answered with.
    pub fn of_callee(invite: &Message, tag: u16) -> Self {
        Self {
            uri: invite.contact(),
            from: format!("{};tag={tag}", invite.header("To")),
            to: invite.header("From").to_owned(),
            call_id: invite.header("Call-ID").to_owned(),
        }
    }

    /// A request without a body, from `port`.
    pub fn request(&self, method: &str, number: u32, port: u16) -> String {
        let Self {
            uri,
            from,
            to,
            call_id,
        } = self;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{port}{method}\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    }
}
