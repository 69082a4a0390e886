//! The code that customers copy to check signatures: each sample takes what is genuine and refuses what is not. What signs is
//! another implementation of Standard Webhooks. Languages that this machine does not have are passed over.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &str = r#"{"total":12.50,"note":"ä"}"#;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages/destinations/samples").join(name)
}

/// Runs `program`; none when there is no such program. It ends well when it took the body that it was given.
fn takes(program: &str, arguments: &[&str], id: &str, timestamp: i64, signature: &str) -> Option<bool> {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("SECRET", SECRET).env("BODY", BODY).env("ID", id).env("SIGNATURE", signature);
    command.env("TIMESTAMP", timestamp.to_string());
    command.status().ok().map(|status| status.success())
}

fn check(program: &str, arguments: &[&str]) {
    #[expect(clippy::disallowed_methods, reason = "the samples compare with the real time")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let webhook = standardwebhooks::Webhook::new(SECRET).unwrap();
    let signed = |id: &str, at: i64| webhook.sign(id, at, BODY.as_bytes()).unwrap();
    let genuine = signed("evt_1", now);

    // Two signatures, as while a secret is replaced: the older one comes second.
    let both = format!("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= {genuine}");
    let Some(taken) = takes(program, arguments, "evt_1", now, &both) else { return };
    assert!(taken, "{program} refuses what is genuine");
    assert_eq!(takes(program, arguments, "evt_2", now, &genuine), Some(false), "{program} takes another id");
    assert_eq!(takes(program, arguments, "evt_1", now, "v1,AAAA"), Some(false), "{program} takes another signature");
    let old = now - 3_600;
    let replayed = signed("evt_1", old);
    assert_eq!(takes(program, arguments, "evt_1", old, &replayed), Some(false), "{program} takes what is an hour old");
}

#[test]
fn the_sample_for_node_tells_what_is_genuine() {
    let harness = format!(
        "import {{ verify }} from {:?}; const e = process.env;
         verify(e.SECRET, {{ 'webhook-id': e.ID, 'webhook-timestamp': e.TIMESTAMP, 'webhook-signature': e.SIGNATURE }}, e.BODY);",
        format!("file://{}", sample("verify.mjs").display())
    );
    check("node", &["--input-type=module", "-e", &harness]);
}

#[test]
fn the_sample_for_python_tells_what_is_genuine() {
    let harness = format!(
        "import os\nexec(open({:?}).read())\ne = os.environ\n\
         verify(e['SECRET'], {{'webhook-id': e['ID'], 'webhook-timestamp': e['TIMESTAMP'], \
         'webhook-signature': e['SIGNATURE']}}, e['BODY'].encode())",
        sample("verify.py").display().to_string()
    );
    check("python3", &["-c", &harness]);
}

#[test]
fn the_sample_for_ruby_tells_what_is_genuine() {
    let harness = format!(
        "load {:?}; e = ENV; verify(e['SECRET'], {{ 'webhook-id' => e['ID'], 'webhook-timestamp' => e['TIMESTAMP'], \
         'webhook-signature' => e['SIGNATURE'] }}, e['BODY'])",
        sample("verify.rb").display().to_string()
    );
    check("ruby", &["-e", &harness]);
}

#[test]
fn the_sample_for_php_tells_what_is_genuine() {
    let harness = format!(
        "require {:?}; verify(getenv('SECRET'), ['webhook-id' => getenv('ID'), 'webhook-timestamp' => getenv('TIMESTAMP'), \
         'webhook-signature' => getenv('SIGNATURE')], getenv('BODY'));",
        sample("verify.php").display().to_string()
    );
    check("php", &["-r", &harness]);
}

#[test]
fn the_sample_for_go_tells_what_is_genuine() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(sample("verify.go")).unwrap();
    let main = "\nfunc main() {\n\theader := http.Header{}\n\theader.Set(\"webhook-id\", os.Getenv(\"ID\"))\n\
                \theader.Set(\"webhook-timestamp\", os.Getenv(\"TIMESTAMP\"))\n\
                \theader.Set(\"webhook-signature\", os.Getenv(\"SIGNATURE\"))\n\
                \tif Verify(os.Getenv(\"SECRET\"), header, []byte(os.Getenv(\"BODY\"))) != nil {\n\t\tos.Exit(1)\n\t}\n}\n";
    let text =
        text.replace("package webhook", "package main").replace("\t\"net/http\"\n", "\t\"net/http\"\n\t\"os\"\n")
            + main;
    let (source, program) = (folder.path().join("main.go"), folder.path().join("main"));
    std::fs::write(&source, text).unwrap();
    let built = Command::new("go").args(["build", "-o"]).args([&program, &source]).current_dir(folder.path()).status();

    // An error means that there is no such program.
    if let Ok(status) = built {
        assert!(status.success(), "the sample for Go does not compile");
        check(program.to_str().unwrap(), &[]);
    }
}
