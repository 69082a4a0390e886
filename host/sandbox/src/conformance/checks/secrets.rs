//! Does anything secret end up where people read: in logs, in errors, in what is recorded of answers?

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;

use super::Scene;
use crate::conformance::Examined;
use crate::conformance::example::Reach;
use crate::conformance::fault::Fault;
use crate::conformance::ledger::Entry;
use crate::conformance::play::Manner;
use crate::conformance::report::Finding;
use crate::conformance::verdict::Seen;

/// Bytes of a secret in a row that count as telling it. Shorter runs occur by chance.
const TOLD_BYTES: usize = 12;
/// A secret that is shorter cannot be looked for.
const SECRET_BYTES_MIN: usize = 6;
/// What the host writes where a secret stood.
const MARK: &str = "[secret]";
/// Names of those members of a secret JSON object that are secret themselves.
const SECRET_MEMBERS: [&str; 4] = ["key", "secret", "password", "token"];

/// Has the other side refuse, say back what it was told, and not be there.
pub(super) async fn check(scene: Scene<'_>) -> Seen {
    let name = &scene.example.name;
    let secrets: Vec<&str> =
        scene.example.secrets(&scene.examined.destination_type).map(|(_, secret)| secret).collect();
    if secrets.is_empty() {
        return Seen::Untried(format!("`{name}` has no secrets"));
    }
    if secrets.iter().all(|secret| needles(secret).is_empty()) {
        let least = format!("of {SECRET_BYTES_MIN} bytes or more");
        return Seen::Untried(format!("the secrets of `{name}` are too short to look for: give it some {least}"));
    }
    let members = scene.batch(1);
    let mut manners = vec![Manner::Faulty(Fault::Refused)];
    if *scene.reach == Reach::Http {
        manners.extend([Manner::Echoing, Manner::Faulty(Fault::Status(401))]);
    }
    for manner in manners {
        scene.stage.begin(scene.example, manner);
        let mut actor = match scene.stage.open(scene.example).await {
            Ok(actor) => actor,
            Err(failure) => return scene.not_open(&failure),
        };
        actor.deliver(1, &members).await;
        // Only what it tells is looked at, whatever comes of it.
        drop(actor.verify().await);
    }
    Seen::Good(match scene.reach {
        Reach::Http => format!("`{name}`"),
        Reach::Relayed => format!("`{name}`: without an answer that says back what it was told"),
        _ => format!("`{name}`: only what it tells of a connection that fails, since nobody answers it"),
    })
}

/// What is told of a secret in anything that was written in any call.
pub(super) fn told(examined: &Examined) -> Option<Finding> {
    let secrets: Vec<(&str, HashSet<Vec<u8>>)> = examined
        .examples
        .iter()
        .flat_map(|example| example.secrets(&examined.destination_type))
        .map(|(field, secret)| (field, needles(secret)))
        .collect();
    examined.ledger.all().iter().find_map(|entry| told_in(entry, &secrets))
}

fn told_in(entry: &Entry, secrets: &[(&str, HashSet<Vec<u8>>)]) -> Option<Finding> {
    let is_told = |text: &String, needles| tells(text.as_bytes(), needles);
    let mut texts = entry.written.iter().chain(&entry.recorded);
    let field = texts.find_map(|text| secrets.iter().find(|(_, needles)| is_told(text, needles)));
    if let Some((field, _)) = field {
        return Some(Finding {
            example: entry.what.clone(),
            expected: format!("nothing of the credential's `{field}` in logs, errors and excerpts"),
            happened: "a part of it is there, in some form".into(),
            next: "write no part of a secret, and nothing that it can be computed from".into(),
        });
    }
    if entry.is_echo || !entry.written.iter().any(|text| text.contains(MARK)) {
        return None;
    }
    Some(Finding {
        example: entry.what.clone(),
        expected: "no secret in what the plugin logs and in its errors".into(),
        happened: "it wrote one, which the host has blotted out".into(),
        next: "name the field instead of its value".into(),
    })
}

/// Every run of [`TOLD_BYTES`] bytes in the forms of a secret.
fn needles(secret: &str) -> HashSet<Vec<u8>> {
    let mut needles = HashSet::new();
    for part in parts(secret) {
        let plain = part.as_bytes();
        let reversed: Vec<u8> = plain.iter().rev().copied().collect();
        let hex: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = vec![plain.to_vec(), reversed, hex.to_ascii_uppercase().into_bytes(), hex.into_bytes()];
        for offset in 0..3 {
            let shifted = [&[0; 2][..offset.min(2)], plain].concat();
            let encoded = STANDARD_NO_PAD.encode(shifted).into_bytes();
            // What the bytes around it decide is cut off.
            forms.push(encoded.get(offset * 2..encoded.len().saturating_sub(2)).unwrap_or_default().to_vec());
        }
        for form in forms.into_iter().filter(|form| form.len() >= SECRET_BYTES_MIN) {
            let length = form.len().min(TOLD_BYTES);
            needles.extend(form.windows(length).map(<[u8]>::to_vec));
        }
    }
    needles
}

/// What is secret of a secret: of JSON some members, of PEM the lines between its marks, of anything else all.
fn parts(secret: &str) -> Vec<String> {
    if let Ok(Value::Object(members)) = serde_json::from_str(secret) {
        let is_secret = |name: &str| SECRET_MEMBERS.iter().any(|end| name.ends_with(end));
        let texts = members.into_iter().filter(|(name, _)| is_secret(name));
        return texts.filter_map(|(_, value)| Some(parts(value.as_str()?))).flatten().collect();
    }
    if secret.contains("-----BEGIN") {
        let lines = secret.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        return lines.map(str::to_owned).collect();
    }
    vec![secret.to_owned()]
}

fn tells(text: &[u8], needles: &HashSet<Vec<u8>>) -> bool {
    (SECRET_BYTES_MIN..=TOLD_BYTES).any(|length| text.windows(length).any(|window| needles.contains(window)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_secret_is_found_in_every_usual_form() {
        let secret = "correct-horse-battery-staple";
        let needles = needles(secret);
        let reversed: String = secret.chars().rev().collect();
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for text in [
            format!("the key is {secret}."),
            "it begins with correct-horse-".to_owned(),
            reversed,
            hex,
            STANDARD_NO_PAD.encode(format!("x{secret}")),
            STANDARD_NO_PAD.encode(format!("xy{secret}z")),
            STANDARD_NO_PAD.encode(secret),
        ] {
            assert!(tells(text.as_bytes(), &needles), "{text}");
        }
        assert!(!tells(b"a correct answer about a horse, and a battery", &needles));
    }

    #[test]
    fn what_is_public_of_a_key_file_may_be_told() {
        let secret = r#"{"client_email":"robot@project.example","private_key":"-----BEGIN PRIVATE KEY-----\nAAAABBBBCCCCDDDDEEEE\n-----END PRIVATE KEY-----\n"}"#;
        let needles = needles(secret);

        assert!(!tells(b"robot@project.example may not write; a key has -----BEGIN PRIVATE KEY-----", &needles));
        assert!(tells(b"AAAABBBBCCCCDDDD", &needles));
    }

    #[test]
    fn a_short_password_is_found_as_a_whole() {
        let needles = needles("hunter22");

        assert!(tells(b"password hunter22 is wrong", &needles));
        assert!(!tells(b"the hunter is away", &needles));
    }
}
