//! `dialektai serve`: the HTTP API over every database of the policy folder.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::output::{self, Failed};
use crate::http::{self, App};
use crate::service::Service;
use crate::store::Store;

pub(super) async fn run(policies: &Path, store: &Path, listen: SocketAddr) -> Result<(), Failed> {
    let service = Service::load(policies).await.map_err(|error| {
        Failed::new("no_policies", format!("cannot read `{}`: {error}", policies.display()))
    })?;
    let store = Store::open(store).await?;
    let listener = bind(listen).await?;
    output::line(&format!("listening on http://{}", listener.local_addr()?))?;
    until_told(listener, App { service, store }).await
}

pub(super) async fn bind(listen: SocketAddr) -> Result<TcpListener, Failed> {
    TcpListener::bind(listen)
        .await
        .map_err(|error| Failed::new("listen", format!("cannot listen on {listen}: {error}")))
}

/// Serves until SIGINT or SIGTERM.
pub(super) async fn until_told(listener: TcpListener, app: App) -> Result<(), Failed> {
    Ok(http::serve(listener, http::router(Arc::new(app)), told_to_stop()?).await?)
}

#[cfg(unix)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: no new connections, running requests may end");
    })
}

#[cfg(not(unix))]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        drop(tokio::signal::ctrl_c().await);
        tracing::info!("stopping: no new connections, running requests may end");
    })
}
