//! Functions of the database's own that its operator lets queries call.

use super::ColumnType;

/// One function, as `[[functions]]` of `database.toml` describes it.
///
/// The guard takes the operator's word for all of it. A function that reads a table reads the rows of every tenant, so
/// what it gives is the operator's to answer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedFunction {
    /// The schema; on MySQL the database.
    pub schema: String,
    /// The name inside the schema.
    pub name: String,
    /// The fewest and the most arguments.
    pub arguments: (usize, usize),
    /// The type of its result, where it is told.
    pub returns: Option<ColumnType>,
    /// The promise that it neither fails nor warns nor does anything else that can be seen, whatever row it is called
    /// on; the conversion of its arguments to what it takes included. Otherwise relations are fenced off from it.
    pub total: bool,
    /// Why it may be called, for whoever reads the file next.
    pub reason: String,
}
