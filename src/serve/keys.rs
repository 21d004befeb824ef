//! The keys of callers: a file that `xiaobao keys` writes and `xiaobao serve` reads.
//! Laws: a key is shown once and stored as its hash; the file is its owner's alone and is replaced whole.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::digest::hex;
use crate::error::{Error, Fault, Result};
use crate::sink::{folder_of, sync_dir};

/// What a key opens.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Decisions, one or many.
    Triage,
    /// The decision with its grounds and its sheet; the page.
    Explain,
    /// Reload, rollback, the challenger's differences.
    Admin,
}

impl Scope {
    pub fn name(self) -> &'static str {
        match self {
            Scope::Triage => "triage",
            Scope::Explain => "explain",
            Scope::Admin => "admin",
        }
    }
}

/// One key, without the key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Names the key in the access log; no secret.
    pub id: Arc<str>,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created: Date,
    /// SHA-256 of the key, hex. A slow hash guards passwords, which can be guessed; 32 random bytes cannot be, so a fast
    /// one loses nothing, and each request pays for it.
    sha256: String,
}

impl Key {
    pub fn opens(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// All keys of a file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    #[serde(default)]
    key: Vec<Key>,
}

/// Before every key, so that scanners of repositories and logs know one when they see it.
const PREFIX: &str = "xb_";

/// Longest name of a key, characters.
const NAME_CHARS: usize = 40;

impl Keys {
    /// Reads a file of keys; one that others may read or write is refused.
    pub fn load(path: &Path) -> Result<Keys> {
        let mut file = File::open(path).map_err(|e| Error::io(path, "cannot be opened", e))?;
        let failed = |e| Error::io(path, "cannot be read", e);
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Error::Config(vec![Fault::new(
                path,
                0,
                format!("others may open it (mode {:03o})", mode & 0o777),
                "chmod 600 it",
            )]));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let mend = "let `xiaobao keys` write it";
        let keys: Keys = toml::from_str(&text)
            .map_err(|e| Error::Config(vec![Fault::toml(path, &text, &e, mend)]))?;
        let faults: Vec<Fault> = keys
            .key
            .iter()
            .enumerate()
            .filter_map(|(i, key)| {
                let earlier = &keys.key[..i];
                let what = if earlier.iter().any(|k| k.id == key.id || k.name == key.name) {
                    "its id or name stands twice"
                } else if digest_of(&key.sha256).is_none() {
                    "its sha256 is not 64 hex digits"
                } else if key.scopes.is_empty() {
                    "it has no scope"
                } else {
                    return None;
                };
                Some(Fault::new(path, 0, format!("key {}: {what}", i + 1), mend))
            })
            .collect();
        if faults.is_empty() {
            Ok(keys)
        } else {
            Err(Error::Config(faults))
        }
    }

    /// The key that this is, found in a time that does not tell how near a wrong one came.
    pub fn find(&self, presented: &[u8]) -> Option<&Key> {
        let digest = Sha256::digest(presented);
        let mut found = None;
        for key in &self.key {
            let stored = digest_of(&key.sha256).unwrap_or_default();
            if bool::from(stored.ct_eq(&digest[..])) {
                found = Some(key);
            }
        }
        found
    }

    pub fn by_id(&self, id: &str) -> Option<&Key> {
        self.key.iter().find(|k| &*k.id == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.key.iter()
    }

    /// Writes the file beside its name and puts it in place, readable by its owner only.
    fn save(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self)
            .map_err(|e| Error::Failed(format!("keys cannot be written: {e}")))?;
        let part = beside(path, "part");
        let failed = |e| Error::io(&part, "cannot be written", e);
        let mut file = owners_file()
            .write(true)
            .truncate(true)
            .open(&part)
            .map_err(failed)?;
        // The mode of an open counts only for a file that it makes.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))
            .and_then(|()| file.write_all(HEAD.as_bytes()))
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        std::fs::rename(&part, path).map_err(|e| Error::io(path, "cannot be put in place", e))?;
        sync_dir(folder_of(path))
    }
}

const HEAD: &str = "# Keys of the callers of `xiaobao serve`, as hashes: written by `xiaobao keys`; SIGHUP makes a server read it anew.\n";

/// Makes a key, adds its hash to the file, and returns the key itself: it cannot be had again.
pub fn add(path: &Path, name: &str, scopes: &[Scope], today: Date) -> Result<String> {
    let is_named = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.chars().count() > NAME_CHARS || !name.chars().all(is_named) {
        return Err(Error::Usage(format!(
            "NAME: 1 to {NAME_CHARS} letters, digits, `-`, `_`, `.`"
        )));
    }
    let _lock = lock(path)?;
    let mut keys = if path.exists() {
        Keys::load(path)?
    } else {
        Keys::default()
    };
    if keys.key.iter().any(|k| k.name == name) {
        return Err(Error::Usage(format!(
            "{}: has a key `{name}` already: choose another name, or revoke that one",
            path.display()
        )));
    }
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    let key = format!("{PREFIX}{}", random_hex::<32>()?);
    keys.key.push(Key {
        id: format!("k{}", random_hex::<4>()?).into(),
        name: name.to_owned(),
        scopes,
        created: today,
        sha256: crate::digest::sha256(key.as_bytes()),
    });
    keys.save(path)?;
    Ok(key)
}

/// Takes a key out of the file.
pub fn revoke(path: &Path, name: &str) -> Result<()> {
    let _lock = lock(path)?;
    let mut keys = Keys::load(path)?;
    let n = keys.key.len();
    keys.key.retain(|k| k.name != name);
    if keys.key.len() == n {
        return Err(Error::Usage(format!(
            "{}: has no key `{name}`: see `xiaobao keys list`",
            path.display()
        )));
    }
    keys.save(path)
}

/// Two `keys add` at a time must not lose one: held until dropped.
fn lock(path: &Path) -> Result<File> {
    let name = beside(path, "lock");
    let failed = |e| Error::io(&name, "cannot be locked", e);
    let file = owners_file().write(true).open(&name).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

fn owners_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

/// `dir/.name.ending`
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// `N` bytes of the system's randomness, hex.
pub(super) fn random_hex<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::Failed(format!("the system gives no randomness: {e}")))?;
    Ok(hex(&bytes))
}

fn digest_of(written: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u32>> = written.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|d| d.len() == 64)?;
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks(2)) {
        *byte = (pair[0] * 16 + pair[1]) as u8;
    }
    Some(out)
}
