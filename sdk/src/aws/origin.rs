//! How is the address of a service taken apart? Its host is signed, so it has to be written the way requests carry it. Pure.

/// Scheme and host of an address.
///
/// ```
/// use freehold_sdk::aws::Origin;
///
/// let (origin, path) = Origin::parse("https://SQS.eu-west-1.amazonaws.com:443/1/queue")?;
/// assert_eq!((origin.host.as_str(), path), ("sqs.eu-west-1.amazonaws.com", "/1/queue"));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `https` or `http`.
    pub scheme: String,
    /// In lower case, with a port unless it is the scheme's own.
    pub host: String,
}

impl Origin {
    /// Takes `scheme://host[:port]` and the path behind it apart.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(address: &str) -> Result<(Origin, &str), String> {
        let (scheme, rest) = address.split_once("://").ok_or("it has no https://")?;
        let scheme = scheme.to_ascii_lowercase();
        let own_port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return Err("it begins with neither https:// nor http://".to_owned()),
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if host.is_empty() || rest.contains(['\\', '?', '#']) {
            return Err("there must be nothing but a host name and a path".to_owned());
        }
        if host.contains('@') {
            return Err("keys belong into the credential".to_owned());
        }
        if !rest.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("write the host name in its ASCII form".to_owned());
        }
        let host = host.strip_suffix(own_port).unwrap_or(host);
        Ok((Origin { scheme, host: host.to_ascii_lowercase() }, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        for (address, scheme, host, path) in [
            ("https://Storage.example.com/", "https", "storage.example.com", "/"),
            ("https://storage.example.com:443", "https", "storage.example.com", ""),
            ("http://127.0.0.1:9000/1/q.fifo", "http", "127.0.0.1:9000", "/1/q.fifo"),
        ] {
            let (origin, found) = Origin::parse(address).unwrap();

            assert_eq!((origin.scheme.as_str(), origin.host.as_str(), found), (scheme, host, path));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for address in [
            "s.example.com",
            "ftp://s.example.com",
            "https://",
            "https://k:s@s.example.com",
            "https://s/?x",
            "https://é",
        ] {
            assert!(Origin::parse(address).is_err(), "{address}");
        }
    }
}
