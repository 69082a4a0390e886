//! Which registry, and who asks it: from the command line, the environment, or what `docker login` has kept.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use freehold_reach::registry::{Login, Reference, RegistryConfig, Repository};
use freehold_reach::{AskError, SecretText};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::cli::RegistryArgs;
use crate::config::environment::of_the_machine;
use crate::config::{Config, Effective};
use crate::failure::Failure;

/// The exit code when nothing could be tried.
pub(super) const UNTRIED: u8 = 2;
/// How long one request may take: a component of 64 MiB over a slow line.
const TIMEOUT: Duration = Duration::from_secs(300);
/// What `docker login` calls Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// What a credential helper gives as the user when the secret is a token for another protocol.
const TOKEN_USER: &str = "<token>";

/// Reads a reference.
pub(super) fn reference(text: &str) -> Result<Reference, Failure> {
    text.parse().map_err(|error| Failure::because("nothing was tried", &error).with_status(UNTRIED))
}

/// The repository that is named, with who asks.
pub(super) fn repository(
    reference: &Reference,
    args: &RegistryArgs,
    effective: &Effective,
) -> Result<Repository, Failure> {
    let config = RegistryConfig {
        login: login(reference, args, effective).map_err(|failure| failure.with_status(UNTRIED))?,
        plain_http: args.plain_http,
        ca: ca(&effective.config)?,
        timeout: TIMEOUT,
        component_bytes: u64::try_from(effective.config.limits.component_bytes).unwrap_or(u64::MAX),
    };
    Ok(Repository::new(reference, config))
}

/// What a registry's answer means for a script.
pub(super) fn told(error: AskError) -> Failure {
    match error {
        AskError::Away(why) => Failure::new(why).with_status(UNTRIED),
        AskError::Refused(why) => Failure::new(why),
        AskError::DoesNotOpen => Failure::new("the registry's answer cannot be used"),
    }
}

fn ca(config: &Config) -> Result<Option<Vec<u8>>, Failure> {
    let mut pem = Vec::new();
    for file in &config.egress.ca_files {
        pem.extend(fs::read(file).map_err(Failure::at(file))?);
        pem.push(b'\n');
    }
    Ok((!pem.is_empty()).then_some(pem))
}

fn login(reference: &Reference, args: &RegistryArgs, effective: &Effective) -> Result<Option<Login>, Failure> {
    if let Some(user) = &args.username {
        let mut password = Zeroizing::new(String::new());
        std::io::stdin()
            .lock()
            .read_to_string(&mut password)
            .map_err(|error| Failure::because("the password cannot be read from stdin", &error))?;
        let password = Zeroizing::new(password.trim_end_matches(['\r', '\n']).to_owned());
        return Ok(Some(Login { user: user.clone(), password: SecretText::new(password) }));
    }
    if let Some(login) = effective.registry_login() {
        return Ok(Some(login));
    }
    let folder = of_the_machine("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| of_the_machine("HOME").map(|home| PathBuf::from(home).join(".docker")));
    match folder.map(|folder| folder.join("config.json")) {
        Some(file) if file.is_file() => of_docker(&file, reference.named_host()),
        _ => Ok(None),
    }
}

/// What `docker login` has kept for `host`, in the file itself or with a helper.
fn of_docker(file: &Path, host: &str) -> Result<Option<Login>, Failure> {
    let text = Zeroizing::new(fs::read(file).map_err(Failure::at(file))?);
    let config: Value =
        serde_json::from_slice(&text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    let names = [host.to_owned(), format!("https://{host}")];
    let hub = (host == "docker.io").then(|| DOCKER_HUB.to_owned());
    let names: Vec<String> = names.into_iter().chain(hub).collect();
    let of = |section: &str| names.iter().find_map(|name| Some((name, config[section].get(name)?)));
    let helper = of("credHelpers").map(|(name, helper)| (name.clone(), helper.as_str()));
    let store = config["credsStore"].as_str().map(|store| (names[names.len() - 1].clone(), Some(store)));
    let kept = of("auths").and_then(|(_, entry)| entry["auth"].as_str()).filter(|auth| !auth.is_empty());
    match (helper.or(store), kept) {
        (Some((name, Some(helper))), None) => of_helper(helper, &name),
        (_, Some(auth)) => in_base64(auth).map(Some).ok_or_else(|| {
            Failure::new(format!("{}: the login for {host} is not what `docker login` writes", file.display()))
        }),
        _ => Ok(None),
    }
}

/// `user:password`, in base64.
fn in_base64(text: &str) -> Option<Login> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    let password = Zeroizing::new(password.trim_end_matches('\0').to_owned());
    Some(Login { user: user.to_owned(), password: SecretText::new(password) })
}

/// What the program `docker-credential-…` knows (<https://github.com/docker/docker-credential-helpers>).
fn of_helper(helper: &str, name: &str) -> Result<Option<Login>, Failure> {
    let program = format!("docker-credential-{helper}");
    let failed = |error: std::io::Error| Failure::because(format!("`{program}`, which keeps the login"), &error);
    let mut command = Command::new(&program);
    let piped = command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = piped.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        std::io::Write::write_all(&mut stdin, name.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    let said = Zeroizing::new(output.stdout);
    // It fails for whom it does not know, which is no error: most registries let everybody pull.
    let Ok(said) = serde_json::from_slice::<Value>(&said) else { return Ok(None) };
    let (Some(user), Some(secret)) = (said["Username"].as_str(), said["Secret"].as_str()) else { return Ok(None) };
    if user == TOKEN_USER {
        return Err(Failure::new(format!(
            "`{program}` has an identity token for {name}, which is not understood here; give --username and --password-stdin"
        )));
    }
    let password = SecretText::new(Zeroizing::new(secret.to_owned()));
    Ok(Some(Login { user: user.to_owned(), password }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(config: &str, host: &str) -> Result<Option<Login>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        fs::write(&file, config).unwrap();
        of_docker(&file, host)
    }

    #[test]
    fn what_docker_login_keeps_is_found_by_the_registrys_name() {
        let auth = STANDARD.encode("ci:se:cret");
        let config = format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}},"{DOCKER_HUB}":{{"auth":"{auth}"}}}}}}"#);
        for host in ["ghcr.io", "docker.io"] {
            let login = kept(&config, host).unwrap().unwrap();

            assert_eq!((login.user.as_str(), login.password.reveal()), ("ci", "se:cret"));
        }
        assert!(kept(&config, "ghcr.io.example").unwrap().is_none());
    }

    #[test]
    fn a_login_that_is_none_is_an_error_that_does_not_repeat_it() {
        let refusal = kept(r#"{"auths":{"ghcr.io":{"auth":"hunter2!"}}}"#, "ghcr.io").unwrap_err().to_string();

        assert!(refusal.contains("ghcr.io") && !refusal.contains("hunter2"), "{refusal}");
    }

    #[test]
    fn a_helper_that_is_not_there_is_named() {
        let config = r#"{"credHelpers":{"ghcr.io":"that-nobody-has"}}"#;

        let refusal = kept(config, "ghcr.io").unwrap_err().to_string();

        assert!(refusal.contains("docker-credential-that-nobody-has"), "{refusal}");
        assert!(kept(config, "quay.io").unwrap().is_none());
    }
}
