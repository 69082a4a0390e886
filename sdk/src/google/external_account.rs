//! How does a token of another identity provider become one of Google's? By workload identity federation: the subject token is
//! fetched from a URL, exchanged at the Security Token Service (RFC 8693), and, if the configuration says so, exchanged again
//! for one of a service account: <https://google.aip.dev/auth/4117>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Granted, Refusal};
use super::{Places, Token, exchange_limit};
use crate::credential::{self, Secret};
use crate::form::form;
use crate::http::{BodyEncoding, Request, Response};
use crate::{Error, ErrorKind};

/// The only token endpoint that a configuration may name.
const TOKEN_URL: &str = "https://sts.googleapis.com/v1/token";

const IAM_ORIGIN: &str = "https://iamcredentials.googleapis.com";

const ACCOUNTS: &str = "/v1/projects/-/serviceAccounts/";

const GENERATE: &str = ":generateAccessToken";

/// With this the federated identity may impersonate; what the account itself may do is narrower.
const IMPERSONATION_SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// How long a service account's token lasts unless the configuration says otherwise.
const LIFETIME_S: u64 = 3600;

/// A credential configuration, as `gcloud iam workload-identity-pools create-cred-config` writes it.
#[derive(Deserialize)]
struct Configuration {
    #[serde(rename = "type")]
    kind: Option<String>,
    audience: Option<String>,
    subject_token_type: Option<String>,
    token_url: Option<String>,
    service_account_impersonation_url: Option<String>,
    service_account_impersonation: Option<Impersonation>,
    workforce_pool_user_project: Option<String>,
    universe_domain: Option<String>,
    #[serde(default)]
    credential_source: CredentialSource,
}

#[derive(Deserialize)]
struct Impersonation {
    token_lifetime_seconds: Option<u64>,
}

#[derive(Default, Deserialize)]
struct CredentialSource {
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    format: Option<Format>,
    file: Option<Value>,
    executable: Option<Value>,
    environment_id: Option<Value>,
    certificate: Option<Value>,
}

#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: Option<String>,
    subject_token_field_name: Option<String>,
}

/// The way from a subject token to a token of Google's.
#[derive(Debug)]
pub(super) struct Federation {
    subject_url: String,
    subject_headers: BTreeMap<String, String>,
    /// The member of the subject URL's JSON that is the token; the whole answer when there is none.
    subject_member: Option<String>,
    subject_token_type: String,
    audience: String,
    scope: String,
    sts_url: String,
    impersonation: Option<Account>,
    principal: String,
}

/// The service account that writes.
#[derive(Debug, PartialEq, Eq)]
struct Account {
    url: String,
    lifetime_s: u64,
}

impl Federation {
    pub(super) fn new(json: &str, places: &Places) -> Result<Self, Error> {
        let configuration: Configuration = serde_json::from_str(json)
            .map_err(|error| invalid(&format!("it is not the JSON of one ({error}): save the file again, whole")))?;
        configuration.check()?;
        let url = configuration.source_url()?;
        match &places.subject_token_url {
            Some(wanted) if *wanted == url => {}
            _ => {
                let message = format!("set subject_token_url in the config to {url}, as credential_source.url says");
                return Err(Error::config("subject-token-url-differs", message));
            }
        }
        let subject_member = configuration.subject_member()?;
        let lacks = |name: &str| invalid(&format!("it has no {name}: save the file again, whole"));
        let audience = configuration.audience.ok_or_else(|| lacks("audience"))?;
        let impersonation = configuration.service_account_impersonation_url.as_deref().map(account_in).transpose()?;
        let lifetime = configuration.service_account_impersonation.and_then(|own| own.token_lifetime_seconds);
        Ok(Federation {
            subject_url: url,
            subject_headers: configuration.credential_source.headers,
            subject_member,
            subject_token_type: configuration.subject_token_type.ok_or_else(|| lacks("subject_token_type"))?,
            principal: impersonation.map_or_else(|| format!("the identity of {audience}"), str::to_owned),
            impersonation: impersonation.map(|email| Account {
                url: format!("{}{ACCOUNTS}{email}{GENERATE}", places.iamcredentials),
                lifetime_s: lifetime.unwrap_or(LIFETIME_S),
            }),
            sts_url: format!("{}/v1/token", places.sts),
            audience,
            scope: places.scope.clone(),
        })
    }

    pub(super) fn principal(&self) -> &str {
        &self.principal
    }

    pub(super) fn token(&self, now_ms: u64) -> Result<Token, Error> {
        let subject = self.subject_token()?;
        let federated = self.exchange(&subject)?;
        match &self.impersonation {
            None => Ok(Token::seal(federated, now_ms)),
            Some(account) => Ok(Token::seal(self.impersonate(account, federated)?, now_ms)),
        }
    }

    fn subject_token(&self) -> Result<Secret, Error> {
        let request = Request::get(&self.subject_url).timeout(exchange_limit());
        let request = self.subject_headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = match credential::optional_field("subject_token_authorization") {
            Some(authorization) => request.secret_header("authorization", "", &authorization),
            None => request,
        };
        let answer = request.send()?;
        if !answer.is_success() {
            return Err(subject_token_refused(answer.status(), answer.error()));
        }
        let token = subject_token_in(&answer.text(), self.subject_member.as_deref())?;
        Ok(credential::seal(token.as_bytes()))
    }

    fn exchange(&self, subject: &Secret) -> Result<Granted, Error> {
        let scope = if self.impersonation.is_some() { IMPERSONATION_SCOPE } else { &self.scope };
        let before = format!("{}&subject_token=", exchange_fields(&self.audience, scope, &self.subject_token_type));
        let answer = Request::post(&self.sts_url)
            .header("content-type", "application/x-www-form-urlencoded")
            .timeout(exchange_limit())
            .secret_body(before, subject, BodyEncoding::Form, "")
            .send()?;
        answer::granted(&self.success(&answer, &self.sts_url)?)
    }

    fn impersonate(&self, account: &Account, federated: Granted) -> Result<Granted, Error> {
        let federated = credential::seal(federated.token.as_bytes());
        let answer = Request::post(&account.url)
            .bearer(&federated)
            .timeout(exchange_limit())
            .json(&json!({ "scope": [self.scope], "lifetime": format!("{}s", account.lifetime_s) }))?
            .send()?;
        answer::impersonated(&self.success(&answer, &account.url)?, account.lifetime_s)
    }

    fn success(&self, answer: &Response, endpoint: &str) -> Result<Vec<u8>, Error> {
        let body = answer.body();
        if answer.is_success() {
            return Ok(body);
        }
        let refusal = Refusal { endpoint, body: &body, by_status: answer.error(), principal: &self.principal };
        Err(answer::refused(refusal))
    }
}

impl Configuration {
    /// What is not supported, before anything is sent anywhere.
    fn check(&self) -> Result<(), Error> {
        if self.kind.as_deref() != Some("external_account") {
            let advice = "its type is not external_account: save a service account's key as service_account instead";
            return Err(invalid(advice));
        }
        if self.token_url.as_deref() != Some(TOKEN_URL) {
            return Err(invalid(&format!("its token_url is not {TOKEN_URL}: tokens are exchanged only there")));
        }
        if self.universe_domain.as_deref().is_some_and(|universe| universe != "googleapis.com") {
            return Err(invalid("its universe_domain is not googleapis.com, which is the only one supported"));
        }
        if self.workforce_pool_user_project.is_some() {
            return Err(invalid("workforce pools are for people: use a workload identity pool"));
        }
        Ok(())
    }

    fn source_url(&self) -> Result<String, Error> {
        let source = &self.credential_source;
        let instead = "publish the token at a URL and create the configuration with --credential-source-url, or use a service account's key";
        for (given, what) in [
            (&source.environment_id, "AWS's metadata"),
            (&source.file, "a file"),
            (&source.executable, "a program"),
            (&source.certificate, "a certificate"),
        ] {
            if given.is_some() {
                return Err(invalid(&format!(
                    "its credential_source is {what} on your machine, which cannot be reached from here: {instead}"
                )));
            }
        }
        if source.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")) {
            return Err(invalid(
                "its headers have an authorization, which is a secret: take it out, and save it as subject_token_authorization",
            ));
        }
        source.url.clone().ok_or_else(|| invalid(&format!("its credential_source has no url: {instead}")))
    }

    fn subject_member(&self) -> Result<Option<String>, Error> {
        let Some(format) = &self.credential_source.format else { return Ok(None) };
        match (format.kind.as_deref(), &format.subject_token_field_name) {
            (None | Some("text"), _) => Ok(None),
            (Some("json"), Some(name)) => Ok(Some(name.clone())),
            (Some("json"), None) => Err(invalid("its format is json, and it has no subject_token_field_name")),
            (Some(_), _) => Err(invalid("its credential_source.format is neither text nor json")),
        }
    }
}

fn invalid(problem: &str) -> Error {
    Error::auth("configuration-invalid", format!("the credential configuration cannot be used: {problem}"))
}

/// A refusal of the subject token URL is its owner's to correct, and never about an event.
fn subject_token_refused(status: u16, error: Error) -> Error {
    let (kind, advice) = match error.kind() {
        kind @ (ErrorKind::Throttled | ErrorKind::Transient) if status != 404 => (kind, "it is tried again by itself"),
        _ if matches!(status, 401 | 403) => {
            (ErrorKind::Auth, "save what it wants to see as subject_token_authorization")
        }
        _ => (ErrorKind::Auth, "look whether it is the right address, and save the credential again"),
    };
    let message = format!("the subject token URL answered {status} and gave no token: {advice}");
    Error::new(kind, "subject-token-refused", message).with_retry_after(error.retry_after()).with_request_sent(true)
}

/// The service account's address in an impersonation URL of Google's.
fn account_in(url: &str) -> Result<&str, Error> {
    let email = url
        .strip_prefix(IAM_ORIGIN)
        .and_then(|path| path.strip_prefix(ACCOUNTS))
        .and_then(|rest| rest.strip_suffix(GENERATE))
        .filter(|email| email.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'.' | b'-' | b'_')));
    email.filter(|email| email.contains('@')).ok_or_else(|| {
        invalid(&format!("its service_account_impersonation_url is not {IAM_ORIGIN}{ACCOUNTS}…{GENERATE}"))
    })
}

/// The fields of the exchange, all but the subject token.
fn exchange_fields(audience: &str, scope: &str, subject_token_type: &str) -> String {
    form(&[
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", audience),
        ("scope", scope),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token_type", subject_token_type),
    ])
}

/// Finds the subject token in an answer. The error does not repeat the answer.
fn subject_token_in(text: &str, member: Option<&str>) -> Result<String, Error> {
    let token = match member {
        None => Some(text.trim().to_owned()),
        Some(member) => {
            let answer: Value = serde_json::from_str(text).unwrap_or_default();
            answer[member].as_str().map(str::to_owned)
        }
    };
    token.filter(|token| !token.is_empty()).ok_or_else(|| {
        let message = "the subject token URL's answer holds no token: compare it with credential_source.format";
        Error::auth("subject-token-missing", message).with_request_sent(true)
    })
}

#[cfg(test)]
mod tests;
