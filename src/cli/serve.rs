//! The options of `xiaobao serve`.

use clap::Args;

use super::{PlaceArgs, TierArgs};
use crate::serve::{ServeOptions, TlsFiles};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address and port; other than this machine's own only with --keys
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: std::net::SocketAddr,
    /// Longest body of one complaint
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    max_body_bytes: usize,
    /// Longest text of one complaint
    #[arg(long, value_name = "CHARS", default_value_t = 50_000)]
    max_text_chars: usize,
    /// Records of one batch
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    max_batch_rows: u64,
    /// Requests let in at a time, of which as many are decided as there are processors; more are refused with 503
    #[arg(long, value_name = "N", default_value_t = 32)]
    max_concurrent: usize,
    /// Time for one complaint, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout_ms: u64,
    /// File of the callers' keys, as `xiaobao keys add` writes it; without it whoever is on this machine may call
    #[arg(long, value_name = "FILE")]
    keys: Option<std::path::PathBuf>,
    /// Certificate chain in PEM: TLS is spoken; read anew at SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<std::path::PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<std::path::PathBuf>,
    /// Bundle that decides the same complaints unseen, on spare time; differences in /metrics and /v1/admin/shadow
    #[arg(long, value_name = "DIR")]
    shadow: Option<std::path::PathBuf>,
    /// CSV of labels that corrections made at the page are added to, masked; `xiaobao train` takes it
    #[arg(long, value_name = "FILE.csv")]
    corrections: Option<std::path::PathBuf>,
    /// No line on stderr for each request
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    tier: TierArgs,
}

impl ServeArgs {
    pub(super) fn options(self) -> ServeOptions {
        ServeOptions {
            listen: self.listen,
            data: self.place.data,
            model: self.place.model,
            cascade: self.tier.cascade,
            prior: self.tier.prior,
            max_body_bytes: self.max_body_bytes.max(1024),
            max_text_chars: self.max_text_chars,
            max_batch_rows: self.max_batch_rows,
            max_concurrent: self.max_concurrent.clamp(1, 4096),
            timeout: std::time::Duration::from_millis(self.timeout_ms.max(1)),
            access_log: !self.quiet,
            keys: self.keys,
            tls: self
                .tls_cert
                .zip(self.tls_key)
                .map(|(cert, key)| TlsFiles { cert, key }),
            shadow: self.shadow,
            corrections: self.corrections,
        }
    }
}
