//! A double of a SQL Server: it speaks TDS and knows no SQL. What it answers to a text is scripted.
//!
//! It is written from the protocol's description and not from any driver's code, so that the two check each other.
//! What a real SQL Server does with a text it cannot show; `docs/engines.md` says so.

mod requests;
pub(crate) mod script;
pub(crate) mod tls;
pub(crate) mod tokens;
pub(crate) mod types;
mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub(crate) use requests::{Call, Login, Parameter};
use script::{Script, Step};
use wire::Message;

/// What happened, in order, over all connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Opened,
    Login(Login),
    Batch(String),
    Call(Call),
    /// The client wants the running request stopped.
    Attention,
    /// A request asked for the session to be reset first.
    Reset,
    Closed,
}

/// A double that runs until it is dropped.
pub(crate) struct Double {
    pub(crate) port: u16,
    script: Arc<Script>,
    events: Arc<Mutex<Vec<Event>>>,
    tasks: JoinSet<()>,
}

impl Double {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut double =
            Self { port, script: Arc::new(script), events: Arc::default(), tasks: JoinSet::new() };
        double.listen(listener);
        double
    }

    fn listen(&mut self, listener: TcpListener) {
        let (script, events) = (Arc::clone(&self.script), Arc::clone(&self.events));
        self.tasks.spawn(async move {
            // Dropped with the listener, so that a kill cuts every connection.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let session = Session { script: Arc::clone(&script), events: Arc::clone(&events) };
                connections.spawn(session.serve(stream));
            }
        });
    }

    /// Stops at once, as a crash does.
    pub(crate) async fn kill(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Starts again after `kill`, on the same port.
    pub(crate) async fn restart(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.listen(listener);
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, event: &Event) -> usize {
        self.events().iter().filter(|other| *other == event).count()
    }

    /// The calls of `sp_executesql`.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let call = |event| if let Event::Call(call) = event { Some(call) } else { None };
        self.events().into_iter().filter_map(call).collect()
    }

    /// Waits until the events are as they should be, for five seconds at most.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&[Event]) -> bool) {
        for _ in 0..500 {
            if holds(&self.events()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} did not happen: {:?}", self.events());
    }
}

struct Session {
    script: Arc<Script>,
    events: Arc<Mutex<Vec<Event>>>,
}

/// A connection is over: cut by the script or left by the client.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

impl Session {
    fn log(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    async fn serve(self, mut stream: TcpStream) {
        self.log(Event::Opened);
        let _: Result<(), Over> = async {
            if self.script.silent {
                std::future::pending::<()>().await;
            }
            let asked = wire::read_message(&mut stream).await?;
            assert_eq!(asked.kind, wire::PRELOGIN);
            let answer = prelogin(self.script.encryption);
            wire::write_packets(&mut stream, &answer, 4096, true).await?;
            match self.script.encryption {
                script::Encryption::No => self.converse(stream).await,
                script::Encryption::Yes => self.converse(tls::accept(stream).await?).await,
            }
        }
        .await;
        self.log(Event::Closed);
    }

    /// A login, then requests until the client leaves.
    async fn converse<S>(&self, stream: S) -> Result<(), Over>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let message = wire::read_message(&mut reader).await?;
        assert_eq!(message.kind, wire::LOGIN7);
        let login = requests::login(&message.payload);
        self.log(Event::Login(login.clone()));
        let (accepted, tokens) = self.script.login(&login);
        wire::write_packets(&mut writer, &tokens, 4096, true).await?;
        if !accepted {
            return Ok(());
        }
        let (sender, mut inbox) = mpsc::channel(8);
        // Ends with this connection, however that ends.
        let mut reading = JoinSet::new();
        reading.spawn(read_all(reader, sender));
        self.answer_all(&mut inbox, &mut writer).await
    }

    async fn answer_all<S>(
        &self,
        inbox: &mut mpsc::Receiver<Message>,
        writer: &mut WriteHalf<S>,
    ) -> Result<(), Over>
    where
        S: AsyncRead + AsyncWrite + Send,
    {
        let mut told = script::Told::default();
        while let Some(message) = inbox.recv().await {
            if message.status & 0x18 != 0 {
                self.log(Event::Reset);
            }
            let steps = match message.kind {
                wire::SQL_BATCH => {
                    let text = requests::batch(&message.payload);
                    self.log(Event::Batch(text.clone()));
                    self.script.batch(&text, &mut told)
                }
                wire::RPC => {
                    let call = requests::call(&message.payload);
                    self.log(Event::Call(call.clone()));
                    self.script.call(&call.text)
                }
                wire::ATTENTION => {
                    self.log(Event::Attention);
                    vec![Step::Tokens(tokens::acknowledged())]
                }
                other => panic!("a message of type {other}"),
            };
            self.play(steps, inbox, writer).await?;
        }
        Ok(())
    }

    async fn play<S>(
        &self,
        steps: Vec<Step>,
        inbox: &mut mpsc::Receiver<Message>,
        writer: &mut WriteHalf<S>,
    ) -> Result<(), Over>
    where
        S: AsyncRead + AsyncWrite + Send,
    {
        let size = self.script.packet;
        let mut pending = Vec::new();
        for step in steps {
            let pause = match step {
                Step::Tokens(tokens) => {
                    pending.extend(tokens);
                    continue;
                }
                Step::Cut => {
                    wire::write_packets(writer, &pending, size, false).await?;
                    return Err(Over);
                }
                Step::Pause(pause) => pause,
                Step::Hang => Duration::from_hours(1),
            };
            wire::write_packets(writer, &pending, size, false).await?;
            pending.clear();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                message = inbox.recv() => {
                    let message = message.ok_or(Over)?;
                    assert_eq!(message.kind, wire::ATTENTION, "only an attention may interrupt");
                    self.log(Event::Attention);
                    if self.script.deaf {
                        std::future::pending::<()>().await;
                    }
                    let answer = tokens::acknowledged();
                    wire::write_packets(writer, &answer, size, true).await?;
                    return Ok(());
                }
            }
        }
        wire::write_packets(writer, &pending, size, true).await?;
        Ok(())
    }
}

/// Reads while an answer is on its way, since an attention may come at any moment.
async fn read_all<S: AsyncRead>(mut reader: ReadHalf<S>, sender: mpsc::Sender<Message>) {
    while let Ok(message) = wire::read_message(&mut reader).await {
        if sender.send(message).await.is_err() {
            return;
        }
    }
}

/// The server's side of the first exchange: a version, and whether it encrypts.
fn prelogin(encryption: script::Encryption) -> Vec<u8> {
    let encryption = match encryption {
        script::Encryption::No => 2,
        script::Encryption::Yes => 1,
    };
    // Two options, where they are and how long, an end mark, then their values.
    let mut message = vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff];
    message.extend([16, 0, 0x10, 0, 0, 0, encryption]);
    message
}
