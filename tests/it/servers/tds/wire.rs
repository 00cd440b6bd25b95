//! Bytes of the protocol: packets, and the little-endian pieces that messages are made of.
//! <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/>

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Types of messages.
pub(super) const SQL_BATCH: u8 = 1;
pub(super) const RPC: u8 = 3;
const TABULAR_RESULT: u8 = 4;
pub(super) const ATTENTION: u8 = 6;
pub(super) const LOGIN7: u8 = 16;
pub(super) const PRELOGIN: u8 = 18;

const END_OF_MESSAGE: u8 = 1;
const HEADER: usize = 8;

/// One message of the client: its type and its packets' payloads, put together.
pub(super) struct Message {
    pub(super) kind: u8,
    /// Status bits of the first packet: `RESETCONNECTION` is among them.
    pub(super) status: u8,
    pub(super) payload: Vec<u8>,
}

pub(super) async fn read_message(
    stream: &mut (impl AsyncRead + Unpin),
) -> std::io::Result<Message> {
    let mut message = Message { kind: 0, status: 0, payload: Vec::new() };
    let mut first = true;
    loop {
        let mut header = [0; HEADER];
        stream.read_exact(&mut header).await?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let mut payload = vec![0; length - HEADER];
        stream.read_exact(&mut payload).await?;
        if first {
            (message.kind, message.status, first) = (header[0], header[1], false);
        }
        message.payload.extend(payload);
        if header[1] & END_OF_MESSAGE != 0 {
            return Ok(message);
        }
    }
}

/// Sends bytes of one answer in packets of at most `size` bytes; the last one ends the message if `end` says so.
pub(super) async fn write_packets(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    size: usize,
    end: bool,
) -> std::io::Result<()> {
    let mut chunks = bytes.chunks(size - HEADER).peekable();
    if bytes.is_empty() && end {
        return write_packet(stream, &[], true).await;
    }
    while let Some(chunk) = chunks.next() {
        write_packet(stream, chunk, end && chunks.peek().is_none()).await?;
    }
    stream.flush().await
}

async fn write_packet(
    stream: &mut (impl AsyncWrite + Unpin),
    payload: &[u8],
    end: bool,
) -> std::io::Result<()> {
    let length = u16::try_from(payload.len() + HEADER).unwrap().to_be_bytes();
    let mut packet = vec![TABULAR_RESULT, u8::from(end), length[0], length[1], 0, 51, 1, 0];
    packet.extend(payload);
    stream.write_all(&packet).await
}

/// Reads pieces off the front of a message.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl Cursor<'_> {
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        let (front, rest) = self.0.split_at(count);
        self.0 = rest;
        front.to_vec()
    }

    pub(super) fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take(2).try_into().unwrap())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }
}

pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(super) fn from_utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> =
        bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}

/// A text with its length in characters before it, in one byte.
pub(super) fn short_text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.encode_utf16().count()).unwrap();
    [vec![length], utf16(text)].concat()
}

/// A text with its length in characters before it, in two bytes.
pub(super) fn long_text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.encode_utf16().count()).unwrap();
    [length.to_le_bytes().to_vec(), utf16(text)].concat()
}
