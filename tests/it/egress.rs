//! The door to the network, from outside: where names lead, what is written, what an operator opened, and who is told.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Output, Stdio};

use freehold_tests::dns::NameServer;
use freehold_tests::host::bare_command;
use freehold_tests::webhook::Reply;
use freehold_tests::{Result, Setup, bodies, chance, places};
use serde_json::{Value, json};

use crate::story::Story;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const INSIDE: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const NAME: &str = "hooks.example.com";

/// A host that asks `names`, and keeps no connection that would save it a lookup.
fn asking(names: &NameServer, components: Vec<std::path::PathBuf>) -> Setup {
    let environment = vec![
        ("FREEHOLD_EGRESS_NAME_SERVERS".to_owned(), names.address()),
        ("FREEHOLD_EGRESS_IDLE_CONNECTIONS".to_owned(), "0".to_owned()),
    ];
    Setup { environment, components, ..Setup::default() }
}

/// A new customer's destination, which leads to the story's mailbox by name instead of address, and has one event to
/// deliver.
async fn by_name(story: &Story, customer: &str) -> Result<String> {
    let customer = story.api.create_customer(customer).await?;
    let mut body = bodies::retrying_at_once(bodies::webhook(&story.mailbox, &story.secret));
    body["config"]["url"] = json!(story.mailbox.url().replace("127.0.0.1", NAME));
    let destination = story.api.create_destination(&customer, &body).await?;
    story.api.publish_one(&customer, "order.made", json!({ "of": destination })).await?;
    Ok(destination)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_inside_is_refused_at_each_attempt_and_the_customer_reads_why() -> Result {
    let names = NameServer::start().await?;
    names.lead(NAME, &[&[INSIDE], &[METADATA, INSIDE], &[HERE]]);
    let story = Story::on(asking(&names, Vec::new()), bodies::retrying_at_once).await?;

    let destination = by_name(&story, "inside").await?;

    for number in [1, 2] {
        let attempt = story.api.attempt_where(&destination, |attempt| attempt["number"] == number).await?;
        assert_eq!(attempt["state"], "failed", "{attempt}");
        assert_eq!(attempt["error_kind"], "egress-denied", "{attempt}");
        assert_eq!(attempt["failure"]["code"], "egress-address", "{attempt}");
        assert_eq!(attempt["failure"]["request_sent"], false, "{attempt}");
        let message = attempt["failure"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(NAME), "{message}");
        for address in [INSIDE, METADATA] {
            assert!(!attempt.to_string().contains(&address.to_string()), "where it leads is not told: {attempt}");
        }
    }
    let settled = story.api.settled(&format!("destination={destination}")).await?;
    assert_eq!(settled[0]["state"], "delivered", "once the name leads to a place that is open: {settled:?}");
    assert_eq!((names.lookups(NAME), story.mailbox.received().len()), (3, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_turns_inside_is_refused_from_then_on() -> Result {
    let names = NameServer::start().await?;
    names.lead(NAME, &[&[HERE], &[METADATA]]);
    let story = Story::on(asking(&names, Vec::new()), bodies::retrying_at_once).await?;
    story.mailbox.script([Reply::Status(503)]);

    let destination = by_name(&story, "rebinding").await?;

    let first = story.api.attempt_where(&destination, |attempt| attempt["number"] == 1).await?;
    let second = story.api.attempt_where(&destination, |attempt| attempt["number"] == 2).await?;
    assert_eq!(first["failure"]["kind"], "transient", "{first}");
    assert_eq!(second["failure"]["kind"], "egress-denied", "{second}");
    assert_eq!(story.mailbox.received().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_the_inside_is_an_answer_and_not_a_way() -> Result {
    let names = NameServer::start().await?;
    let components = vec![places::plugin("webhook")?, places::guest("redirect-follower")?];
    let story = Story::on(asking(&names, components), bodies::retrying_at_once).await?;
    story.mailbox.otherwise(Reply::Redirect(format!("http://{METADATA}/latest/meta-data/")));

    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;
    let attempt = story.api.attempt_where(&story.destination, |_| true).await?;
    assert_eq!(attempt["state"], "failed", "{attempt}");
    assert_eq!(attempt["exchanges"][0]["status"], 302, "{attempt}");
    assert_eq!(attempt["exchanges"].as_array().map(Vec::len), Some(1), "{attempt}");

    // A plugin that follows it by itself gets no further.
    let customer = story.api.create_customer("follower").await?;
    let mailbox = story.webhooks.mailbox("/follow", None);
    mailbox.otherwise(Reply::Redirect(format!("http://{METADATA}/latest/meta-data/")));
    let body = json!({ "type": "redirect-follower", "name": "x", "config": { "url": mailbox.url() } });
    let follower = story.api.create_destination(&customer, &body).await?;
    story.api.publish_one(&customer, "order.made", json!(1)).await?;
    let attempt = story.api.attempt_where(&follower, |_| true).await?;
    assert_eq!(attempt["failure"]["kind"], "egress-denied", "{attempt}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_in_the_environment_is_not_used() -> Result {
    let proxy = TcpListener::bind("127.0.0.1:0")?;
    proxy.set_nonblocking(true)?;
    let url = format!("http://{}", proxy.local_addr()?);
    let variables = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    let environment = variables.map(|name| (name.to_owned(), url.clone())).to_vec();
    let story = Story::on(Setup { environment, ..Setup::default() }, bodies::retrying_at_once).await?;

    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;
    story.mailbox.wait_for(1).await?;

    let attempt = story.api.attempt_where(&story.destination, |_| true).await?;
    assert_eq!(attempt["state"], "delivered", "{attempt}");
    let asked = proxy.accept().map(|(_, from)| from);
    assert!(asked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "the proxy was asked");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_closed_is_refused_when_it_is_written() -> Result {
    let story = Story::begin().await?;
    let secret = chance::webhook_secret()?;
    let body = |url: &str| {
        let mut body = bodies::webhook(&story.mailbox, &secret);
        body["config"]["url"] = json!(url);
        body
    };
    let create = format!("/v1/customers/{}/destinations", story.customer);
    let change = format!("/v1/destinations/{}", story.destination);

    for (url, rule) in [
        ("https://10.0.0.5/hook", "address"),
        ("https://169.254.169.254/latest/meta-data/", "address"),
        ("https://[::1]:8443/", "address"),
        ("https://[::ffff:10.0.0.5]/", "address"),
        ("http://93.184.216.34/", "plain-http"),
        ("https://0x7f000001/", "spelling"),
        ("https://metadata.google.internal/", "local-name"),
    ] {
        let patch = json!({ "config": { "url": url } });
        for answer in [story.api.post(&create, &body(url)).await?, story.api.patch(&change, &patch).await?] {
            assert_eq!(answer.status, 422, "{url}: {}", answer.text());
            let problem = answer.json();
            assert_eq!(problem["errors"][0]["pointer"], "/config/url", "{problem}");
            let message = problem["errors"][0]["message"].as_str().unwrap_or_default();
            assert!(message.contains(&format!("rule `{rule}`")), "{message}");
        }
    }
    assert_eq!(story.api.list(&create).await?.len(), 1, "nothing was stored");
    assert_eq!(story.api.destination(&story.destination).await?["config"]["url"], story.mailbox.url());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_opens_is_one_network_at_one_port() -> Result {
    let receiver = freehold_tests::webhook::WebhookReceiver::start().await?;
    let secret = chance::webhook_secret()?;
    let mailbox = receiver.mailbox("/open", Some(&secret));
    let port = mailbox.url().rsplit(':').next().and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned();
    let egress_allow = Some(format!("127.0.0.1/32:{port}"));
    let host = freehold_tests::TestHost::start_with(Setup { egress_allow, ..Setup::default() }).await?;
    let api = host.tenant("acme")?;
    let customer = api.create_customer("one").await?;

    let open = api.create_destination(&customer, &bodies::webhook(&mailbox, &secret)).await?;
    let mut body = bodies::webhook(&mailbox, &secret);
    body["config"]["url"] = json!("https://127.0.0.1:9/");
    let closed = api.post(&format!("/v1/customers/{customer}/destinations"), &body).await?;
    api.publish_one(&customer, "order.made", json!(1)).await?;

    assert_eq!(closed.status, 422, "another port of it stays closed: {}", closed.text());
    mailbox.wait_for(1).await?;
    assert_eq!(api.attempt_where(&open, |_| true).await?["state"], "delivered");
    let shown = String::from_utf8(host.run(&["config"])?.stdout)?;
    assert!(shown.contains(&format!("allow = [\"127.0.0.1/32:{port}\"]")), "{shown}");
    Ok(())
}

/// Runs `freehold egress check` in an empty folder, with something on stdin.
fn check(names: &NameServer, arguments: &[&str], stdin: &str) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    let mut child = bare_command()?
        .args(["egress", "check"])
        .args(arguments)
        .current_dir(folder.path())
        .env("FREEHOLD_EGRESS_NAME_SERVERS", names.address())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(stdin.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "asking leaves nothing behind");
    Ok(output)
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_told_how_the_door_judges_and_what_would_change_it() -> Result {
    let names = NameServer::start().await?;
    names.lead("public.example.com", &[&[Ipv4Addr::new(93, 184, 216, 34)]]);
    names.lead("inside.example.com", &[&[INSIDE]]);

    let open = check(&names, &["https://public.example.com/", "tls://public.example.com:9093"], "")?;
    assert_eq!(open.status.code(), Some(0), "{}", printed(&open));
    assert!(printed(&open).contains("93.184.216.34: public"), "{}", printed(&open));

    let closed = check(&names, &["https://public.example.com/", "https://inside.example.com/in"], "")?;
    assert_eq!(closed.status.code(), Some(1), "{}", printed(&closed));
    let said = printed(&closed);
    for expected in ["10.0.0.0/8, private use", "egress.allow: add \"10.1.2.3/32:443\"", "1 of 2 URLs"] {
        assert!(said.contains(expected), "{expected} is missing: {said}");
    }

    let opened = check(&names, &["https://inside.example.com/in", "--egress-allow", "10.1.2.3/32:443"], "")?;
    assert_eq!(opened.status.code(), Some(0), "what it says to do does it: {}", printed(&opened));

    let plain = check(&names, &["tcp://inside.example.com:9092", "--set", "egress.allow_plaintext_streams=true"], "")?;
    assert_eq!(plain.status.code(), Some(1), "{}", printed(&plain));

    for arguments in [&[][..], &["--file", "no-such-file"], &["--file", "-"], &["https://a.example/", "--set", "x=1"]] {
        let output = check(&names, arguments, "# nothing\n")?;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", printed(&output));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_gets_one_json_object_for_each_url() -> Result {
    let names = NameServer::start().await?;
    names.lead("inside.example.com", &[&[INSIDE]]);
    let urls = "# mine\nhttps://93.184.216.34/\tallow\tfine\n{\"url\":\"https://inside.example.com/\"}\n\"https://127.1/\"\n\
                https://nowhere.example.com/\nstarttls://inside.example.com:5432\n";

    let output = check(&names, &["--json", "--file", "-"], urls)?;

    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    let told: Vec<Value> =
        String::from_utf8(output.stdout)?.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?;
    let rules: Vec<&Value> = told.iter().map(|line| &line["rule"]).collect();
    assert_eq!(
        rules,
        [&Value::Null, &json!("address"), &json!("spelling"), &json!("dns-not-found"), &json!("address")]
    );
    assert_eq!(told[0]["allowed"], true);
    assert_eq!(told[1]["addresses"][0]["address"], INSIDE.to_string(), "{}", told[1]);
    assert_eq!(told[1]["code"], "egress-address", "as attempts have it: {}", told[1]);
    assert_eq!(told[1]["setting"], "egress.allow", "{}", told[1]);
    assert_eq!((&told[4]["scheme"], &told[4]["port"]), (&json!("starttls"), &json!(5432)));
    Ok(())
}
