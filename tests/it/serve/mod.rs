//! `xiaobao serve` as its callers see it.

mod admin;
mod hostile;
mod intake;
mod keys;
mod log;
mod openapi;
mod page;
mod parity;
mod server;
mod tls;
