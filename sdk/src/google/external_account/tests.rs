//! Which credential configurations are understood. The usual one is as `gcloud iam workload-identity-pools
//! create-cred-config` writes it.

use super::*;

const SCOPE: &str = "https://www.googleapis.com/auth/bigquery";

const AUDIENCE: &str = "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/own";

fn usual() -> Value {
    json!({
        "type": "external_account",
        "universe_domain": "googleapis.com",
        "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {
            "url": "https://id.example.com/token",
            "headers": { "x-flavour": "plain" },
            "format": { "type": "json", "subject_token_field_name": "id_token" }
        },
        "service_account_impersonation_url":
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/writer@acme.iam.gserviceaccount.com:generateAccessToken"
    })
}

fn read(configuration: &Value) -> Result<Federation, Error> {
    let places = Places::new(SCOPE)
        .at(None, Some("https://sts-psc.p.googleapis.com/".to_owned()), None)?
        .subject_token_url(Some("https://id.example.com/token".to_owned()))?;
    Federation::new(&configuration.to_string(), &places)
}

#[test]
fn the_usual_configuration_is_understood() {
    let federation = read(&usual()).unwrap();

    assert_eq!(federation.subject_url, "https://id.example.com/token");
    assert_eq!(federation.subject_member.as_deref(), Some("id_token"));
    assert_eq!(federation.sts_url, "https://sts-psc.p.googleapis.com/v1/token");
    assert_eq!(federation.principal(), "writer@acme.iam.gserviceaccount.com");
    let url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/writer@acme.iam.gserviceaccount.com:generateAccessToken";
    assert_eq!(federation.impersonation, Some(Account { url: url.into(), lifetime_s: 3600 }));
}

#[test]
fn without_a_service_account_the_identity_itself_writes() {
    let mut direct = usual();
    direct.as_object_mut().unwrap().remove("service_account_impersonation_url");

    let federation = read(&direct).unwrap();

    assert_eq!(federation.impersonation, None);
    assert_eq!(federation.principal(), format!("the identity of {AUDIENCE}"));
}

#[test]
fn the_lifetime_of_the_configuration_is_asked_for() {
    let mut short = usual();
    short["service_account_impersonation"] = json!({ "token_lifetime_seconds": 900 });

    assert_eq!(read(&short).unwrap().impersonation.unwrap().lifetime_s, 900);
}

#[test]
fn the_exchange_asks_for_what_the_reference_says() {
    let fields = exchange_fields(AUDIENCE, SCOPE, "urn:ietf:params:oauth:token-type:jwt");

    assert_eq!(
        fields,
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
         &audience=%2F%2Fiam.googleapis.com%2Fprojects%2F123%2Flocations%2Fglobal%2FworkloadIdentityPools%2Fpool%2Fproviders%2Fown\
         &scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fbigquery\
         &requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
    );
}

#[test]
fn what_cannot_work_from_here_is_refused_with_advice() {
    let changed = |pointer: &str, value: Value| {
        let mut configuration = usual();
        *configuration.pointer_mut(pointer).unwrap() = value;
        read(&configuration).unwrap_err()
    };
    let source = |source: Value| changed("/credential_source", source);
    let impersonation = |url: &str| changed("/service_account_impersonation_url", url.into());

    for (error, code, part) in [
        (source(json!({ "file": "/var/run/token" })), "configuration-invalid", "--credential-source-url"),
        (source(json!({ "executable": { "command": "/bin/token" } })), "configuration-invalid", "a program"),
        (source(json!({ "environment_id": "aws1", "url": "http://169.254.169.254" })), "configuration-invalid", "AWS"),
        (source(json!({ "certificate": {} })), "configuration-invalid", "a certificate"),
        (source(json!({})), "configuration-invalid", "no url"),
        (
            source(json!({ "url": "https://other.example.com" })),
            "subject-token-url-differs",
            "https://other.example.com",
        ),
        (
            changed("/credential_source/headers", json!({ "Authorization": "x" })),
            "configuration-invalid",
            "subject_token_authorization",
        ),
        (
            changed("/credential_source/format", json!({ "type": "xml" })),
            "configuration-invalid",
            "neither text nor json",
        ),
        (
            changed("/credential_source/format", json!({ "type": "json" })),
            "configuration-invalid",
            "subject_token_field_name",
        ),
        (changed("/type", "service_account".into()), "configuration-invalid", "service_account instead"),
        (
            changed("/token_url", "https://sts.evil.example/v1/token".into()),
            "configuration-invalid",
            "sts.googleapis.com",
        ),
        (changed("/universe_domain", "example.cloud".into()), "configuration-invalid", "universe_domain"),
        (
            impersonation("https://evil.example/v1/projects/-/serviceAccounts/a@b:generateAccessToken"),
            "configuration-invalid",
            "impersonation_url",
        ),
        (
            impersonation(
                "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b/../c:generateAccessToken",
            ),
            "configuration-invalid",
            "impersonation_url",
        ),
    ] {
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(part), "{part}: {error}");
    }
}

#[test]
fn the_subject_token_is_found_in_text_and_in_json() {
    for (text, member, expected) in [
        ("ey.token\n", None, Some("ey.token")),
        (r#"{"id_token":"ey.token"}"#, Some("id_token"), Some("ey.token")),
        (r#"{"other":"ey.token"}"#, Some("id_token"), None),
        ("ey.token", Some("id_token"), None),
        ("", None, None),
    ] {
        let found = subject_token_in(text, member);

        assert_eq!(found.as_deref().ok(), expected, "{text}");
        if let Err(error) = found {
            assert!(!error.message().contains("ey."), "{error}");
        }
    }
}

#[test]
fn a_refusal_of_the_subject_token_url_gives_up_on_no_event() {
    use ErrorKind::{Auth, Config, Rejected, Throttled, Transient};
    for (status, by_status, kind) in [
        (400, Rejected, Auth),
        (401, Auth, Auth),
        (404, Transient, Auth),
        (410, Config, Auth),
        (429, Throttled, Throttled),
        (500, Transient, Transient),
    ] {
        let error = subject_token_refused(status, Error::new(by_status, "by-status", "by its status"));

        assert_eq!(error.kind(), kind, "{status}");
    }
}
