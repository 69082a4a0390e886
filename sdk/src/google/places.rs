//! Where do tokens come from? Google's public endpoints, or what the customer has in their place.

use crate::Error;

/// The endpoints that give tokens, and what the tokens are for.
#[derive(Debug, Clone)]
pub struct Places {
    pub(super) scope: String,
    pub(super) token: String,
    pub(super) sts: String,
    pub(super) iamcredentials: String,
    pub(super) subject_token_url: Option<String>,
}

impl Places {
    /// Google's public endpoints, for tokens of this scope.
    pub fn new(scope: &str) -> Places {
        Places {
            scope: scope.to_owned(),
            token: "https://oauth2.googleapis.com".to_owned(),
            sts: "https://sts.googleapis.com".to_owned(),
            iamcredentials: "https://iamcredentials.googleapis.com".to_owned(),
            subject_token_url: None,
        }
    }

    /// With the customer's own addresses, the fields `endpoints.token`, `endpoints.sts` and `endpoints.iamcredentials`, where
    /// there are any.
    ///
    /// # Errors
    /// Of kind [`Config`](crate::ErrorKind::Config) when one of them cannot be used.
    pub fn at(
        mut self,
        token: Option<String>,
        sts: Option<String>,
        iamcredentials: Option<String>,
    ) -> Result<Places, Error> {
        self.token = origin("endpoints.token", token, &self.token)?;
        self.sts = origin("endpoints.sts", sts, &self.sts)?;
        self.iamcredentials = origin("endpoints.iamcredentials", iamcredentials, &self.iamcredentials)?;
        Ok(self)
    }

    /// With the field `subject_token_url`: where the token to be exchanged comes from.
    ///
    /// # Errors
    /// Of kind [`Config`](crate::ErrorKind::Config) when tokens would travel in the clear.
    pub fn subject_token_url(mut self, url: Option<String>) -> Result<Places, Error> {
        if let Some(url) = &url {
            confidential("subject_token_url", url)?;
        }
        self.subject_token_url = url;
        Ok(self)
    }
}

/// The address of a service of Google's, without a slash at its end: the customer's `own`, from the config's field of that name,
/// or the public one.
///
/// # Errors
/// Of kind [`Config`](crate::ErrorKind::Config) when tokens would travel to it in the clear.
///
/// ```
/// use freehold_sdk::google::origin;
///
/// let own = Some("https://storage-psc.p.googleapis.com/".to_owned());
/// assert_eq!(origin("endpoint", own, "https://storage.googleapis.com")?, "https://storage-psc.p.googleapis.com");
/// # Ok::<(), freehold_sdk::Error>(())
/// ```
pub fn origin(field: &str, own: Option<String>, public: &str) -> Result<String, Error> {
    let Some(own) = own.filter(|own| !own.is_empty()) else { return Ok(public.to_owned()) };
    confidential(field, &own)?;
    Ok(own.trim_end_matches('/').to_owned())
}

/// Refuses an address that tokens would travel to in the clear, unless it is on this very machine: an emulator's.
fn confidential(field: &str, url: &str) -> Result<(), Error> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(Error::config("endpoint-invalid", format!("{field} has no https://: write the whole address")));
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if scheme.eq_ignore_ascii_case("https") || is_local {
        return Ok(());
    }
    Err(Error::config(
        "endpoint-in-clear",
        format!("{field} begins with http://, and tokens would be readable: use https://"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_never_travel_in_the_clear_to_another_machine() {
        let with = |endpoint: &str| {
            Places::new("scope").at(Some(endpoint.to_owned()), None, None).map_err(|error| error.code().to_owned())
        };

        for local in
            ["http://127.0.0.1:9050", "http://localhost:9050/", "http://[::1]:9050", "https://token.example.com"]
        {
            assert!(with(local).is_ok(), "{local}");
        }
        for remote in
            ["http://token.example.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "HTTP://localhost.evil"]
        {
            assert_eq!(with(remote).unwrap_err(), "endpoint-in-clear", "{remote}");
        }
    }

    #[test]
    fn googles_own_addresses_are_used_unless_others_are_set() {
        let places = Places::new("scope").at(None, Some("https://sts-psc.p.googleapis.com/".to_owned()), None).unwrap();

        assert_eq!(places.token, "https://oauth2.googleapis.com");
        assert_eq!(places.sts, "https://sts-psc.p.googleapis.com");
    }
}
