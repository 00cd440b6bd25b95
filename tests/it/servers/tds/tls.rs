//! TLS inside of TDS: the handshake travels in packets of the first exchange's type, what follows does not.
//!
//! `server.pem` is for 127.0.0.1 and signed by `authority.pem`; both serve tests and nothing else.

use std::io::{Error, Result};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto, version};
use tokio_rustls::server::TlsStream;

use super::wire::PRELOGIN;
use crate::world;

/// A file of the double's keys.
pub(crate) fn file(name: &str) -> PathBuf {
    world::root().join("tests/it/servers/tds").join(name)
}

/// The server's side of a handshake.
pub(super) async fn accept(stream: TcpStream) -> Result<TlsStream<Wrapped>> {
    let chain = vec![CertificateDer::from_pem_file(file("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            // What SQL Server speaks here: later versions begin before the first exchange.
            .with_protocol_versions(&[&version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
    let wrapped =
        Wrapped { stream, wraps: true, header: Vec::new(), left: 0, outgoing: Vec::new(), sent: 0 };
    let mut accepted = TlsAcceptor::from(Arc::new(config)).accept(wrapped).await?;
    accepted.get_mut().0.wraps = false;
    Ok(accepted)
}

/// A stream that wraps what it carries into packets, until the handshake is over.
pub(super) struct Wrapped {
    stream: TcpStream,
    wraps: bool,
    header: Vec<u8>,
    /// Bytes of the packet that is being read.
    left: usize,
    /// The packet that is being written, and how much of it is sent.
    outgoing: Vec<u8>,
    sent: usize,
}

impl AsyncRead for Wrapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = &mut *self;
        if !this.wraps {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        while this.left == 0 {
            let mut byte = [0; 1];
            let mut one = ReadBuf::new(&mut byte);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut one))?;
            if one.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.header.push(byte[0]);
            if let [kind, _, high, low, ..] = this.header[..]
                && this.header.len() == 8
            {
                if kind != PRELOGIN {
                    return Poll::Ready(Err(Error::other("a handshake in another packet")));
                }
                this.left = usize::from(u16::from_be_bytes([high, low])) - 8;
                this.header.clear();
            }
        }
        let mut part = vec![0; this.left.min(buffer.remaining())];
        let mut read = ReadBuf::new(&mut part);
        ready!(Pin::new(&mut this.stream).poll_read(context, &mut read))?;
        this.left -= read.filled().len();
        buffer.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        if !self.wraps && self.outgoing.is_empty() {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        if self.outgoing.is_empty() {
            self.outgoing.extend([PRELOGIN, 1, 0, 0, 0, 0, 1, 0]);
        }
        self.outgoing.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        if this.wraps && !this.outgoing.is_empty() && this.sent == 0 {
            let length = u16::try_from(this.outgoing.len()).unwrap().to_be_bytes();
            this.outgoing[2..4].copy_from_slice(&length);
        }
        while this.sent < this.outgoing.len() {
            let rest = &this.outgoing[this.sent..];
            this.sent += ready!(Pin::new(&mut this.stream).poll_write(context, rest))?;
        }
        (this.sent, this.outgoing) = (0, Vec::new());
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
