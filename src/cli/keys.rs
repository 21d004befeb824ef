//! The options of `xiaobao keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::jobs::keys::{KeysOptions, KeysTask};
use crate::serve::keys::Scope;

#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    task: Task,
    /// File of the keys, readable by its owner only
    #[arg(long, value_name = "FILE", default_value = "keys.toml", global = true)]
    file: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make a key and show it once
    Add {
        /// Who will hold it, e.g. intake
        name: String,
        /// What it opens
        #[arg(long, value_enum, value_delimiter = ',', required = true)]
        scope: Vec<Scope>,
    },
    /// Show ids, names, scopes and dates; the keys themselves are not kept
    List,
    /// Take a key out of the file
    Revoke {
        /// Name that it was added under
        name: String,
    },
}

impl KeysArgs {
    pub(super) fn options(self) -> KeysOptions {
        KeysOptions {
            task: match self.task {
                Task::Add { name, scope } => KeysTask::Add {
                    name,
                    scopes: scope,
                },
                Task::List => KeysTask::List,
                Task::Revoke { name } => KeysTask::Revoke { name },
            },
            file: self.file,
            today: jiff::ZonedDateTime::now().date(),
        }
    }
}
