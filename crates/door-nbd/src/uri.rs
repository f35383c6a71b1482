//! The words that say where an array is served: NBD URIs.
//!
//! `nbd+unix:///NAME?socket=PATH` and `nbd://ADDRESS[:PORT]/NAME`, with `%` and two hexadecimal
//! digits for a byte that cannot stand there. Deliberately absent: TLS, and looking a host up.

use crate::limits::STRING_BYTES;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// The port of NBD.
pub const DEFAULT_PORT: u16 = 10809;

/// Where an array is served, and under which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NbdUri {
    /// Where.
    pub address: Address,
    /// The name of the export; may be empty, which is the default export.
    pub name: String,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// On a socket in the file system.
    Unix(PathBuf),
    /// On the network.
    Tcp {
        /// An address or `localhost`, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// Why a URI cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{uri:?} cannot be served: {why}; write nbd+unix:///NAME?socket=PATH or nbd://ADDRESS/NAME"
)]
pub struct BadUri {
    /// The URI as it was given.
    pub uri: String,
    /// What is wrong with it.
    pub why: String,
}

impl NbdUri {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`BadUri`] with the reason.
    pub fn parse(uri: &str) -> Result<Self, BadUri> {
        Self::read(uri).map_err(|why| BadUri { uri: uri.to_owned(), why })
    }

    fn read(uri: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = uri.split_once("://") else {
            return Err("it has no \"://\"".to_owned());
        };
        if rest.contains('#') {
            return Err("it has a fragment (\"#\"), which means nothing here".to_owned());
        }
        let (place, query) = rest.split_once('?').map_or((rest, None), |(p, q)| (p, Some(q)));
        let (authority, name) = place.split_once('/').unwrap_or((place, ""));
        let name = decode(name)?;
        if name.len() > STRING_BYTES {
            return Err(format!("its name has {} bytes; {STRING_BYTES} are allowed", name.len()));
        }
        let address = match scheme {
            "nbd+unix" => unix(authority, query)?,
            "nbd" => tcp(authority, query)?,
            "nbds" | "nbds+unix" => return Err("TLS is not spoken yet".to_owned()),
            other => return Err(format!("the scheme {other:?} is not known")),
        };
        Ok(Self { address, name })
    }
}

impl std::str::FromStr for NbdUri {
    type Err = BadUri;
    fn from_str(uri: &str) -> Result<Self, BadUri> {
        Self::parse(uri)
    }
}

impl fmt::Display for NbdUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = encode(self.name.as_bytes());
        match &self.address {
            Address::Unix(path) => {
                let path = encode(path.as_os_str().as_encoded_bytes());
                write!(f, "nbd+unix:///{name}?socket={path}")
            }
            Address::Tcp { host, port } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                match *port {
                    DEFAULT_PORT => write!(f, "nbd://{host}/{name}"),
                    port => write!(f, "nbd://{host}:{port}/{name}"),
                }
            }
        }
    }
}

fn unix(authority: &str, query: Option<&str>) -> Result<Address, String> {
    if !authority.is_empty() {
        return Err(format!(
            "{authority:?} stands where a host stands; three slashes begin the name of an export"
        ));
    }
    let mut socket = None;
    for parameter in query.unwrap_or_default().split('&').filter(|word| !word.is_empty()) {
        match parameter.split_once('=') {
            Some(("socket", _)) if socket.is_some() => {
                return Err("it names more than one socket".to_owned());
            }
            Some(("socket", path)) => socket = Some(decode(path)?),
            _ => return Err(format!("the parameter {parameter:?} is not known")),
        }
    }
    match socket {
        Some(path) if !path.is_empty() && !path.contains('\0') => {
            Ok(Address::Unix(PathBuf::from(path)))
        }
        Some(_) => Err("its socket has no usable path".to_owned()),
        None => Err("it does not say \"?socket=PATH\"".to_owned()),
    }
}

fn tcp(authority: &str, query: Option<&str>) -> Result<Address, String> {
    if let Some(query) = query {
        return Err(format!("the parameters {query:?} mean nothing with nbd://"));
    }
    if authority.contains('@') {
        return Err("it has a user name, which means nothing here".to_owned());
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let Some((host, port)) = rest.split_once(']') else {
                return Err("the bracket of its address is not closed".to_owned());
            };
            if !matches!(host.parse(), Ok(IpAddr::V6(_))) {
                return Err(format!("{host:?} is not an IPv6 address"));
            }
            (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some("")))
        }
        None => authority.split_once(':').map_or((authority, Some("")), |(h, p)| (h, Some(p))),
    };
    let port = match port {
        Some("") => DEFAULT_PORT,
        Some(digits) => match digits.parse() {
            Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => port,
            _ => return Err(format!("{digits:?} is not a port (1 to 65535)")),
        },
        None => return Err("something stands behind the bracket of its address".to_owned()),
    };
    let host = decode(host)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(is_plain) {
        return Err(format!("{host:?} is not an address"));
    }
    Ok(Address::Tcp { host, port })
}

/// Replaces each `%` and its two digits by the byte they name.
fn decode(word: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let value = digit().zip(digit()).map(|(high, low)| high * 16 + low);
        match value.and_then(|value| u8::try_from(value).ok()) {
            Some(byte) => bytes.push(byte),
            None => return Err(format!("a \"%\" in {word:?} needs two hexadecimal digits")),
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("{word:?} is not UTF-8 once it is decoded"))
}

/// Writes bytes so that [`decode`] gives them back and every NBD client takes them.
fn encode(bytes: &[u8]) -> String {
    let mut word = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                word.push(char::from(*byte));
            }
            byte => word.push_str(&format!("%{byte:02X}")),
        }
    }
    word
}
