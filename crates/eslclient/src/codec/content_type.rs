//! The kinds of frames.

/// The kind of a frame, from its Content-Type.
///
/// Source: `mod_event_socket.c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentType {
    /// `auth/request`: port 8021 requests the password.
    AuthRequest,
    /// `command/reply`: the reply to any command except `api`.
    CommandReply,
    /// `api/response`: the reply to `api`; its body is the output.
    ApiResponse,
    /// `text/event-plain`: an event as `Name: value` lines.
    EventPlain,
    /// `text/event-json`: an event as a JSON object.
    EventJson,
    /// `text/event-xml`: an event as XML, which this crate does not decode.
    EventXml,
    /// `text/disconnect-notice`: the call or the connection has ended.
    DisconnectNotice,
    /// `text/rude-rejection`: the switch's ACL refuses the client's address.
    RudeRejection,
    /// `log/data`: a line of the switch's log.
    LogData,
    /// Any other Content-Type, or none. `Frame::header("Content-Type")` returns its text.
    Other,
}

impl ContentType {
    pub(super) fn of(value: &[u8]) -> Self {
        match value {
            b"auth/request" => Self::AuthRequest,
            b"command/reply" => Self::CommandReply,
            b"api/response" => Self::ApiResponse,
            b"text/event-plain" => Self::EventPlain,
            b"text/event-json" => Self::EventJson,
            b"text/event-xml" => Self::EventXml,
            b"text/disconnect-notice" => Self::DisconnectNotice,
            b"text/rude-rejection" => Self::RudeRejection,
            b"log/data" => Self::LogData,
            _ => Self::Other,
        }
    }
}
