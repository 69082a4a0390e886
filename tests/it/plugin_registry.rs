//! Components go to an OCI registry and come back: `freehold plugin publish` and `pull`, against a registry of others.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_tests::host::bare_command;
use freehold_tests::registry::{Doors, PASSWORD, Registry, USER};
use freehold_tests::{Result, peers, places};
use serde_json::{Value, json};

/// A `freehold plugin` command in an empty folder, by somebody who has never logged in anywhere.
fn plugin(home: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = bare_command()?;
    command.arg("plugin").args(arguments).env("HOME", home).env_remove("DOCKER_CONFIG").current_dir(home);
    Ok(command)
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json_of(output: &Output) -> Result<Value> {
    assert!(output.status.success(), "{}", told(output));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Runs `command` with the password on its stdin.
fn with_password(mut command: Command, password: &str) -> Result<Output> {
    command.args(["--username", USER, "--password-stdin"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, "{password}")?;
    }
    Ok(child.wait_with_output()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_is_published_comes_back_byte_for_byte_by_tag_and_by_digest() -> Result {
    let Some(registry) = Registry::start(Doors::Open).await? else { return Ok(()) };
    let (home, component) = (tempfile::tempdir()?, places::plugin("webhook")?);
    let (file, reference) = (component.to_string_lossy().into_owned(), registry.reference("acme/webhook:1.0.0"));

    let published = json_of(&plugin(home.path(), &["publish", &file, &reference, "--json"])?.output()?)?;
    let again = json_of(&plugin(home.path(), &["publish", &file, &reference, "--json"])?.output()?)?;
    let by_tag = json_of(&plugin(home.path(), &["pull", &reference, "--json"])?.output()?)?;
    let pinned = text(&published, "pinned").to_owned();
    let by_digest = json_of(&plugin(home.path(), &["pull", &pinned, "-o", "pinned.wasm", "--json"])?.output()?)?;

    assert_eq!(published, again, "the same component has the same digest");
    for (pulled, file) in [(&by_tag, "webhook.wasm"), (&by_digest, "pinned.wasm")] {
        assert_eq!(text(pulled, "file"), file);
        assert_eq!(fs::read(home.path().join(file))?, fs::read(&component)?);
        assert_eq!(text(pulled, "pinned"), pinned);
        assert_eq!(text(pulled, "component_digest"), text(&published, "component_digest"));
    }
    let manifest = manifest(&registry, "acme/webhook", "1.0.0").await?;
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], published["component_digest"]);
    assert_eq!(manifest["annotations"]["org.opencontainers.image.title"], "webhook");
    let own: Value = serde_json::from_str(manifest["annotations"]["freehold.manifest"].as_str().unwrap_or_default())?;
    assert_eq!(own["name"], "webhook");
    let config = fs::read(registry.blob(manifest["config"]["digest"].as_str().unwrap_or_default()))?;
    let config: Value = serde_json::from_slice(&config)?;
    assert_eq!((&config["os"], &config["layerDigests"]), (&json!("wasip2"), &json!([published["component_digest"]])));
    assert_eq!(config["component"]["exports"], json!(["freehold:destination/sink@0.1.0"]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_goes_with_its_component_and_still_proves_it() -> Result {
    let Some(registry) = Registry::start(Doors::Open).await? else { return Ok(()) };
    let (home, shipped) = (tempfile::tempdir()?, places::plugin("webhook")?);
    fs::copy(shipped, home.path().join("mine.wasm"))?;
    let reference = registry.reference("acme/webhook:1.0.0");
    let unsigned = json_of(&plugin(home.path(), &["publish", "mine.wasm", &reference, "--json"])?.output()?)?;
    let signed = plugin(home.path(), &["sign", "mine.wasm", "--new-key", "acme.key"])?.output()?;
    assert!(signed.status.success(), "{}", told(&signed));

    let published = json_of(&plugin(home.path(), &["publish", "mine.wasm", &reference, "--json"])?.output()?)?;
    let pulled = json_of(&plugin(home.path(), &["pull", text(&published, "pinned"), "--json"])?.output()?)?;
    let verified = plugin(home.path(), &["verify", "webhook.wasm", "--key", "acme.pub"])?.output()?;
    let mut inspect = plugin(home.path(), &["inspect", "webhook.wasm", "--json"])?;
    inspect.env("FREEHOLD_TRUST_KEY_FILES", "acme.pub");
    let inspected = json_of(&inspect.output()?)?;
    let untrusting = json_of(&plugin(home.path(), &["inspect", "webhook.wasm", "--json"])?.output()?)?;

    assert_eq!((&unsigned["signature"], &published["signature"]), (&json!(false), &json!(true)));
    assert_eq!(unsigned["pinned"], published["pinned"], "a signature changes no digest");
    assert_eq!(text(&pulled, "signature"), "webhook.wasm.sig");
    assert!(verified.status.success(), "{}", told(&verified));
    assert_eq!(
        (&inspected["signature"]["trusted"], &inspected["signature"]["by"]["name"]),
        (&json!(true), &json!("acme"))
    );
    assert_eq!(untrusting["signature"]["trusted"], false, "{untrusting}");
    Ok(())
}

async fn manifest(registry: &Registry, name: &str, tag: &str) -> Result<Value> {
    let url = registry.url(&format!("{name}/manifests/{tag}"));
    let accept = "application/vnd.oci.image.manifest.v1+json";
    Ok(reqwest::Client::new().get(url).header("accept", accept).send().await?.error_for_status()?.json().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_was_promised_is_not_kept() -> Result {
    let Some(registry) = Registry::start(Doors::Open).await? else { return Ok(()) };
    let (home, component) = (tempfile::tempdir()?, places::plugin("webhook")?);
    let (file, reference) = (component.to_string_lossy().into_owned(), registry.reference("acme/webhook:1.0.0"));
    let published = json_of(&plugin(home.path(), &["publish", &file, &reference, "--json"])?.output()?)?;
    let blob = registry.blob(text(&published, "component_digest"));

    let mut bytes = fs::read(&blob)?;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&blob, &bytes)?;
    let tampered = plugin(home.path(), &["pull", &reference])?.output()?;
    let never = registry.reference(&format!("acme/webhook@sha256:{}", "0".repeat(64)));
    let unknown = plugin(home.path(), &["pull", &never])?.output()?;

    assert_eq!(tampered.status.code(), Some(1), "{}", told(&tampered));
    assert!(told(&tampered).contains("something else than"), "{}", told(&tampered));
    assert_eq!(unknown.status.code(), Some(1), "{}", told(&unknown));
    assert!(!home.path().join("webhook.wasm").exists(), "nothing of it is kept");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_basic_auth_lets_in_whoever_knows_the_password() -> Result {
    let Some(registry) = Registry::start(Doors::Basic).await? else { return Ok(()) };
    lets_in_whoever_knows_the_password(&registry)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_tokens_gets_them_from_where_it_says() -> Result {
    let Some(registry) = Registry::start(Doors::Tokens).await? else { return Ok(()) };
    lets_in_whoever_knows_the_password(&registry)
}

/// By stdin, by the environment and by what `docker login` keeps; and the password is never shown.
fn lets_in_whoever_knows_the_password(registry: &Registry) -> Result {
    let (home, component) = (tempfile::tempdir()?, places::plugin("webhook")?);
    let (file, reference) = (component.to_string_lossy().into_owned(), registry.reference("webhook:1.0.0"));
    let publish = ["publish", &file, &reference];
    let pull = ["pull", &reference];

    let nobody = plugin(home.path(), &publish)?.output()?;
    let wrong = with_password(plugin(home.path(), &publish)?, "open barley")?;
    let by_stdin = with_password(plugin(home.path(), &publish)?, PASSWORD)?;
    let mut command = plugin(home.path(), &pull)?;
    command.env("FREEHOLD_REGISTRY_USERNAME", USER).env("FREEHOLD_REGISTRY_PASSWORD", PASSWORD);
    let by_environment = command.output()?;
    let host = reference.split('/').next().unwrap_or_default();
    let kept = json!({ "auths": { host: { "auth": STANDARD.encode(format!("{USER}:{PASSWORD}")) } } });
    fs::create_dir(home.path().join(".docker"))?;
    fs::write(home.path().join(".docker/config.json"), kept.to_string())?;
    let by_docker = plugin(home.path(), &pull)?.output()?;

    assert_eq!(nobody.status.code(), Some(1), "{}", told(&nobody));
    assert!(told(&nobody).contains("docker login"), "{}", told(&nobody));
    assert_eq!(wrong.status.code(), Some(1), "{}", told(&wrong));
    assert!(told(&wrong).contains("does not let ci in"), "{}", told(&wrong));
    for allowed in [&by_stdin, &by_environment, &by_docker] {
        assert!(allowed.status.success(), "{}", told(allowed));
    }
    for output in [&nobody, &wrong, &by_stdin, &by_environment, &by_docker] {
        assert!(!told(output).contains(PASSWORD) && !told(output).contains("open barley"), "{}", told(output));
    }
    Ok(())
}

#[test]
fn a_script_can_tell_what_was_refused_from_what_could_not_be_tried() -> Result {
    let (home, component) = (tempfile::tempdir()?, places::plugin("webhook")?);
    let file = component.to_string_lossy().into_owned();
    fs::write(home.path().join("text.wasm"), "not a component")?;
    let nobody = format!("127.0.0.1:{}/webhook:1", peers::free_port()?);

    for (arguments, code, word) in [
        (&["publish", "text.wasm", &nobody][..], 1, "refused"),
        (&["publish", "missing.wasm", &nobody], 2, "missing.wasm"),
        (&["publish", &file, "webhook:1"], 2, "host"),
        (&["publish", &file, "127.0.0.1:9/webhook@sha256:0000"], 2, "digest"),
        (&["publish", &file, &nobody], 2, "127.0.0.1"),
        (&["pull", &nobody], 2, "127.0.0.1"),
        (&["pull", &nobody, "--username", "ci"], 2, "--password-stdin"),
        (&["pull"], 2, "Usage"),
    ] {
        let output = plugin(home.path(), arguments)?.stdin(Stdio::null()).output()?;

        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
        assert!(told(&output).contains(word), "{arguments:?}: {}", told(&output));
    }
    Ok(())
}
