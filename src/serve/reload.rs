//! Everything that SIGHUP reads anew; each part on its own, so that a fault in one does not keep another from its change.
//! Law: what cannot be loaded changes nothing.

use std::sync::Arc;

use super::{Shared, keys, load, tls};

/// Loads keys, certificate, tables and bundle beside those in force, and only then puts them in their place.
pub(super) fn all(shared: &Shared) {
    // First: a revoked key must not stay because of a table with a fault.
    if let (Some(path), Some(keys)) = (&shared.options.keys, &shared.keys) {
        match keys::Keys::load(path) {
            Ok(found) => {
                eprintln!("reloaded: {} keys", found.iter().count());
                keys.store(Arc::new(found));
            }
            Err(e) => eprintln!("keys not reloaded, the old ones stay in force: {e}"),
        }
    }
    if let (Some(files), Some(config)) = (&shared.options.tls, &shared.tls) {
        match tls::load(files) {
            Ok(found) => {
                config.store(found);
                eprintln!("reloaded: certificate");
            }
            Err(e) => eprintln!("certificate not reloaded, the old one stays in force: {e}"),
        }
    }
    match load(&shared.options) {
        Ok(triage) => {
            eprintln!("reloaded: bundle {}", triage.bundle_ids());
            shared.triage.store(Arc::new(triage));
        }
        Err(e) => eprintln!("not reloaded, the old ones stay in force: {e}"),
    }
}
