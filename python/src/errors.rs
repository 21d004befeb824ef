//! Errors of the library as the exceptions of `xiaobao.errors`, which name row and column where there is one.
//! Law: no complaint text in any of them.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use xiaobao::complaint::Rejected;
use xiaobao::error::Error;

/// Makes an exception of `xiaobao.errors`; a failure to make it is raised in its place.
fn raise(
    class: &str,
    message: &str,
    fill: impl FnOnce(&Bound<'_, PyDict>) -> PyResult<()>,
) -> PyErr {
    Python::attach(|py| {
        let made = || {
            let members = PyDict::new(py);
            fill(&members)?;
            py.import("xiaobao.errors")?
                .getattr(class)?
                .call((message,), Some(&members))
        };
        match made() {
            Ok(exception) => PyErr::from_value(exception),
            Err(e) => e,
        }
    })
}

/// A run as a whole cannot go on.
pub fn of_error(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Usage(_) => raise("UsageError", &message, |_| Ok(())),
        Error::Config(faults) => raise("ConfigError", &message, |members| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            members.set_item("faults", faults)
        }),
        Error::Bundle { path, .. } => raise("BundleError", &message, |members| {
            members.set_item("path", path.display().to_string())
        }),
        Error::Io { source, .. } => {
            raise("FileError", &format!("{message} ({source})"), |_| Ok(()))
        }
        Error::Interrupted => pyo3::exceptions::PyKeyboardInterrupt::new_err(()),
        Error::Failed(_) | Error::BrokenPipe => raise("Error", &message, |_| Ok(())),
    }
}

/// A parameter is wrong.
pub fn usage(message: &str) -> PyErr {
    raise("UsageError", message, |_| Ok(()))
}

/// A column is missing, or stands there twice.
pub fn column(message: &str, column: &str) -> PyErr {
    raise("ColumnError", message, |m| m.set_item("column", column))
}

/// A column has a type that its role cannot be read from.
pub fn column_type(message: &str, column: &str) -> PyErr {
    raise("ColumnTypeError", message, |m| m.set_item("column", column))
}

/// A record cannot be decided.
pub fn rejected(rejected: &Rejected) -> PyErr {
    let column = rejected.column.as_deref();
    let place = column.map_or_else(String::new, |c| format!(", column {c}"));
    let code = rejected.code.code();
    let message = format!(
        "row {}{place}: {} [{code}]: {}",
        rejected.position.row, rejected.what, rejected.remedy
    );
    raise("RejectedError", &message, |members| {
        members.set_item("row", rejected.position.row)?;
        members.set_item("column", column)?;
        members.set_item("code", code)?;
        members.set_item("remedy", rejected.remedy)
    })
}
