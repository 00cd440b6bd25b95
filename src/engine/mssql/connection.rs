//! A connection to a SQL Server: the socket, the handshake, the login.

use tiberius::error::Error;
use tiberius::{Client, Row};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use super::address::Address;
use super::failure;
use crate::engine::EngineError;

/// A session with a server, as the driver has it.
pub(super) type Connection = Client<Compat<TcpStream>>;

/// How often a server may send the login elsewhere: once to a replica for readers or from a gateway, and once more.
const REDIRECTIONS: usize = 2;

/// Connects and logs in. The caller bounds the time.
pub(super) async fn open(address: &Address) -> Result<Connection, EngineError> {
    let (mut host, mut port) = (address.host.clone(), address.port);
    let mut config = address.config.clone();
    for _ in 0..=REDIRECTIONS {
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| {
            tracing::debug!(%error, "the database server cannot be reached");
            EngineError::Unavailable
        })?;
        // A query and its answer are few packets each way.
        drop(stream.set_nodelay(true));
        // A handshake is a large future, and every caller's would be larger by it.
        match Box::pin(Client::connect(config.clone(), stream.compat_write())).await {
            Ok(client) => return Ok(client),
            Err(Error::Routing { host: next_host, port: next_port }) => {
                config.host(&next_host);
                config.port(next_port);
                (host, port) = (next_host, next_port);
            }
            Err(error) => return Err(failure::of_login(&error)),
        }
    }
    tracing::error!("the database server sends logins in a circle");
    Err(EngineError::Unavailable)
}

/// Runs a text of ours and reads the rows of its first result.
pub(super) async fn rows(connection: &mut Connection, text: &str) -> Result<Vec<Row>, Error> {
    connection.simple_query(text).await?.into_first_result().await
}
