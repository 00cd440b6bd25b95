//! The command line: what an operator does, one file for each command.

mod ask;
mod batch;
mod check;
mod demo;
mod diagnostic;
#[cfg(feature = "prove")]
mod diff;
#[cfg(feature = "prove")]
mod example;
mod explain;
mod functions;
mod guard;
mod keys;
mod output;
#[cfg(feature = "prove")]
mod prove;
mod pull;
mod query;
mod rls;
mod role;
mod schema;
mod serve;
#[cfg(feature = "prove")]
mod side;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::guard::sql::STACK_BYTES;
use crate::identity::{DatabaseId, Principal};
use crate::policy::Database;
use crate::policy::settings::Settings;
use crate::service::{self, Denial};
use output::Failed;

/// Answers questions about a database, each customer seeing only its own rows.
#[derive(Parser)]
#[command(name = "dialektai", version)]
pub struct Cli {
    /// The folder that holds one folder for each database.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "DIALEKTAI_POLICIES",
        default_value = "policies"
    )]
    policies: PathBuf,
    /// The file that holds the API keys.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "DIALEKTAI_STORE",
        default_value = "dialektai.sqlite"
    )]
    store: PathBuf,
    /// How log lines are written to standard error; `DIALEKTAI_LOG` says which.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Serves a demo database, with a key and requests to paste.
    Demo(ListenArgs),
    /// Serves every database of the policy folder.
    Serve(serve::ServeArgs),
    /// Reads the schema of a live database into its folder.
    Pull {
        /// The folder's name.
        #[arg(value_name = "DATABASE")]
        database: DatabaseId,
    },
    /// Compares folders with their live databases, and says what is amiss.
    Check(check::CheckArgs),
    /// Proves, with a solver, that no caller can read a row of another tenant, or prints the caller and the row.
    ///
    /// Exit codes: 0 where nothing was refuted, 1 where something was, and with `--require` 4 where something was not
    /// proved.
    #[cfg(feature = "prove")]
    Prove(prove::ProveArgs),
    /// Proves, with a solver, that new policies grant nothing that old ones did not, or prints what they newly grant and deny.
    ///
    /// Exit codes: 0 where nothing newly granted was found, 1 where something was, and with `--require` 4 where it was not
    /// proved that there is nothing.
    #[cfg(feature = "prove")]
    Diff(diff::DiffArgs),
    /// Runs the tests that live with the policies; a live database only where a test asks for it.
    Test(test::TestArgs),
    /// Prints the policies as row-level security of the database itself, to review; needs no live database.
    Rls {
        /// The folder's name.
        #[arg(value_name = "DATABASE")]
        database: DatabaseId,
    },
    /// Prints the Cedar schema of a folder, for editors; needs no live database, and no policies that load.
    Schema(schema::SchemaArgs),
    /// Prints the functions, operators and types that a query may use; needs no live database.
    Functions(functions::FunctionsArgs),
    /// Makes, lists and revokes API keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Answers a question.
    Ask(ask::AskArgs),
    /// Tells which policies decide about a relation, or about what a query reads, and what they let through.
    Explain(explain::ExplainArgs),
    /// Prints what would run for a query; needs no live database.
    Guard(guard::GuardArgs),
    /// Guards a query, runs it and prints its rows as JSON.
    Query(QueryArgs),
}

#[derive(Args)]
struct ListenArgs {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7400")]
    listen: std::net::SocketAddr,
}

/// Who asks, of which database.
#[derive(Args)]
struct CallerArgs {
    /// The database, a folder's name.
    #[arg(long, value_name = "ID")]
    database: DatabaseId,
    /// The tenant.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// The scope inside the tenant.
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// Further claims, one JSON object.
    #[arg(long, value_name = "JSON")]
    claims: Option<String>,
    /// How the result of `guard`, and any error, is written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

impl CallerArgs {
    fn identify(&self, settings: &Settings) -> Result<Principal, Denial> {
        let (tenant, scope) = (self.tenant.as_deref(), self.scope.as_deref());
        service::identify(settings, tenant, scope, self.claims.as_deref())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Args)]
struct QueryArgs {
    #[command(flatten)]
    caller: CallerArgs,
    /// Reads one JSON object a line, `{"id", "query", "tenant", "scope", "claims"}`, and writes one a line.
    #[arg(long)]
    batch: bool,
    /// The query.
    #[arg(value_name = "QUERY", required_unless_present = "batch", conflicts_with = "batch")]
    query: Option<String>,
}

/// Runs a command to its end.
pub fn run(cli: Cli) -> ExitCode {
    log_to_stderr(cli.log_format, cli.command.serves());
    let format = cli.command.format();
    // As much stack as the guard wants, and as a thread has otherwise.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES + 2 * 1024 * 1024)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Failed::from(error).report(format),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failed.report(format),
    }
}

async fn dispatch(cli: Cli) -> Result<(), Failed> {
    let Cli { policies, store, log_format: _, command } = cli;
    match command {
        Command::Demo(args) => demo::run(&policies, args.listen).await,
        Command::Serve(args) => serve::run(&policies, &store, args).await,
        Command::Pull { database } => pull::run(&policies, &database).await,
        Command::Check(args) => check::run(&policies, args).await,
        #[cfg(feature = "prove")]
        Command::Prove(args) => prove::run(&policies, args),
        #[cfg(feature = "prove")]
        Command::Diff(args) => diff::run(&policies, &args),
        Command::Test(args) => test::run(&policies, args).await,
        Command::Rls { database } => rls::run(&policies, &database),
        Command::Schema(args) => schema::run(&policies, &args),
        Command::Functions(args) => functions::run(&policies, args),
        Command::Keys(command) => keys::run(&store, command).await,
        Command::Ask(args) => ask::run(&policies, args).await,
        Command::Explain(args) => explain::run(&policies, args).await,
        Command::Guard(args) => guard::run(&policies, args).await,
        Command::Query(args) => query::run(&policies, args).await,
    }
}

impl Command {
    /// Whether it runs until it is told to stop: its log is then what an operator looks at.
    fn serves(&self) -> bool {
        match self {
            Self::Demo(_) | Self::Serve(_) => true,
            Self::Rls { .. }
            | Self::Schema(_)
            | Self::Test(_)
            | Self::Pull { .. }
            | Self::Check(_)
            | Self::Functions(_)
            | Self::Keys(_)
            | Self::Ask(_)
            | Self::Guard(_)
            | Self::Explain(_)
            | Self::Query(_) => false,
            #[cfg(feature = "prove")]
            Self::Prove(_) | Self::Diff(_) => false,
        }
    }

    fn format(&self) -> Format {
        match self {
            Self::Check(args) => args.format,
            #[cfg(feature = "prove")]
            Self::Prove(args) => args.format,
            #[cfg(feature = "prove")]
            Self::Diff(args) => args.format,
            Self::Test(args) => args.format,
            Self::Functions(args) => args.format,
            Self::Ask(args) => args.caller.format,
            Self::Guard(args) => args.query.caller.format,
            Self::Explain(args) => args.caller.format,
            Self::Query(args) => args.caller.format,
            Self::Demo(_)
            | Self::Serve(_)
            | Self::Pull { .. }
            | Self::Rls { .. }
            | Self::Schema(_)
            | Self::Keys(_) => Format::Text,
        }
    }
}

/// Commands that end by themselves stay silent unless something is wrong; `DIALEKTAI_LOG=info` shows their audit.
fn log_to_stderr(format: LogFormat, serves: bool) {
    let default = if serves { "dialektai=info" } else { "dialektai=error" };
    let filter =
        EnvFilter::try_from_env("DIALEKTAI_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(without_driver_texts(filter))
        .with_writer(std::io::stderr);
    // Failing means that a log is set up already, which tests do.
    drop(match format {
        LogFormat::Human => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    });
}

/// The driver of SQL Server logs what the server says as an error of its own, and rows when it is asked to trace.
/// Both quote values; what of it an operator needs, the engine logs itself.
fn without_driver_texts(filter: EnvFilter) -> EnvFilter {
    match "tiberius=off".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => EnvFilter::new("dialektai=error"),
    }
}

/// The folder of a database, which must be there.
fn folder(policies: &Path, id: &DatabaseId) -> Result<PathBuf, Failed> {
    let folder = policies.join(id.as_str());
    if folder.join("database.toml").is_file() {
        Ok(folder)
    } else {
        let path = folder.display();
        Err(Failed::new("unknown_database", format!("there is no `{path}/database.toml`")))
    }
}

fn load(policies: &Path, id: &DatabaseId) -> Result<(Database, PathBuf), Failed> {
    let folder = folder(policies, id)?;
    let database = Database::load(&folder)
        .map_err(|error| Failed::new("invalid_policies", error.to_string()))?;
    Ok((database, folder))
}
