//! Reads one HTTP/1.1 request from a socket, within bounds.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Request;

const MAX_HEAD: usize = 256 * 1024;
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Reads the next request. Returns `None` if the client closed the connection between two
/// requests.
pub(crate) async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    let Some(end) = read_head(stream, buffer).await? else {
        return Ok(None);
    };
    let head: Vec<u8> = buffer.drain(..end).collect();
    let mut request = parse_head(&head)?;
    request.body = match request.header("transfer-encoding") {
        Some(coding) if coding.eq_ignore_ascii_case("chunked") => chunks(stream, buffer).await?,
        _ => {
            let length = request.header("content-length").unwrap_or("0").parse();
            sized(stream, buffer, length.map_err(|_| malformed())?).await?
        }
    };
    request.arrived = Instant::now();
    Ok(Some(request))
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    stream.read_buf(buffer).await
}

async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
    loop {
        if let Some(at) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            return Ok(Some(at + 4));
        }
        if buffer.len() > MAX_HEAD {
            return Err(malformed());
        }
        if more(stream, buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(malformed())
            };
        }
    }
}

fn parse_head(head: &[u8]) -> io::Result<Request> {
    let text = std::str::from_utf8(head).map_err(|_| malformed())?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target)) = (first.next(), first.next()) else {
        return Err(malformed());
    };
    let headers = lines.filter_map(|line| line.split_once(':'));
    Ok(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
        arrived: Instant::now(),
        answered: None,
        abandoned: None,
    })
}

async fn sized(stream: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    if length > MAX_BODY {
        return Err(malformed());
    }
    while buffer.len() < length {
        if more(stream, buffer).await? == 0 {
            return Err(malformed());
        }
    }
    Ok(buffer.drain(..length).collect())
}

async fn chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = chunk_line(stream, buffer).await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| malformed())?;
        if body.len() + size > MAX_BODY {
            return Err(malformed());
        }
        body.extend(sized(stream, buffer, size).await?);
        chunk_line(stream, buffer).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn chunk_line(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(at) = memchr::memmem::find(buffer, b"\r\n") {
            let line: Vec<u8> = buffer.drain(..at + 2).collect();
            return String::from_utf8(line)
                .map(|line| line.trim_end().to_owned())
                .map_err(|_| malformed());
        }
        if buffer.len() > MAX_HEAD || more(stream, buffer).await? == 0 {
            return Err(malformed());
        }
    }
}
