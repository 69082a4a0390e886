//! Whatever is done to an export is found: byte by byte, line by line, and by those who rewrite all of it.

use freehold_model::audit::{Actor, ActorKind, AuditRecord, Personal};
use freehold_model::{AuditId, Timestamp};
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};

use super::*;
use crate::export::{Format, Header, Writer};
use crate::merkle::Tree;
use crate::record::{Draft, Head};

/// A log under construction, with the key that signs it.
struct Log {
    pair: Ed25519KeyPair,
    key: PublicKey,
    records: Vec<AuditRecord>,
    /// After how many records, and the note.
    notes: Vec<(u64, String)>,
    tree: Tree,
    last: Digest,
}

use freehold_model::audit::Digest;

impl Log {
    fn new(seed: u8) -> Log {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = ring::signature::KeyPair::public_key(&pair).as_ref().try_into().unwrap();
        let key = PublicKey::new("freehold-audit", public);
        Log { pair, key, records: Vec::new(), notes: Vec::new(), tree: Tree::default(), last: Digest::ZERO }
    }

    fn add(&mut self, action: &str, target: &str, details: &Value) {
        let head = self.records.last().map_or(Head::EMPTY, |last| Head { seq: last.seq, hash: last.hash });
        let actor = Actor { kind: ActorKind::ApiKey, id: "key_1".into(), request_id: Some("req_1".into()) };
        let id: AuditId = format!("aud_{:026}", head.seq + 1).parse().unwrap();
        let draft = Draft {
            id,
            at: Timestamp::from_millis(1_795_000_000_000),
            actor: &actor,
            action,
            target: ("customer", target),
            customer: None,
            details,
            salt: [7; 32],
        };
        let record = draft.after(head, &Chain::Deployment);
        self.tree.push(&record.hash);
        self.records.push(record);
    }

    fn checkpoint(&mut self) {
        let checkpoint = Checkpoint {
            chain: Chain::Deployment,
            size: self.tree.size(),
            root: self.tree.root(),
            at: Timestamp::from_millis(1_795_000_000_000),
            previous: self.last,
        };
        self.last = checkpoint.digest();
        let sign = |text: &[u8]| self.pair.sign(text).as_ref().try_into().unwrap();
        self.notes.push((checkpoint.size, self.key.sign_with(&checkpoint.text(), sign)));
    }

    fn export(&self) -> String {
        let mut writer = Writer::new(Format::Jsonl);
        let exported_at = Timestamp::from_millis(1_795_000_000_000);
        let keys = vec![self.key.clone()];
        let mut text = writer.begin(&Header { chain: Chain::Deployment, complete: true, exported_at, keys });
        for record in &self.records {
            text += &writer.record(record);
            for (_, note) in self.notes.iter().filter(|(size, _)| *size == record.seq) {
                text += &writer.checkpoint(note);
            }
        }
        text + &writer.end()
    }

    fn trusting(&self) -> Verifier {
        Verifier { keys: vec![self.key.clone()], checkpoints: Vec::new() }
    }
}

/// Two checkpoints, personal values that are there and that were erased, and a record after the last checkpoint.
fn sample() -> Log {
    let mut log = Log::new(5);
    log.add("customer.create", "cus_1", &json!({ "name": "Ada", "plan": 1 }));
    log.add("customer.create", "cus_2", &json!({ "name": "Bea" }));
    log.checkpoint();
    log.add("audit.erase", "cus_1", &json!({ "records": 1 }));
    log.add("customer.delete", "cus_2", &json!({}));
    log.checkpoint();
    log.add("customer.create", "cus_3", &json!({}));
    let first = &mut log.records[0];
    first.personal = first.personal.take().map(|personal| Personal { opening: None, ..personal });
    log
}

fn is_found(verifier: &Verifier, export: &[u8]) -> bool {
    verifier.verify(export).map_or(true, |report| !report.is_intact())
}

fn findings(verifier: &Verifier, export: &str) -> Vec<String> {
    verifier.verify(export.as_bytes()).unwrap().findings.iter().map(ToString::to_string).collect()
}

fn check_lines(lines: &[&str], expected: &str) {
    let told = findings(&sample().trusting(), &format!("{}\n", lines.join("\n")));

    assert!(told.iter().any(|finding| finding.contains(expected)), "{expected} is not among {told:#?}");
}

#[test]
fn an_export_as_it_was_written_is_intact() {
    let log = sample();

    let report = log.trusting().verify(log.export().as_bytes()).unwrap();

    assert!(report.is_intact(), "{report}");
    assert_eq!((report.records, report.checkpoints, report.erased), (5, 2, 1));
    assert_eq!(report.covered.map(|(size, _)| size), Some(4));
    assert!(report.trusted_key);
}

#[test]
fn every_changed_added_or_missing_byte_is_found() {
    let log = sample();
    let export = log.export().into_bytes();
    let verifier = log.trusting();

    for place in 0..export.len() {
        let byte = export[place];
        let mutations: [(&str, &[u8]); 4] =
            [("changed", &[byte ^ 1]), ("other case", &[byte ^ 0x20]), ("removed", &[]), ("added to", &[b' ', byte])];
        for (how, instead) in mutations {
            let mutated = [&export[..place], instead, &export[place + 1..]].concat();

            // Taking one of two equal neighbours away leaves the same bytes as taking the other.
            assert!(
                is_found(&verifier, &mutated),
                "byte {place} {how}: {}",
                String::from_utf8_lossy(&mutated[place.saturating_sub(30)..(place + 30).min(mutated.len())])
            );
        }
    }
}

#[test]
fn every_export_that_is_cut_short_is_found() {
    let log = sample();
    let export = log.export().into_bytes();

    for length in 0..export.len() {
        assert!(is_found(&log.trusting(), &export[..length]), "{length} of {}", export.len());
    }
}

#[test]
fn lines_that_are_missing_moved_repeated_or_added_are_told_by_their_record() {
    let export = sample().export();
    let lines: Vec<&str> = export.lines().collect();
    // Header, records 1 and 2, checkpoint, records 3 and 4, checkpoint, record 5, end.
    let [header, one, two, first, three, four, second, five, end] = lines[..] else { panic!("{lines:#?}") };

    check_lines(&[header, one, first, three, four, second, five, end], "2 records, and 1 stand before it");
    check_lines(&[header, one, two, first, four, second, five, end], "record 4: record 3 before it is missing");
    check_lines(&[header, one, two, first, five, end], "records 3 to 4 before it are missing");
    check_lines(&[header, two, one, first, three, four, second, five, end], "record 1: it stands where 3 should be");
    check_lines(&[header, one, two, two, first, three, four, second, five, end], "record 2: it stands where 3");
    check_lines(&[header, one, two, three, four, second, five, end], "a checkpoint does not follow the one before it");
    check_lines(&[header, one, two, first, three, four, second, end], "the export ended with 5 records");
    check_lines(&[header, one, two, first, three, four, second, five], "the export is cut off");
    check_lines(&[header, one, two, first, three, four, second, five, end, five], "more after the end");
}

#[test]
fn every_pair_of_lines_that_is_swapped_is_found() {
    let log = sample();
    let export = log.export();
    let lines: Vec<&str> = export.lines().collect();

    for one in 0..lines.len() {
        for other in one + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(one, other);
            assert!(is_found(&log.trusting(), format!("{}\n", swapped.join("\n")).as_bytes()), "{one} and {other}");
        }
    }
}

#[test]
fn a_record_that_was_rewritten_with_a_fitting_hash_is_found_by_its_checkpoint() {
    let log = sample();
    let mut forged = Log::new(5);
    forged.add("customer.create", "cus_9", &json!({}));
    for record in &log.records[1..] {
        forged.add(&record.action, &record.target_id, &record.details);
    }
    // The forger has no key: the real checkpoints stay.
    forged.notes = log.notes.clone();

    let told = findings(&log.trusting(), &forged.export());

    assert!(told.iter().any(|finding| finding.contains("not those that their checkpoint was made of")), "{told:#?}");
}

#[test]
fn a_log_that_was_rewritten_and_signed_anew_is_found_by_who_knows_the_key() {
    let mut forged = Log::new(6);
    forged.add("customer.create", "cus_9", &json!({}));
    forged.checkpoint();
    let export = forged.export();

    let trusting = findings(&sample().trusting(), &export);
    let credulous = Verifier::default().verify(export.as_bytes()).unwrap();

    assert!(trusting.iter().any(|finding| finding.contains("none of the given keys signed it")), "{trusting:#?}");
    assert!(credulous.is_intact() && !credulous.trusted_key);
    assert!(credulous.to_string().contains("--public-key"), "{credulous}");
}

#[test]
fn an_end_that_was_cut_off_with_its_checkpoint_is_found_by_a_checkpoint_from_elsewhere() {
    let log = sample();
    let mut cut = sample();
    cut.records.truncate(3);
    cut.notes.truncate(1);
    let export = cut.export();

    let alone = log.trusting().verify(export.as_bytes()).unwrap();
    let mut verifier = log.trusting();
    verifier.checkpoints = vec![("kept.txt".into(), log.notes[1].1.clone())];
    let told = findings(&verifier, &export);

    assert!(alone.is_intact(), "nothing in it tells: {alone}");
    assert!(told.iter().any(|finding| finding.contains("kept.txt covers 4, and 3 are here")), "{told:#?}");
    let whole = verifier.verify(log.export().as_bytes()).unwrap();
    assert!(whole.is_intact() && whole.witnesses == 1, "{whole}");
}

#[test]
fn values_that_vanish_without_an_erasure_are_found() {
    let mut log = sample();
    let second = &mut log.records[1];
    second.personal = second.personal.take().map(|personal| Personal { opening: None, ..personal });

    let told = findings(&log.trusting(), &log.export());

    assert!(told.iter().any(|finding| finding.contains("record 2: its personal values are missing")), "{told:#?}");
}

#[test]
fn what_cannot_be_judged_says_so() {
    let log = sample();
    let mut unsigned = Log::new(5);
    unsigned.add("customer.create", "cus_1", &json!({}));
    let refused = |text: &str| log.trusting().verify(text.as_bytes()).unwrap_err();

    assert!(matches!(refused(""), Unverifiable::NoExport));
    assert!(matches!(refused("seq,id\r\n"), Unverifiable::NoExport));
    assert!(matches!(refused(&unsigned.export()), Unverifiable::NothingSigned));
    let mut verifier = log.trusting();
    verifier.checkpoints = vec![("kept.txt".into(), "no note".into())];
    assert!(matches!(verifier.verify(log.export().as_bytes()), Err(Unverifiable::Checkpoint { .. })));
}
