//! Keys that a key service keeps: credentials wrapped by OpenBao and AWS KMS, changes from one to the other, and what
//! happens while the service is away.

use std::path::Path;
use std::time::Duration;

use freehold_keyservice::{AwsKmsConfig, KeyServices, KeyServicesConfig, TransitConfig, TransitLogin};
use freehold_model::id::InvalidId;
use freehold_reach::SecretText;
use freehold_reach::aws::AwsCredentials;
use freehold_tests::kms::Kms;
use freehold_tests::openbao::OpenBao;
use freehold_tests::webhook::Mailbox;
use freehold_tests::{LONG, Result, Setup, TestHost, bodies, clock, trouble, until};
use freehold_vault::{KeyEncryption, KeyLine, VaultError, WrapPlace};
use serde_json::{Value, json};

use crate::story::Story;

const IN_TRANSIT: &str = "transit:transit/freehold";
const IN_KMS: &str = "aws-kms:alias/freehold";
/// Customers beside the one of the story.
const OTHERS: usize = 12;

/// A host that is told `settings`, whose first key is `key`, and that opens the credential anew for every batch.
fn with_key(key: &str, settings: Vec<(String, String)>) -> Setup {
    let own = [("FREEHOLD_KEK", key), ("FREEHOLD_ALWAYS_FRESH", "true"), ("FREEHOLD_KEK_TIMEOUT_MS", "1000")];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Setup { environment: own.into_iter().chain(settings).collect(), ..Setup::default() }
}

/// The same, and asks the key service for every batch too.
fn without_cache(mut setup: Setup) -> Setup {
    setup.environment.push(("FREEHOLD_KEK_CACHE_MS".into(), "0".into()));
    setup
}

async fn deliver(story: &Story, mailbox: &Mailbox) -> Result {
    let before = mailbox.received().len();
    story.api.publish_one(&story.customer, "order.made", json!(before)).await?;
    mailbox.wait_for(before + 1).await?;
    Ok(())
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command that must not succeed says.
fn refusal(host: &TestHost, arguments: &[&str]) -> Result<String> {
    let output = host.run(arguments)?;
    assert_eq!(output.status.code(), Some(1), "{}{}", said(&output.stdout), said(&output.stderr));
    Ok(said(&output.stderr))
}

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// The keys that `/readyz` says cannot be used.
async fn keys_away(story: &Story) -> Result<usize> {
    let ready = story.api.get("/readyz").await?;
    assert_eq!(ready.status, 200, "events are accepted all the same: {}", ready.text());
    Ok(ready.json()["keys_away"].as_array().map_or(0, Vec::len))
}

async fn until_away(story: &Story, count: usize) -> Result {
    until("/readyz to tell which keys are away", LONG, async || Ok((keys_away(story).await? == count).then_some(())))
        .await
}

/// The value of the first metric that begins with `name`.
async fn metric(story: &Story, name: &str) -> Result<f64> {
    let text = story.api.get("/metrics").await?.text();
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse().ok());
    value.ok_or_else(|| trouble(format!("there is no metric {name}")))
}

/// A destination that would give up long before the tests do, if it counted what is not its fault.
fn giving_up_soon(mut body: Value) -> Value {
    body["settings"]["retry"] = json!({ "base_ms": 20, "cap_ms": 20, "give_up_after_ms": 1_000 });
    body
}

/// Publishes while the key is away, and has `recover` bring it back once that has been noticed several times.
async fn wait_out(story: &Story, recover: impl AsyncFnOnce() -> Result) -> Result {
    let delivered = story.mailbox.received().len();
    story.api.publish_one(&story.customer, "order.made", json!("waits")).await?;
    until("a few tries without the key", LONG, async || {
        let attempts = story.api.attempts(&story.of_destination()).await?;
        let waited = attempts.iter().filter(|attempt| attempt["failure"]["code"] == "key-unavailable");
        Ok((waited.count() >= 4).then_some(()))
    })
    .await?;
    until_away(story, 1).await?;
    assert!(metric(story, "freehold_key_available{").await? == 0.0);
    assert!(metric(story, "freehold_batches_without_key_total").await? >= 4.0);
    assert!(story.host.log().contains("a key cannot be used"));
    let destination = story.api.destination(&story.destination).await?;
    assert_eq!(destination["state"], "active", "nobody is asked for a new credential: {destination}");
    assert_eq!(story.mailbox.received().len(), delivered, "nothing is sent without its key");
    let newcomer = story.api.create_customer("newcomer").await?;
    let path = format!("/v1/customers/{newcomer}/destinations");
    let turned_away = story.api.post(&path, &bodies::webhook(&story.mailbox, &story.secret)).await?;
    assert_eq!(turned_away.status, 503, "nothing is sealed under another key: {}", turned_away.text());

    recover().await?;

    story.mailbox.wait_for_within(delivered + 1, LONG).await?;
    until_away(story, 0).await?;
    let dead = story.api.deliveries(&format!("{}&state=dead", story.of_destination())).await?;
    assert!(dead.is_empty(), "no try was spent: {dead:?}");
    deliver(story, &story.mailbox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_unwrapped_serves_on_while_openbao_is_away_and_a_start_without_it_is_refused() -> Result {
    let Some(mut bao) = OpenBao::start().await? else { return Ok(()) };
    let mut story = Story::on(with_key(IN_TRANSIT, bao.settings().await?), bodies::retrying_at_once).await?;
    deliver(&story, &story.mailbox).await?;

    bao.kill();
    deliver(&story, &story.mailbox).await?;
    story.host.stop().await?;
    let refused = refusal(&story.host, &SERVE)?;

    assert!(refused.contains("the key cannot be used") && refused.contains(IN_TRANSIT), "{refused}");
    assert!(refused.contains("was refused; check that the port is right"), "{refused}");
    bao.start_again().await?;
    story.host.start_again().await?;
    story.api = story.host.api(story.api.key());
    deliver(&story, &story.mailbox).await?;
    assert!(!story.host.log().contains("can be read by its user"), "a reference in the environment is no secret");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_wait_while_openbao_is_away_and_go_on_by_themselves() -> Result {
    let Some(mut bao) = OpenBao::start().await? else { return Ok(()) };
    let setup = without_cache(with_key(IN_TRANSIT, bao.settings().await?));
    let story = Story::on(setup, giving_up_soon).await?;
    deliver(&story, &story.mailbox).await?;

    bao.kill();

    wait_out(&story, async || bao.start_again().await).await?;
    // A token that ended before its time is no outage: the role gives another.
    bao.revoke_logins().await?;
    deliver(&story, &story.mailbox).await?;
    assert!(keys_away(&story).await? == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_wait_while_kms_does_not_answer_and_go_on_by_themselves() -> Result {
    let Some(kms) = Kms::start().await? else { return Ok(()) };
    let story = Story::on(without_cache(with_key(IN_KMS, kms.settings()?)), giving_up_soon).await?;
    deliver(&story, &story.mailbox).await?;

    kms.hang(true)?;

    wait_out(&story, async || kms.hang(false)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_move_from_a_file_to_kms_to_openbao_and_back_while_serving() -> Result {
    let (Some(kms), Some(bao)) = (Kms::start().await?, OpenBao::start().await?) else { return Ok(()) };
    let mut setup = without_cache(with_key("", kms.settings()?));
    setup.environment.retain(|(name, _)| name != "FREEHOLD_KEK");
    setup.environment.extend(bao.settings().await?);
    let mut story = Story::on(setup, bodies::retrying_at_once).await?;
    for number in 0..OTHERS {
        let customer = story.api.create_customer(&format!("other-{number}")).await?;
        story.api.create_destination(&customer, &bodies::webhook(&story.mailbox, &story.secret)).await?;
    }
    let first = said(&story.host.run(&["keys", "list"])?.stdout);
    let in_file = first.split_whitespace().find(|word| word.starts_with("kek_")).unwrap_or_default().to_owned();

    for key in [IN_KMS, IN_TRANSIT, "transit:transit/derived", &in_file, IN_TRANSIT] {
        let rotated = story.host.run(&["keys", "rotate", "--to", key])?;
        assert!(rotated.status.success(), "{key}: {}", said(&rotated.stderr));
        deliver(&story, &story.mailbox).await?;
        let list = said(&story.host.run(&["keys", "list"])?.stdout);
        let wrapping = list.lines().find(|line| line.contains("  encrypting  ")).unwrap_or_default();
        assert!(wrapping.contains(&format!("  {}  ", OTHERS + 1)), "all is under {key}: {list}");
    }

    // What wraps nothing any more goes, and everything goes on from a start.
    assert!(story.host.run(&["keys", "retire", &in_file])?.status.success());
    story.host.stop().await?;
    story.host.start_again().await?;
    story.api = story.host.api(story.api.key());
    deliver(&story, &story.mailbox).await?;
    let audit = story.api.list("/v1/audit?action=kek.rotate").await?;
    let providers: Vec<&str> = audit.iter().filter_map(|entry| entry["details"]["provider"].as_str()).collect();
    assert_eq!(providers.len(), 5, "{audit:?}");
    assert!(["file", "aws-kms", "transit"].iter().all(|provider| providers.contains(provider)), "{providers:?}");
    let file = std::fs::read_to_string(story.host.data().join("kek"))?;
    assert!(!file.contains("fhkek1_") && file.contains(IN_TRANSIT), "{file}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_a_service_that_is_away_changes_nothing_and_succeeds_later() -> Result {
    let Some(mut bao) = OpenBao::start().await? else { return Ok(()) };
    let mut setup = without_cache(with_key("", bao.settings().await?));
    setup.environment.retain(|(name, _)| name != "FREEHOLD_KEK");
    let story = Story::on(setup, bodies::retrying_at_once).await?;
    assert!(story.host.run(&["keys", "add", IN_TRANSIT])?.status.success());
    bao.kill();

    let refused = refusal(&story.host, &["keys", "rotate", "--to", IN_TRANSIT])?;

    assert!(refused.contains("cannot be used"), "{refused}");
    deliver(&story, &story.mailbox).await?;
    bao.start_again().await?;
    assert!(story.host.run(&["keys", "rotate", "--to", IN_TRANSIT])?.status.success());
    deliver(&story, &story.mailbox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_do_the_work_is_refused_at_the_start_with_what_to_do() -> Result {
    let (Some(kms), Some(bao)) = (Kms::start().await?, OpenBao::start().await?) else { return Ok(()) };
    let (aws, transit) = (kms.settings()?, bao.settings().await?);
    let mut without_policy = bao.address();
    without_policy.push(("FREEHOLD_TRANSIT_TOKEN".into(), bao.token("default").await?));
    let wrong_secret = replaced(&aws, "AWS_SECRET_ACCESS_KEY", "wrong-secret-of-this-key");
    let nowhere = replaced(&aws, "FREEHOLD_AWS_KMS_ENDPOINT", "http://kms.example");
    let unknown = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000";

    for (key, settings, expected) in [
        ("transit:transit/absent", &transit, "make the key there"),
        ("transit:elsewhere/freehold", &transit, "on elsewhere/encrypt/freehold"),
        ("transit:transit/asymmetric", &transit, "associated_data"),
        (IN_TRANSIT, &without_policy, "its policy must allow `update` on transit/encrypt/freehold"),
        (IN_TRANSIT, &Vec::new(), "set `transit.address`"),
        (IN_TRANSIT, &bao.address(), "transit.token_file"),
        (&format!("aws-kms:{unknown}"), &aws, "there is no such key"),
        (IN_KMS, &wrong_secret, "check the access key"),
        (IN_KMS, &nowhere, "`aws_kms.endpoint`"),
        (IN_KMS, &Vec::new(), "set `aws_kms.region`"),
    ] {
        let host = TestHost::prepare(with_key(key, settings.clone()))?;

        let refused = refusal(&host, &SERVE)?;

        assert!(refused.contains(expected), "{key}: {refused}");
        for (_, secret) in settings.iter().filter(|(name, _)| name.contains("SECRET") || name.ends_with("TOKEN")) {
            assert!(!refused.contains(secret), "{key}: a secret was printed");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_of_the_service_does_not_open_what_the_first_one_wrapped() -> Result {
    let Some(bao) = OpenBao::start().await? else { return Ok(()) };
    let mut story = Story::on(with_key(IN_TRANSIT, bao.settings().await?), bodies::retrying_at_once).await?;
    deliver(&story, &story.mailbox).await?;
    story.host.stop().await?;

    let mut command = story.host.command(&SERVE)?;
    let output = command.env("FREEHOLD_KEK", "transit:transit/derived").output()?;

    assert_eq!(output.status.code(), Some(1));
    let refused = said(&output.stderr);
    assert!(refused.contains("this is not the key of this data"), "{refused}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_key_services_show_nowhere() -> Result {
    let Some(bao) = OpenBao::start().await? else { return Ok(()) };
    let settings = bao.settings().await?;
    let secrets: Vec<String> =
        settings.iter().filter(|(name, _)| name.ends_with("SECRET_ID")).map(|(_, value)| value.clone()).collect();
    let story = Story::on(with_key(IN_TRANSIT, settings), bodies::retrying_at_once).await?;
    deliver(&story, &story.mailbox).await?;

    let config = said(&story.host.run(&["config"])?.stdout);

    assert!(config.contains("# FREEHOLD_TRANSIT_SECRET_ID = \"********\""), "{config}");
    let printed = config + &story.host.log() + &story.api.get("/metrics").await?.text();
    assert!(secrets.iter().all(|secret| !printed.contains(secret)) && secrets.len() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_key_unwraps_in_its_own_place_alone() -> Result {
    let (Some(kms), Some(bao)) = (Kms::start().await?, OpenBao::start().await?) else { return Ok(()) };
    let services = services(&kms, &bao).await?;
    let sources = clock::system();
    let place = |tenant, customer, key| -> std::result::Result<_, InvalidId> {
        let id = |prefix: &str, number: u32| format!("{prefix}_{number:026}");
        Ok((id("ten", tenant).parse()?, id("cus", customer).parse()?, id("vky", key).parse()?))
    };

    for reference in [IN_TRANSIT, "transit:transit/derived", IN_KMS, &format!("aws-kms:{}", kms.arn()?)] {
        let Ok(KeyLine::Remote(reference)) = KeyLine::parse(reference) else {
            return Err(trouble(format!("{reference} is no reference")));
        };
        let key = services.key(&reference)?;
        let (tenant, customer, id) = place(1, 1, 1)?;
        let own = WrapPlace::CustomerKey { tenant: &tenant, customer: &customer, key: &id };
        let wrapped = key.wrap(&[7; 32], own, &sources).await?;

        assert_eq!(key.unwrap(&wrapped, own).await?.as_slice(), [7; 32], "{reference}");
        for (tenant, customer, id) in [place(2, 1, 1)?, place(1, 2, 1)?, place(1, 1, 2)?] {
            let other = WrapPlace::CustomerKey { tenant: &tenant, customer: &customer, key: &id };
            assert!(does_not_open(&*key, &wrapped, other).await, "{reference}: {other:?}");
        }
        assert!(does_not_open(&*key, &wrapped, WrapPlace::Canary).await, "{reference}: as the canary");
        let mut changed = wrapped.clone();
        if let Some(last) = changed.last_mut() {
            *last = if *last == b'A' { b'B' } else { b'A' };
        }
        assert!(does_not_open(&*key, &changed, own).await, "{reference}: a changed byte");
    }
    Ok(())
}

async fn does_not_open(key: &dyn KeyEncryption, wrapped: &[u8], place: WrapPlace<'_>) -> bool {
    matches!(key.unwrap(wrapped, place).await, Err(VaultError::DoesNotOpen))
}

async fn services(kms: &Kms, bao: &OpenBao) -> Result<KeyServices> {
    let secret = |text: String| SecretText::new(text.into());
    let (access_key_id, secret_access_key) = kms.access_key()?;
    let read = |path: &Path| std::fs::read(path);
    let config = KeyServicesConfig {
        transit: Some(TransitConfig {
            address: bao.url(),
            namespace: None,
            login: TransitLogin::Token(secret(bao.token("freehold").await?)),
            ca: Some(read(&bao.ca_file())?),
        }),
        aws_kms: AwsKmsConfig {
            region: Some("eu-west-1".into()),
            endpoint: Some(kms.endpoint().to_owned()),
            credentials: Some(AwsCredentials::Given {
                access_key_id,
                secret_access_key: secret(secret_access_key),
                session_token: None,
            }),
            ca: Some(read(&kms.ca_file())?),
        },
        timeout: Duration::from_secs(20),
        name_servers: Vec::new(),
    };
    Ok(KeyServices::new(config, &clock::system()))
}

fn replaced(settings: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let change = |(own, old): &(String, String)| (own.clone(), if own == name { value.into() } else { old.clone() });
    settings.iter().map(change).collect()
}
