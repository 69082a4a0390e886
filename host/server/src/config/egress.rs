//! The section `[egress]`: how the operator sets the door to the network.
//!
//! Its defaults are the door's own; here are the names, units and files by which an operator writes them.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use freehold_sandbox::egress::{AllowedNetwork, EgressConfig, Timeouts, certificates_from_pem};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The section `[egress]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EgressSection {
    /// Networks that may be reached although they are not public. Plain HTTP is allowed there.
    pub(crate) allow: Vec<AllowedNetwork>,
    /// Networks that may not be reached although they are public. They win over `allow`.
    pub(crate) deny: Vec<AllowedNetwork>,
    /// Whether plain HTTP may be used outside `allow` too.
    pub(crate) allow_http: bool,
    /// Whether byte streams without TLS may be used outside `allow` too.
    pub(crate) allow_plaintext_streams: bool,
    /// Whether NAT64 addresses may be reached, judged by the IPv4 address inside.
    pub(crate) allow_nat64: bool,
    /// Names that need not look public, such as `minio` in a cluster.
    pub(crate) allow_names: Vec<String>,
    /// Names that may not be reached, with everything under them.
    pub(crate) deny_suffixes: Vec<String>,
    /// Name servers to ask instead of those of `/etc/resolv.conf`.
    pub(crate) name_servers: Vec<SocketAddr>,
    /// PEM files with roots that certificates may lead to, besides the system's.
    pub(crate) ca_files: Vec<PathBuf>,
    /// Until a name is resolved.
    pub(crate) resolve_ms: u64,
    /// Until a connection stands.
    pub(crate) connect_ms: u64,
    /// Until TLS stands.
    pub(crate) tls_ms: u64,
    /// Until the answer is read to its end.
    pub(crate) total_ms: u64,
    /// How long an idle connection is kept.
    pub(crate) idle_ms: u64,
    /// Until one read or write of a byte stream is done.
    pub(crate) stream_ms: u64,
    /// How long an idle byte stream is kept.
    pub(crate) stream_idle_ms: u64,
    /// Bytes of an answer's body.
    pub(crate) response_bytes: u64,
    /// Bytes of an answer's headers.
    pub(crate) response_header_bytes: u32,
    /// Idle connections that one plugin instance keeps to one host.
    pub(crate) idle_connections: usize,
}

impl Default for EgressSection {
    fn default() -> Self {
        let door = EgressConfig::default();
        EgressSection {
            allow: door.allow,
            deny: door.deny,
            allow_http: door.allow_http,
            allow_plaintext_streams: door.allow_plaintext_streams,
            allow_nat64: door.allow_nat64,
            allow_names: door.allow_names,
            deny_suffixes: door.denied_suffixes,
            name_servers: door.name_servers,
            ca_files: Vec::new(),
            resolve_ms: millis(door.timeouts.resolve),
            connect_ms: millis(door.timeouts.connect),
            tls_ms: millis(door.timeouts.tls),
            total_ms: millis(door.timeouts.total),
            idle_ms: millis(door.timeouts.idle),
            stream_ms: millis(door.timeouts.stream),
            stream_idle_ms: millis(door.timeouts.stream_idle),
            response_bytes: door.response_bytes_max,
            response_header_bytes: door.response_header_bytes_max,
            idle_connections: door.idle_connections_max,
        }
    }
}

impl EgressSection {
    /// The door's settings, with the certificates read from their files.
    pub(crate) fn door(&self) -> Result<EgressConfig, Failure> {
        let mut extra_roots = Vec::new();
        for file in &self.ca_files {
            let pem = fs::read(file).map_err(Failure::at(file))?;
            let found = certificates_from_pem(&pem).map_err(|error| Failure::because(file.display(), &error))?;
            extra_roots.extend(found);
        }
        Ok(EgressConfig {
            allow: self.allow.clone(),
            deny: self.deny.clone(),
            allow_http: self.allow_http,
            allow_plaintext_streams: self.allow_plaintext_streams,
            allow_nat64: self.allow_nat64,
            allow_names: self.allow_names.clone(),
            denied_suffixes: self.deny_suffixes.clone(),
            name_servers: self.name_servers.clone(),
            extra_roots,
            timeouts: Timeouts {
                resolve: Duration::from_millis(self.resolve_ms),
                connect: Duration::from_millis(self.connect_ms),
                tls: Duration::from_millis(self.tls_ms),
                total: Duration::from_millis(self.total_ms),
                idle: Duration::from_millis(self.idle_ms),
                stream: Duration::from_millis(self.stream_ms),
                stream_idle: Duration::from_millis(self.stream_idle_ms),
            },
            response_bytes_max: self.response_bytes,
            response_header_bytes_max: self.response_header_bytes,
            idle_connections_max: self.idle_connections,
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
