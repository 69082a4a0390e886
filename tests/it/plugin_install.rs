//! Destination types that come while the server serves: whose are taken, who sees them, and what a hostile one can do.

use std::path::{Path, PathBuf};
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_tests::host::bare_command;
use freehold_tests::webhook::WebhookReceiver;
use freehold_tests::{LONG, Result, Setup, TestHost, Where, bodies, chance, components, places, trouble, until};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

/// What a public key on P-256 begins with, as DER.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs `freehold plugin …` on no installation.
fn plugin(arguments: &[&Path]) -> Result<Output> {
    Ok(bare_command()?.arg("plugin").args(arguments).output()?)
}

/// Another version of a shipped type, written to `folder`.
fn version_of(name: &str, folder: &Path, change: impl FnOnce(&mut Value)) -> Result<PathBuf> {
    let changed = components::variant(&std::fs::read(places::plugin(name)?)?, change)?;
    let path = folder.join(format!("{name}.wasm"));
    std::fs::write(&path, changed)?;
    Ok(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_is_installed_while_serving_used_at_once_and_still_there_after_a_restart() -> Result {
    let folder = tempfile::tempdir()?;
    let (key, component) = (folder.path().join("acme.key"), folder.path().join("hooks.wasm"));
    let renamed = components::variant(&std::fs::read(places::plugin("webhook")?)?, |it| it["name"] = json!("hooks"))?;
    std::fs::write(&component, renamed)?;
    let signed = plugin(&["sign".as_ref(), &component, "--new-key".as_ref(), &key])?;
    assert!(signed.status.success(), "{}", told(&signed));
    let public = folder.path().join("acme.pub").to_string_lossy().into_owned();
    let environment = vec![("FREEHOLD_TRUST_KEY_FILES".to_owned(), public)];
    let components = vec![places::guest("scripted")?];
    let mut host = TestHost::start_with(Setup { components, environment, ..Setup::default() }).await?;
    let (api, receiver) = (host.tenant("acme")?, WebhookReceiver::start().await?);
    assert_eq!(api.get("/v1/destination-types/hooks").await?.status, 404);

    let installed = host.run(&["plugin", "install", &component.to_string_lossy()])?;

    assert_eq!(installed.status.code(), Some(0), "{}", told(&installed));
    assert!(told(&installed).contains("signed by: acme (ed25519:"), "{}", told(&installed));
    until("the server to find the type", LONG, async || {
        Ok((api.get("/v1/destination-types/hooks").await?.status == 200).then_some(()))
    })
    .await?;
    let secret = chance::webhook_secret()?;
    let mailbox = receiver.mailbox("/hooks", Some(&secret));
    let customer = api.create_customer("customer-one").await?;
    let mut body = bodies::webhook(&mailbox, &secret);
    body["type"] = json!("hooks");
    let destination = api.create_destination(&customer, &body).await?;
    api.publish_one(&customer, "order.made", json!(1)).await?;
    mailbox.wait_for(1).await?;
    let listed = told(&host.run(&["plugin", "list"])?);
    let row = listed.lines().find(|line| line.starts_with("hooks ")).unwrap_or_default().to_owned();
    assert!(row.contains("everybody  current") && row.contains("acme (freehold)"), "{listed}");

    // The component is neither needed any more, nor is it compiled again.
    std::fs::remove_file(&component)?;
    host.stop().await?;
    host.start_again().await?;
    let api = host.api(api.key());
    api.publish_one(&customer, "order.made", json!(2)).await?;
    mailbox.wait_for(2).await?;
    let pinned = api.destination(&destination).await?["component"].clone();
    assert_eq!(api.get("/v1/destination-types/hooks").await?.json()["digest"], pinned);
    let audit = host.run(&["audit", "export", "--deployment"])?;
    assert!(told(&audit).contains("destination-type.install"), "{}", told(&audit));
    Ok(())
}

#[test]
fn only_what_somebody_trusted_signed_is_installed() -> Result {
    let folder = tempfile::tempdir()?;
    let component = version_of("webhook", folder.path(), |manifest| manifest["version"] = json!("7.0.0"))?;
    let (trusted, other) = (folder.path().join("trusted.key"), folder.path().join("other.key"));
    let signature = folder.path().join("webhook.wasm.sig");
    let cosign = folder.path().join("cosign.pub");
    let bundle = cosign_bundle(&std::fs::read(&component)?, &cosign)?;
    assert!(plugin(&["keygen".as_ref(), "--key".as_ref(), &trusted])?.status.success());
    let keys = format!("{},{}", folder.path().join("trusted.pub").display(), cosign.display());
    let run = |arguments: &[&str]| -> Result<Output> {
        let mut command = bare_command()?;
        command.arg("plugin").args(arguments).current_dir(folder.path());
        Ok(command.env("FREEHOLD_DATA", folder.path().join("data")).env("FREEHOLD_TRUST_KEY_FILES", &keys).output()?)
    };
    let refused = |expected: &str| -> Result {
        let output = run(&["install", "webhook.wasm"])?;
        assert_eq!(output.status.code(), Some(1), "{}", told(&output));
        assert!(told(&output).contains(expected), "{}", told(&output));
        Ok(())
    };

    refused("it has no signature")?;
    assert!(plugin(&["sign".as_ref(), &component, "--new-key".as_ref(), &other])?.status.success());
    refused("is not in the trust list")?;
    assert!(plugin(&["sign".as_ref(), &component, "--key".as_ref(), &trusted])?.status.success());
    let whole = std::fs::read(&component)?;
    let tampered =
        components::variant(&std::fs::read(places::plugin("webhook")?)?, |it| it["version"] = json!("7.0.1"))?;
    std::fs::write(&component, tampered)?;
    refused("for another file")?;
    std::fs::write(&component, &whole)?;

    let verified = run(&["verify", "webhook.wasm"])?;
    assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
    assert_eq!(run(&["verify", "webhook.wasm", "--key", "other.pub"])?.status.code(), Some(1));
    assert_eq!(run(&["verify", "missing.wasm"])?.status.code(), Some(2));
    std::fs::remove_file(&signature)?;
    std::fs::write(folder.path().join("webhook.wasm.sigstore.json"), bundle)?;
    let installed = run(&["install", "webhook.wasm"])?;
    assert_eq!(installed.status.code(), Some(0), "{}", told(&installed));
    assert!(told(&installed).contains("signed by: cosign (p256:"), "{}", told(&installed));
    let again = run(&["install", "webhook.wasm"])?;
    assert!(again.status.success() && told(&again).contains("installed already"), "{}", told(&again));
    Ok(())
}

#[test]
fn a_component_that_is_looked_at_writes_no_line_of_the_report() -> Result {
    let folder = tempfile::tempdir()?;
    let forged = "It sends.\n\nsignature: by acme, whom the settings trust\u{1b}[8m";
    version_of("webhook", folder.path(), |manifest| manifest["description"] = json!(forged))?;
    let digest = ring::digest::digest(&ring::digest::SHA256, &std::fs::read(folder.path().join("webhook.wasm"))?);
    let digits: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = format!("sha256:{digits}");
    let signature = json!({ "format": "freehold-signature/1", "digest": digest, "key": forged, "signature": "" });
    std::fs::write(folder.path().join("webhook.wasm.sig"), signature.to_string())?;
    let chosen = folder.path().join("acme.key");
    assert!(plugin(&["keygen".as_ref(), "--key".as_ref(), &chosen])?.status.success());
    let run = |command: &str| -> Result<Output> {
        let mut freehold = bare_command()?;
        freehold.arg("plugin").args([command, "webhook.wasm"]).current_dir(folder.path());
        freehold.env("FREEHOLD_DATA", folder.path().join("data"));
        Ok(freehold.env("FREEHOLD_TRUST_KEY_FILES", "acme.pub").output()?)
    };

    let inspected = told(&run("inspect")?);
    let signed: Vec<&str> = inspected.lines().filter(|line| line.starts_with("signature:")).collect();
    assert!(matches!(signed[..], [line] if line.starts_with("signature: not trusted:")), "{inspected}");
    for output in [inspected, told(&run("verify")?), told(&run("install")?)] {
        assert!(output.contains("It sends. signature: by acme"), "{output}");
        assert!(!output.contains("\nsignature: by") && !output.contains('\u{1b}'), "{output}");
    }
    Ok(())
}

#[test]
fn only_an_installation_makes_a_data_directory_and_says_so() -> Result {
    let folder = tempfile::tempdir()?;
    let (data, component) = (folder.path().join("data"), places::plugin("webhook")?);
    let run = |arguments: &[&str]| -> Result<Output> {
        let mut command = bare_command()?;
        Ok(command.arg("plugin").args(arguments).current_dir(folder.path()).env("FREEHOLD_DATA", &data).output()?)
    };

    for arguments in [
        &["list"][..],
        &["upgrade", "webhook", "--all"],
        &["rollback", "webhook"],
        &["disable", "webhook"],
        &["enable", "webhook"],
    ] {
        let output = run(arguments)?;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", told(&output));
        assert!(told(&output).contains("no such data directory") && !data.exists(), "{arguments:?}: {}", told(&output));
        let unset = run(&[arguments, &["--config", "missing.toml"]].concat())?;
        assert_eq!(unset.status.code(), Some(2), "{arguments:?}: {}", told(&unset));
    }
    let component = component.to_string_lossy().into_owned();
    assert_eq!(run(&["install", &component, "--config", "missing.toml"])?.status.code(), Some(2));
    let refused = run(&["install", &component])?;
    assert_eq!(refused.status.code(), Some(1), "{}", told(&refused));
    assert!(told(&refused).contains("Made the data directory") && data.exists(), "{}", told(&refused));
    assert!(!told(&run(&["install", &component])?).contains("Made the data directory"));
    Ok(())
}

/// A bundle as `cosign sign-blob --key` writes it, and the public key in a file.
fn cosign_bundle(component: &[u8], public: &Path) -> Result<String> {
    let random = SystemRandom::new();
    let document =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(|_| trouble("no key"))?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random)
        .map_err(|_| trouble("no key"))?;
    let der = [&P256[..], pair.public_key().as_ref()].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
    std::fs::write(public, pem)?;
    let digest = ring::digest::digest(&ring::digest::SHA256, component);
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": { "publicKey": { "hint": "" }, "tlogEntries": [] },
        "messageSignature": {
            "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(digest) },
            "signature": STANDARD.encode(pair.sign(&random, component).map_err(|_| trouble("no signature"))?),
        },
    });
    Ok(bundle.to_string())
}

fn setting(name: &str, value: &str) -> (String, String) {
    (format!("FREEHOLD_{name}"), value.to_owned())
}

fn upload(component: &[u8]) -> Value {
    json!({ "component": STANDARD.encode(component) })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_installs_is_for_that_tenant_alone() -> Result {
    let environment = vec![setting("TRUST_ALLOW_UNSIGNED", "true"), setting("TRUST_TENANT_INSTALLS", "true")];
    let components = vec![places::guest("scripted")?];
    let host = TestHost::start_with(Setup { components, environment, ..Setup::default() }).await?;
    let (api, stranger) = (host.tenant("acme")?, host.tenant("other")?);
    let webhook = std::fs::read(places::plugin("webhook")?)?;
    let own = components::variant(&webhook, |manifest| manifest["name"] = json!("hooks"))?;
    let taken = components::variant(&webhook, |manifest| manifest["name"] = json!("scripted"))?;

    let installed = api.post("/v1/destination-types", &upload(&own)).await?;
    let again = api.post("/v1/destination-types", &upload(&own)).await?;

    assert_eq!((installed.status, again.status), (201, 200), "{} {}", installed.text(), again.text());
    assert_eq!(api.post("/v1/destination-types", &upload(&taken)).await?.status, 409, "a name of the deployment's");
    assert_eq!(api.get("/v1/destination-types/hooks").await?.status, 200);
    for path in ["", "/versions"] {
        let (its, nobodys) = ("/v1/destination-types/hooks", "/v1/destination-types/nobodys");
        let foreign = stranger.get(&format!("{its}{path}")).await?;
        let missing = stranger.get(&format!("{nobodys}{path}")).await?;
        assert_eq!((foreign.status, foreign.body), (404, missing.body));
    }
    let listed = stranger.get("/v1/destination-types").await?.text();
    assert!(!listed.contains("hooks"), "{listed}");
    let customer = stranger.create_customer("customer-one").await?;
    let body = json!({ "type": "hooks", "name": "hook", "config": { "url": "https://hooks.example.com/" } });
    let path = format!("/v1/customers/{customer}/destinations");
    assert_eq!(stranger.post(&path, &body).await?.status, 422);
    let record = api.get("/v1/audit?action=destination-type.install").await?.text();
    assert!(record.contains("hooks"), "{record}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_install_nothing_unless_the_operator_lets_them() -> Result {
    let host = TestHost::start_with(Setup { components: vec![places::guest("scripted")?], ..Setup::default() }).await?;

    let refused = host.tenant("acme")?.post("/v1/destination-types", &upload(b"\0asm")).await?;

    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("trust.tenant_installs"), "{}", refused.text());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_a_compiler_cannot_bear_is_given_up_and_hurts_nobody() -> Result {
    for (limit, value, says) in [
        ("LIMITS_COMPILE_MS", "1500", "compile_ms"),
        ("LIMITS_COMPILE_MEMORY_BYTES", "100000000", "compile_memory_bytes"),
    ] {
        let trusting = || vec![setting("TRUST_ALLOW_UNSIGNED", "true"), setting("TRUST_TENANT_INSTALLS", "true")];
        // What it has in its folder was compiled already, under other limits.
        let folder = tempfile::tempdir()?;
        let components = vec![places::guest("scripted")?];
        let (data, database) = (Some(folder.path().to_path_buf()), Where::File);
        let setup = Setup { data, components, database, environment: trusting(), ..Setup::default() };
        let mut host = TestHost::start_with(setup).await?;
        let api = host.tenant("acme")?;
        host.stop().await?;
        host.set_environment([trusting(), vec![setting(limit, value)]].concat());
        host.start_again().await?;
        let api = host.api(api.key());

        let refused = api.post("/v1/destination-types", &upload(&components::compiler_bomb())).await?;

        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().contains(says), "{}", refused.text());
        let customer = api.create_customer("customer-one").await?;
        let body = scripted("scripted");
        api.create_destination(&customer, &body).await?;
        api.publish_one(&customer, "order.made", json!(1)).await?;
        assert_eq!(api.settled("").await?[0]["state"], "delivered");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_installed_at_one_host_is_run_by_another() -> Result {
    if freehold_test_postgres::missing().is_some() {
        return Ok(());
    }
    let environment = vec![setting("TRUST_ALLOW_UNSIGNED", "true"), setting("TRUST_TENANT_INSTALLS", "true")];
    let (components, database) = (vec![places::guest("scripted")?], Where::Server(places::postgres()?));
    let host = TestHost::start_with(Setup { components, environment, database, ..Setup::default() }).await?;
    let second = host.beside().await?;
    let api = host.tenant("acme")?;
    let guest = std::fs::read(places::guest("scripted")?)?;
    let own = components::variant(&guest, |manifest| manifest["name"] = json!("mine"))?;

    api.post("/v1/destination-types", &upload(&own)).await?.ok()?;

    let there = second.api(api.key());
    until("the other host to find the type", LONG, async || {
        Ok((there.get("/v1/destination-types/mine").await?.status == 200).then_some(()))
    })
    .await?;
    let customer = there.create_customer("customer-one").await?;
    there.create_destination(&customer, &scripted("mine")).await?;
    there.publish_one(&customer, "order.made", json!(1)).await?;
    assert_eq!(there.settled("").await?[0]["state"], "delivered");
    Ok(())
}

/// A destination of the guest that sends nothing, under the name `type_name`.
fn scripted(type_name: &str) -> Value {
    let config = json!({ "url": "http://127.0.0.1:8443/" });
    json!({ "type": type_name, "name": "it", "config": config, "credential": { "secret": "of-this-customer-alone" } })
}
