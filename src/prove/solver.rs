//! cvc5 as a process: started when it is first asked, kept for all questions, killed when it takes too long.

use std::time::Duration;

use cedar_policy_symcc::{CedarSymCompiler, Env, WellFormedAsserts, err, solver::LocalSolver};
use tokio::process::Command;

/// Why a claim is neither shown nor refuted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// There is no program to ask.
    #[error("there is no solver: install cvc5, or name it in `CVC5`")]
    NoSolver,
    /// It took longer than it may.
    #[error("the solver took too long")]
    Timeout,
    /// It gave up.
    #[error("the solver does not know")]
    Undecided,
    /// It ended, or said what is no answer.
    #[error("the solver failed")]
    SolverFailed,
    /// The policies have no formula.
    #[error("{0}")]
    Unsupported(String),
    /// What the solver found is no caller and row that the policies' ordinary evaluator says the same of.
    #[error("the solver's example could not be confirmed")]
    Unconfirmed,
}

/// A solver that is started when it is needed.
pub(super) struct Solver {
    compiler: Option<CedarSymCompiler<LocalSolver>>,
    limit: Duration,
}

impl Solver {
    /// A solver that has this much time for each question.
    pub(super) fn new(limit: Duration) -> Self {
        Self { compiler: None, limit }
    }

    /// A caller and a row on which the assertions hold, where there are any.
    pub(super) async fn counterexample(
        &mut self,
        asserts: &WellFormedAsserts<'_>,
    ) -> Result<Option<Env>, NotProved> {
        let mut compiler = match self.compiler.take() {
            Some(compiler) => compiler,
            None => start(self.limit)?,
        };
        // Its own limit comes first; ours is for a solver that does not keep it.
        let patience = self.limit + Duration::from_secs(2);
        match tokio::time::timeout(patience, compiler.check_sat(asserts)).await {
            Ok(Ok(found)) => {
                self.compiler = Some(compiler);
                Ok(found)
            }
            // Where a question was left in the middle, the process is not asked again, and ends with its handle.
            Ok(Err(err::Error::SolverError(_))) => Err(NotProved::SolverFailed),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(NotProved::Timeout),
        }
    }
}

fn start(limit: Duration) -> Result<CedarSymCompiler<LocalSolver>, NotProved> {
    let path = std::env::var_os("CVC5").unwrap_or_else(|| "cvc5".into());
    let mut command = Command::new(path);
    // Cedar's `like` needs what cvc5 1.0 counts as experimental.
    command.args(["--lang", "smt", "--strings-exp"]);
    command.arg(format!("--tlimit-per={}", limit.as_millis())).kill_on_drop(true);
    let solver = LocalSolver::from_command(&mut command).map_err(|_| NotProved::NoSolver)?;
    CedarSymCompiler::new(solver).map_err(|_| NotProved::NoSolver)
}
