//! A bucket whose keys are replaced. The server checks every signature and counts the uses of each key.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use freehold_tests::s3::{Bucket, S3Server};
use freehold_tests::{Api, LONG, Result, bodies, chance, trouble, until};
use s3s::S3ErrorCode;
use serde_json::json;

use super::{history, replace, revoke, until_state};
use crate::proof::Proof;

/// Each time so many rounds have passed, the former key is not drained but revoked at once.
const REVOKED_EVERY: u32 = 3;
/// How long what had left before a revocation may be on its way, on a machine that is busy with many things.
const ON_ITS_WAY: Duration = Duration::from_millis(1_000);

/// The destination, and what became of its keys.
pub(super) struct BucketLine {
    server: S3Server,
    destination: String,
    keys: Vec<Bucket>,
    /// The version that is active, and the place of its key.
    version: u64,
    current: usize,
    ends: Vec<End>,
    /// Trials of a new key that met a store which asked for fewer requests.
    busy: u32,
    /// Connections that were still open although their key had drained.
    left_open: usize,
}

/// The end of a key.
struct End {
    access_key: String,
    at: Instant,
    revoked: bool,
}

impl BucketLine {
    pub(super) async fn begin(api: &Api, customer: &str, rounds: u32) -> Result<BucketLine> {
        // One for each round, the first, and the one that comes after the active one is lost.
        let keys = (0..rounds + 2)
            .map(|number| Ok(Bucket::new("events", &format!("AKIA{number:04}"), &chance::word()?)))
            .collect::<Result<Vec<Bucket>>>()?;
        let server = S3Server::start(&keys).await?;
        let mut body = bodies::s3(&server, &keys[0]);
        body["settings"]["retry"] = json!({ "base_ms": 1_000, "cap_ms": 2_000, "give_up_after_ms": 600_000 });
        let destination = api.create_destination(customer, &body).await?;
        Ok(BucketLine { server, destination, keys, version: 1, current: 0, ends: vec![], busy: 0, left_open: 0 })
    }

    /// Replaces the key, and ends the former one.
    pub(super) async fn rotate(&mut self, api: &Api, round: u32) -> Result {
        // A batch fails just before the cutover, so that it is tried again after it.
        self.server.refuse_next([S3ErrorCode::InternalError]);
        until("a batch to fail", LONG, async || Ok(self.server.has_refused().then_some(()))).await?;
        let (former, version) = (self.keys[self.current].access_key.clone(), self.version);
        self.take_next_key(api).await?;
        let revoked = round.is_multiple_of(REVOKED_EVERY);
        if revoked {
            revoke(api, &self.destination, version).await?;
        } else {
            until_state(api, &self.destination, version, "retired").await?;
        }
        self.end(&former, revoked).await
    }

    async fn end(&mut self, access_key: &str, revoked: bool) -> Result {
        self.ends.push(End { access_key: access_key.to_owned(), at: Instant::now(), revoked });
        let open = || {
            let connections = self.server.connections().into_iter();
            connections.filter(|connection| !connection.closed && connection.access_keys.contains(access_key)).count()
        };
        let closed = until("the former key's connections to close", Duration::from_secs(10), async || {
            Ok((open() == 0).then_some(()))
        });
        if closed.await.is_err() {
            self.left_open += open();
        }
        self.server.disable(access_key);
        Ok(())
    }

    async fn take_next_key(&mut self, api: &Api) -> Result {
        let next = &self.keys[self.current + 1];
        let fields = json!({ "access_key_id": next.access_key, "secret_access_key": next.secret_key });
        let mut busy = 0;
        let replaced = until("the new key to be taken", LONG, async || {
            let answer = replace(api, &self.destination, "", &fields).await?;
            // The store was busy just when the key was tried: nothing was changed, and it is given again.
            if answer.status == 422 && answer.text().contains("transient") {
                busy += 1;
                return Ok(None);
            }
            answer.ok().map(Some)
        })
        .await?;
        self.busy += busy;
        self.version = replaced["credential_version"].as_u64().ok_or_else(|| trouble("no version"))?;
        self.current += 1;
        Ok(())
    }

    /// Revokes the active key with none to take its place, and gives a new one later.
    pub(super) async fn lose_the_active_key(&mut self, api: &Api) -> Result {
        let former = self.keys[self.current].access_key.clone();
        revoke(api, &self.destination, self.version).await?;
        self.end(&former, true).await?;
        let paused = api.destination(&self.destination).await?;
        if paused["state"] != "paused" {
            return Err(trouble(format!("a destination without a credential goes on: {paused}")));
        }
        self.take_next_key(api).await
    }

    /// Whether all is as claimed; how many events came twice.
    pub(super) async fn judge(&self, api: &Api, acknowledged: &BTreeSet<String>, proof: &mut Proof) -> Result<usize> {
        let mut stored: Vec<String> = Vec::new();
        for object in self.server.objects("events")? {
            stored.extend(object.lines()?.iter().filter_map(|line| line["id"].as_str().map(str::to_owned)));
        }
        let distinct: BTreeSet<String> = stored.iter().cloned().collect();
        let lost = acknowledged.difference(&distinct).count();
        let detail = format!("{lost} of {} missing", acknowledged.len());
        proof.case("bucket: every acknowledged event is stored", lost == 0, detail);
        history::judge(api, &self.destination, "bucket", proof).await?;
        self.judge_uses(proof);
        let state = api.destination(&self.destination).await?;
        proof.case("bucket: it delivers in the end", state["state"] == "active", "active");
        proof.figure("keys", self.keys.len());
        proof.figure("keys_revoked", self.ends.iter().filter(|end| end.revoked).count());
        proof.figure("trials_repeated", self.busy);
        Ok(stored.len() - distinct.len())
    }

    /// What the server saw of each key.
    fn judge_uses(&self, proof: &mut Proof) {
        let requests = self.server.requests();
        let unused =
            self.keys.iter().filter(|key| !requests.iter().any(|request| request.access_key == key.access_key)).count();
        proof.case("bucket: each key was used", unused == 0, format!("{unused} of {} were not", self.keys.len()));
        for (revoked, what) in [(false, "drained"), (true, "revoked")] {
            let ends: Vec<&End> = self.ends.iter().filter(|end| end.revoked == revoked).collect();
            let mut late = 0;
            let mut on_their_way = 0;
            for request in &requests {
                let Some(end) = ends.iter().find(|end| end.access_key == request.access_key) else { continue };
                let after = request.at.saturating_duration_since(end.at);
                on_their_way += usize::from(revoked && after > Duration::ZERO && after <= ON_ITS_WAY);
                late += usize::from(after > if revoked { ON_ITS_WAY } else { Duration::ZERO });
            }
            let detail = format!("{} keys, {late} uses, {on_their_way} on their way", ends.len());
            proof.case(format!("bucket: a key that was {what} is never used again"), late == 0, detail);
        }
        let connections = self.server.connections();
        let shared = connections.iter().filter(|connection| connection.access_keys.len() > 1).count();
        let told = format!("{} connections", connections.len());
        proof.case("bucket: no connection carries two keys", shared == 0, told.clone());
        proof.case("bucket: connections of former keys are closed", self.left_open == 0, told);
    }
}
