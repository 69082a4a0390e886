//! Which registry, and who asks it: from the command line, the environment, or what `docker login` has kept.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use freehold_reach::registry::{Login, Reference, RegistryConfig, Repository};
use freehold_reach::{AskError, SecretText, in_its_words};
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
/// What a credential helper says, among other words, when it knows no login.
const NOT_FOUND: &str = "credentials not found";
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
        ca: ca(&effective.config).map_err(|failure| failure.with_status(UNTRIED))?,
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
    if let Some(login) = of_environment(reference.named_host(), effective.registry_login())? {
        return Ok(Some(login));
    }
    let folder = of_the_machine("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| of_the_machine("HOME").map(|home| PathBuf::from(home).join(".docker")));
    match folder.map(|folder| folder.join("config.json")) {
        Some(file) if file.is_file() => of_docker(&file, reference.named_host()),
        _ => Ok(None),
    }
}

/// The login of the environment, for the registry that it names: references come from anybody, and lead anywhere.
fn of_environment(host: &str, kept: Option<(Option<&str>, Login)>) -> Result<Option<Login>, Failure> {
    match kept {
        None => Ok(None),
        Some((Some(registry), login)) => Ok(registry.eq_ignore_ascii_case(host).then_some(login)),
        Some((None, _)) => Err(Failure::new(
            "FREEHOLD_REGISTRY_USERNAME and FREEHOLD_REGISTRY_PASSWORD are set, but not for which registry: set \
             FREEHOLD_REGISTRY to its HOST[:PORT], such as ghcr.io, or unset them",
        )),
    }
}

/// What `docker login` has kept for `host`, in the file itself or with a helper.
fn of_docker(file: &Path, host: &str) -> Result<Option<Login>, Failure> {
    let text = Zeroizing::new(fs::read(file).map_err(Failure::at(file))?);
    let config: Value =
        serde_json::from_slice(&text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    let names = names(host);
    let of = |section: &str| names.iter().find_map(|name| config[section].get(name));
    let helper = of("credHelpers").or(config.get("credsStore")).and_then(Value::as_str);
    let kept = of("auths").and_then(|entry| entry["auth"].as_str()).filter(|auth| !auth.is_empty());
    match (helper, kept) {
        (Some(helper), None) => of_helper(helper, &names),
        (_, Some(auth)) => in_base64(auth).map(Some).ok_or_else(|| {
            Failure::new(format!("{}: the login for {host} is not what `docker login` writes", file.display()))
        }),
        _ => Ok(None),
    }
}

/// What a registry's login may be kept under, the usual name first.
fn names(host: &str) -> Vec<String> {
    let hub = (host == "docker.io").then(|| DOCKER_HUB.to_owned());
    hub.into_iter().chain([host.to_owned(), format!("https://{host}")]).collect()
}

/// `user:password`, in base64.
fn in_base64(text: &str) -> Option<Login> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    let password = Zeroizing::new(password.trim_end_matches('\0').to_owned());
    Some(Login { user: user.to_owned(), password: SecretText::new(password) })
}

/// What the program `docker-credential-…` knows (<https://github.com/docker/docker-credential-helpers>) under one of `names`.
fn of_helper(helper: &str, names: &[String]) -> Result<Option<Login>, Failure> {
    let program = format!("docker-credential-{helper}");
    for name in names {
        let output = ask_helper(&program, name)
            .map_err(|error| Failure::because(format!("`{program}`, which keeps the login"), &error))?;
        let said = Zeroizing::new(output.stdout);
        if !output.status.success() {
            note_failure(&program, name, &String::from_utf8_lossy(&said));
            continue;
        }
        let Ok(said) = serde_json::from_slice::<Value>(&said) else {
            eprintln!(
                "freehold: `{program}` was asked for {name}, and its answer is no login; nobody in particular asks"
            );
            continue;
        };
        let (Some(user), Some(secret)) = (said["Username"].as_str(), said["Secret"].as_str()) else { continue };
        if user == TOKEN_USER {
            return Err(Failure::new(format!(
                "`{program}` has an identity token for {name}, which is not understood here; give --username and --password-stdin"
            )));
        }
        let password = SecretText::new(Zeroizing::new(secret.to_owned()));
        return Ok(Some(Login { user: user.to_owned(), password }));
    }
    Ok(None)
}

fn ask_helper(program: &str, name: &str) -> io::Result<Output> {
    let mut command = Command::new(program);
    let mut child = command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(name.as_bytes()) {
            // It ended without reading, and says itself why.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    child.wait_with_output()
}

/// That somebody is not known is no failure: most registries let everybody pull. Anything else explains what comes of it.
fn note_failure(program: &str, name: &str, said: &str) {
    if !said.contains(NOT_FOUND) {
        eprintln!("freehold: `{program}` was asked for the login for {name} and failed: {}", in_its_words(said));
    }
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
    fn the_login_of_the_environment_is_for_the_registry_that_it_names() {
        let login = || Login { user: "ci".into(), password: SecretText::new(Zeroizing::new("secret".into())) };
        let asked = |host, registry| of_environment(host, Some((registry, login())));

        assert!(asked("ghcr.io", Some("GHCR.io")).unwrap().is_some());
        for other in ["ghcr.io:443", "ghcr.io.example", "example", "docker.io"] {
            assert!(asked(other, Some("ghcr.io")).unwrap().is_none(), "{other}");
        }
        let refusal = asked("ghcr.io", None).unwrap_err().to_string();
        assert!(refusal.contains("set FREEHOLD_REGISTRY to") && !refusal.contains("secret"), "{refusal}");
        assert!(of_environment("ghcr.io", None).unwrap().is_none());
    }

    #[test]
    fn a_login_is_looked_for_as_docker_keeps_it() {
        assert_eq!(names("ghcr.io"), ["ghcr.io", "https://ghcr.io"]);
        assert_eq!(names("docker.io")[0], DOCKER_HUB);
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
