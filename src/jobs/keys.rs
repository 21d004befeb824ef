//! `xiaobao keys`: a file of callers' keys in, the same file with one more or one less out.
//! Law: the key itself is printed once and kept nowhere.

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::Outcome;
use crate::error::Result;
use crate::serve::keys::{self, Keys, Scope};

/// What `keys` was asked to do.
#[derive(Debug)]
pub enum KeysTask {
    Add { name: String, scopes: Vec<Scope> },
    List,
    Revoke { name: String },
}

/// A task and the file it is done on; `today` is the date that a new key bears.
#[derive(Debug)]
pub struct KeysOptions {
    pub task: KeysTask,
    pub file: PathBuf,
    pub today: Date,
}

pub fn run(options: &KeysOptions) -> Result<Outcome> {
    let file = &options.file;
    match &options.task {
        KeysTask::Add { name, scopes } => {
            let key = keys::add(file, name, scopes, options.today)?;
            println!("{key}");
            eprintln!(
                "key `{name}` added to {}: this is the only time that it is shown; a running server reads the file at SIGHUP",
                file.display()
            );
        }
        KeysTask::List => list(file)?,
        KeysTask::Revoke { name } => {
            keys::revoke(file, name)?;
            eprintln!(
                "key `{name}` taken out of {}: a running server honours it until SIGHUP",
                file.display()
            );
        }
    }
    Ok(Outcome::Done)
}

fn list(file: &Path) -> Result<()> {
    println!("id\tname\tscopes\tcreated");
    for key in Keys::load(file)?.iter() {
        let scopes: Vec<&str> = key.scopes.iter().map(|s| s.name()).collect();
        println!(
            "{}\t{}\t{}\t{}",
            key.id,
            key.name,
            scopes.join(","),
            key.created
        );
    }
    Ok(())
}
