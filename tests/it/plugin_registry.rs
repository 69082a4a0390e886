//! Components go to an OCI registry and come back: `freehold plugin publish` and `pull`, against a registry of others.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_tests::host::bare_command;
use freehold_tests::registry::{Doors, FakeRegistry, PASSWORD, Registry, Said, USER};
use freehold_tests::{Result, components, peers, places};
use ring::digest::{SHA256, digest};
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

/// Has the environment say who asks, and which registry that is for.
fn with_environment<'c>(command: &'c mut Command, registry: Option<&str>) -> &'c mut Command {
    command.envs(registry.map(|registry| ("FREEHOLD_REGISTRY", registry)));
    command.env("FREEHOLD_REGISTRY_USERNAME", USER).env("FREEHOLD_REGISTRY_PASSWORD", PASSWORD)
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

/// A component of that version in `home`, as `mine.wasm`.
fn mine(home: &Path, version: &str) -> Result {
    let webhook = fs::read(places::plugin("webhook")?)?;
    let component = components::variant(&webhook, |manifest| manifest["version"] = json!(version))?;
    Ok(fs::write(home.join("mine.wasm"), component)?)
}

fn done(home: &Path, arguments: &[&str]) -> Result<String> {
    let output = plugin(home, arguments)?.output()?;
    assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    Ok(told(&output))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_another_file_is_not_published_and_nothing_else_is() -> Result {
    let Some(registry) = Registry::start(Doors::Open).await? else { return Ok(()) };
    let home = tempfile::tempdir()?;
    let reference = registry.reference("acme/webhook:1.0.0");
    mine(home.path(), "1.0.0")?;
    done(home.path(), &["sign", "mine.wasm", "--new-key", "acme.key"])?;
    mine(home.path(), "1.0.1")?;

    let refused = plugin(home.path(), &["publish", "mine.wasm", &reference])?.output()?;

    assert_eq!(refused.status.code(), Some(1), "{}", told(&refused));
    assert!(told(&refused).contains("plugin sign mine.wasm"), "{}", told(&refused));
    assert_eq!(plugin(home.path(), &["pull", &reference])?.output()?.status.code(), Some(1), "nothing is there");
    done(home.path(), &["sign", "mine.wasm", "--key", "acme.key"])?;
    assert!(done(home.path(), &["publish", "mine.wasm", &reference])?.contains("signature: published with it"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pulled_has_its_own_signature_beside_it_or_none_or_is_not_kept() -> Result {
    let Some(registry) = Registry::start(Doors::Open).await? else { return Ok(()) };
    let home = tempfile::tempdir()?;
    let stale = ["it.wasm.sig", "it.wasm.sigstore.json"].map(|name| home.path().join(name));
    let (unsigned, signed) = (registry.reference("acme/webhook:1.0.0"), registry.reference("acme/webhook:1.0.1"));
    mine(home.path(), "1.0.0")?;
    done(home.path(), &["publish", "mine.wasm", &unsigned])?;
    mine(home.path(), "1.0.1")?;
    done(home.path(), &["sign", "mine.wasm", "--new-key", "acme.key"])?;
    let published = json_of(&plugin(home.path(), &["publish", "mine.wasm", &signed, "--json"])?.output()?)?;

    for (reference, kept) in [(&unsigned, [false, false]), (&signed, [true, false])] {
        for file in &stale {
            fs::write(file, "of a version before")?;
        }
        done(home.path(), &["pull", reference, "-o", "it.wasm"])?;
        assert_eq!([stale[0].exists(), stale[1].exists()], kept, "{reference}");
    }
    done(home.path(), &["verify", "it.wasm", "--key", "acme.pub"])?;

    let list = manifest(&registry, "acme/webhook", &text(&published, "manifest_digest").replace(':', "-")).await?;
    let own = manifest(&registry, "acme/webhook", text(&list["manifests"][0], "digest")).await?;
    fs::write(registry.blob(text(&own["layers"][0], "digest")), "something else")?;
    let refused = plugin(home.path(), &["pull", &signed, "-o", "fresh.wasm"])?.output()?;
    assert_eq!(refused.status.code(), Some(1), "{}", told(&refused));
    assert!(!home.path().join("fresh.wasm").exists(), "a component whose signature does not come is not kept");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_signatures_the_one_that_is_trusted_is_kept() -> Result {
    let Some(registry) = Registry::start(Doors::Open).await? else { return Ok(()) };
    let (home, reference) = (tempfile::tempdir()?, registry.reference("acme/webhook:1.0.0"));
    mine(home.path(), "1.0.0")?;
    for key in ["first.key", "second.key"] {
        done(home.path(), &["sign", "mine.wasm", "--new-key", key])?;
        done(home.path(), &["publish", "mine.wasm", &reference])?;
    }

    for trusted in ["first.pub", "second.pub"] {
        let mut pull = plugin(home.path(), &["pull", &reference])?;
        let pulled = pull.env("FREEHOLD_TRUST_KEY_FILES", trusted).output()?;
        assert!(pulled.status.success(), "{}", told(&pulled));
        done(home.path(), &["verify", "webhook.wasm", "--key", trusted])?;
    }
    Ok(())
}

async fn manifest(registry: &Registry, name: &str, tag: &str) -> Result<Value> {
    let url = registry.url(&format!("{name}/manifests/{tag}"));
    let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
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
    let host = reference.split('/').next().unwrap_or_default();
    let by_environment = with_environment(&mut command, Some(host)).output()?;
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
        (&["pull", &nobody, "--config", "missing.toml"], 2, "missing.toml"),
        (&["pull"], 2, "Usage"),
    ] {
        let output = plugin(home.path(), arguments)?.stdin(Stdio::null()).output()?;

        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
        assert!(told(&output).contains(word), "{arguments:?}: {}", told(&output));
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    let digits: String = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

fn found(body: impl Into<Vec<u8>>) -> Said {
    Said { status: Some(200), body: body.into(), ..Said::default() }
}

/// The manifest of something with one layer.
fn one_layer(form: &str, bytes: &[u8], subject: Option<&str>) -> String {
    let layer = json!({ "mediaType": form, "digest": sha256(bytes), "size": bytes.len() });
    json!({ "layers": [layer], "subject": subject.map(|digest| json!({ "digest": digest })) }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_of_the_environment_goes_to_the_registry_that_it_names_alone() -> Result {
    let home = tempfile::tempdir()?;
    let ask = |_: &str| Said {
        status: Some(401),
        headers: vec![("www-authenticate", "Basic realm=\"it\"".to_owned())],
        ..Said::default()
    };
    let registry = FakeRegistry::start(ask).await?;
    let reference = format!("{}/webhook:1", registry.host());

    for (named, code, says) in [(None, 2, "FREEHOLD_REGISTRY to"), (Some("ghcr.io"), 1, "docker login")] {
        let output = with_environment(&mut plugin(home.path(), &["pull", &reference])?, named).output()?;

        assert_eq!(output.status.code(), Some(code), "{}", told(&output));
        assert!(told(&output).contains(says) && !told(&output).contains(PASSWORD), "{}", told(&output));
    }
    assert!(registry.asked().iter().all(|asked| asked.login.is_none()), "{:?}", registry.asked());
    let output = with_environment(&mut plugin(home.path(), &["pull", &reference])?, Some(registry.host())).output()?;
    assert!(told(&output).contains("does not let ci in"), "{}", told(&output));
    assert_eq!(registry.asked().last().and_then(|asked| asked.login.clone()), Some(format!("{USER}:{PASSWORD}")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_a_registry_sends_to_is_never_told_who_asks() -> Result {
    let home = tempfile::tempdir()?;
    let thief = FakeRegistry::start(|_| Said::default()).await?;
    let challenge = format!("Bearer realm=\"http://{}/token\",service=\"it\"", thief.host());
    let store = FakeRegistry::start(move |_| Said {
        status: Some(401),
        headers: vec![("www-authenticate", challenge.clone())],
        ..Said::default()
    });
    let store = store.await?;
    let location = format!("http://{}/blob", store.host());
    let manifest = one_layer("application/wasm", b"component", None);
    let registry = FakeRegistry::start(move |path| match path {
        "/v2/webhook/manifests/1" => found(manifest.clone()),
        _ => Said { status: Some(307), headers: vec![("location", location.clone())], ..Said::default() },
    });
    let registry = registry.await?;

    let reference = format!("{}/webhook:1", registry.host());
    let output = with_password(plugin(home.path(), &["pull", &reference])?, PASSWORD)?;

    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains(store.host()) && told(&output).contains("not sent there"), "{}", told(&output));
    let asked: Vec<_> = store.asked().into_iter().map(|asked| (asked.path, asked.login)).collect();
    assert_eq!(asked, [("/blob".to_owned(), None)]);
    assert_eq!(thief.asked(), []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_without_lists_of_signatures_may_say_so_in_any_way() -> Result {
    let signature = r#"{ "format": "freehold-signature/1", "digest": "DIGEST", "key": "", "signature": "" }"#;
    let signature = signature.replace("DIGEST", &sha256(b"component"));
    let component = one_layer("application/wasm", b"component", None);
    let form = "application/vnd.freehold.signature.v1+json";
    let signed = one_layer(form, signature.as_bytes(), Some(&sha256(component.as_bytes())));
    let index = json!({ "manifests": [{ "artifactType": form, "digest": sha256(signed.as_bytes()) }] }).to_string();
    let elsewhere = FakeRegistry::start(|_| found("<html>")).await?;
    let page = Said { headers: vec![("content-type", "text/html".to_owned())], ..found("<html>") };
    let away = Said {
        status: Some(302),
        headers: vec![("location", format!("http://{}/login", elsewhere.host()))],
        ..Said::default()
    };

    for instead in [Said::default(), Said { status: Some(400), ..Said::default() }, page, away] {
        let (home, status) = (tempfile::tempdir()?, instead.status);
        let files: Vec<(String, Vec<u8>)> = vec![
            ("manifests/1".to_owned(), component.clone().into()),
            (format!("manifests/{}", sha256(component.as_bytes()).replace(':', "-")), index.clone().into()),
            (format!("manifests/{}", sha256(signed.as_bytes())), signed.clone().into()),
            (format!("blobs/{}", sha256(b"component")), b"component".to_vec()),
            (format!("blobs/{}", sha256(signature.as_bytes())), signature.clone().into()),
        ];
        let registry = FakeRegistry::start(move |path| {
            let path = path.trim_start_matches("/v2/webhook/");
            let file = files.iter().find(|(name, _)| name == path);
            file.map_or_else(|| instead.clone(), |(_, bytes)| found(bytes.clone()))
        });
        let registry = registry.await?;

        let reference = format!("{}/webhook:1", registry.host());
        let pulled = json_of(&plugin(home.path(), &["pull", &reference, "--json"])?.output()?)?;

        assert_eq!(text(&pulled, "signature"), "webhook.wasm.sig", "{status:?}");
    }
    assert_eq!(elsewhere.asked(), [], "who signed what is the registry's to say");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_of_docker_is_asked_by_dockers_names_and_what_fails_there_is_told() -> Result {
    let Some(registry) = Registry::start(Doors::Basic).await? else { return Ok(()) };
    let (home, component) = (tempfile::tempdir()?, places::plugin("webhook")?);
    let (file, reference) = (component.to_string_lossy().into_owned(), registry.reference("webhook:1.0.0"));
    let host = reference.split('/').next().unwrap_or_default();
    fs::create_dir(home.path().join(".docker"))?;
    fs::write(home.path().join(".docker/config.json"), r#"{ "credsStore": "of-the-tests" }"#)?;
    let helper = |script: &str| -> Result {
        let program = home.path().join("docker-credential-of-the-tests");
        fs::write(&program, format!("#!/bin/sh\nread -r name\n{script}\n"))?;
        Ok(fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?)
    };
    let publish = || -> Result<Output> {
        let mut command = plugin(home.path(), &["publish", &file, &reference])?;
        Ok(command.env("PATH", home.path()).output()?)
    };

    let login = json!({ "Username": USER, "Secret": PASSWORD });
    helper(&format!("test \"$name\" = {host} && echo '{login}' && exit\necho credentials not found; exit 1"))?;
    let known = publish()?;
    helper("echo the keychain is locked; exit 1")?;
    let locked = publish()?;
    helper("echo credentials not found in native keychain; exit 1")?;
    let unknown = publish()?;

    assert!(known.status.success(), "{}", told(&known));
    assert_eq!((locked.status.code(), unknown.status.code()), (Some(1), Some(1)));
    assert!(told(&locked).contains("the keychain is locked"), "{}", told(&locked));
    assert!(!told(&unknown).contains("keychain"), "{}", told(&unknown));
    Ok(())
}
