//! `dialektai serve`: the HTTP API over every database of the policy folder.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;

use super::ListenArgs;
use super::output::{self, Failed};
use crate::http::{self, App};
use crate::service::Service;
use crate::store::Store;

#[derive(Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    listen: ListenArgs,
    /// Reads the policy folder again on SIGHUP only, and not whenever it has changed.
    #[arg(long)]
    no_watch: bool,
}

pub(super) async fn run(policies: &Path, store: &Path, args: ServeArgs) -> Result<(), Failed> {
    // Before anything else: a signal that nobody listens to ends the process.
    let reloads = Reloads::listen()?;
    let service = Service::load(policies).await.map_err(|error| {
        Failed::new("no_policies", format!("cannot read `{}`: {error}", policies.display()))
    })?;
    let store = Store::open(store).await?;
    let listener = bind(args.listen.listen).await?;
    output::line(&format!("listening on http://{}", listener.local_addr()?))?;
    let app = Arc::new(App { service, store });
    let reloading = tokio::spawn(reload_when_told(reloads, Arc::clone(&app)));
    let watched = Arc::clone(&app);
    let watching =
        (!args.no_watch).then(|| tokio::spawn(async move { watched.service.watch().await }));
    let served = until_told(listener, app).await;
    reloading.abort();
    if let Some(watching) = watching {
        watching.abort();
    }
    served
}

pub(super) async fn bind(listen: SocketAddr) -> Result<TcpListener, Failed> {
    TcpListener::bind(listen)
        .await
        .map_err(|error| Failed::new("listen", format!("cannot listen on {listen}: {error}")))
}

/// Serves until SIGINT or SIGTERM.
pub(super) async fn until_told(listener: TcpListener, app: Arc<App>) -> Result<(), Failed> {
    Ok(http::serve(listener, http::router(app), told_to_stop()?).await?)
}

async fn reload_when_told(mut reloads: Reloads, app: Arc<App>) {
    while reloads.next().await {
        tracing::info!("reading the policy folder again");
        match app.service.reload().await {
            Ok(()) => tracing::info!("the policy folder was read again"),
            Err(error) => {
                tracing::error!(%error, "the policy folder cannot be read: nothing changes");
            }
        }
    }
}

/// SIGHUP, each time it comes; several while one is being handled are one.
#[cfg(unix)]
struct Reloads(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Reloads {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self)
    }

    /// Whether there will be more.
    async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}

/// There is no such signal here: a restart reads the folder again.
#[cfg(not(unix))]
struct Reloads;

#[cfg(not(unix))]
impl Reloads {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> bool {
        false
    }
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
