//! What is a key that a key service keeps? It asks within bounds, remembers when its service is away, and tells when it
//! is back.
//!
//! While the service is away, questions fail at once instead of each waiting for the same answer: only
//! [`health`](KeyEncryption::health) goes on asking, and lets the others through again when it succeeds.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use freehold_model::Sources;
use freehold_reach::AskError;
use freehold_vault::{Health, KeyEncryption, KeyReference, VaultError, WrapPlace};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use crate::aws_kms::AwsKms;
use crate::transit::Transit;

/// How long to wait before a question is asked again, for each time that it is.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];
/// How long a good answer stands for the health of the key.
const TRUSTED: Duration = Duration::from_secs(30);
const PROBE_BYTES: usize = 32;

/// Who keeps a key.
pub(crate) enum Keeper {
    Transit(Transit),
    AwsKms(AwsKms),
}

/// A place in the two forms in which services bind it.
pub(crate) struct Binding {
    pub(crate) names: Vec<(&'static str, String)>,
    pub(crate) bytes: Vec<u8>,
}

impl Binding {
    fn of(place: &WrapPlace<'_>, kek_id: &str) -> Self {
        let own = place.names().into_iter().map(|(name, value)| (name, value.to_owned()));
        let names =
            [("purpose", place.purpose().to_owned())].into_iter().chain(own).chain([("kek", kek_id.to_owned())]);
        Binding { names: names.collect(), bytes: place.to_bytes(kek_id) }
    }
}

impl Keeper {
    async fn wrap(&self, plaintext: &[u8], binding: &Binding) -> Result<Vec<u8>, AskError> {
        match self {
            Keeper::Transit(transit) => transit.wrap(plaintext, binding).await,
            Keeper::AwsKms(kms) => kms.wrap(plaintext, binding).await,
        }
    }

    async fn unwrap(&self, wrapped: &[u8], binding: &Binding) -> Result<Zeroizing<Vec<u8>>, AskError> {
        match self {
            Keeper::Transit(transit) => transit.unwrap(wrapped, binding).await,
            Keeper::AwsKms(kms) => kms.unwrap(wrapped, binding).await,
        }
    }

    async fn exists(&self) -> Result<(), AskError> {
        match self {
            Keeper::Transit(transit) => transit.exists().await,
            // It never makes a key by being asked to encrypt.
            Keeper::AwsKms(_) => Ok(()),
        }
    }
}

/// A key that a key service keeps.
pub(crate) struct RemoteKey {
    reference: KeyReference,
    keeper: Keeper,
    sources: Sources,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Why questions are not asked, while the service is away.
    away: Option<String>,
    /// Something was refused: the next look at the key's health asks.
    is_doubted: bool,
    /// When it last did its work.
    answered_at: Option<Instant>,
    /// Whether it was seen to bind what it wraps to its place.
    binds: bool,
}

/// Something that can be asked again.
trait Question<'a, T>: Fn() -> BoxFuture<'a, Result<T, AskError>> + Send + Sync {}

impl<'a, T, F: Fn() -> BoxFuture<'a, Result<T, AskError>> + Send + Sync> Question<'a, T> for F {}

impl RemoteKey {
    pub(crate) fn new(reference: &KeyReference, keeper: Keeper, sources: &Sources) -> Self {
        RemoteKey { reference: reference.clone(), keeper, sources: sources.clone(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, unless the service is known to be away.
    async fn ask<'a, T>(&self, question: impl Question<'a, T>) -> Result<T, VaultError> {
        if let Some(reason) = self.state().away.clone() {
            return Err(self.unavailable(reason));
        }
        let answer = self.insist(question, &PAUSES).await;
        let mut state = self.state();
        match &answer {
            Ok(_) => state.answered_at = Some(Instant::now()),
            Err(AskError::Away(reason)) => state.away = Some(reason.clone()),
            Err(AskError::Refused(_)) => state.is_doubted = true,
            Err(AskError::DoesNotOpen) => {}
        }
        drop(state);
        answer.map_err(|error| self.explain(error))
    }

    /// Asks again after each of `pauses`, as long as another answer may come.
    async fn insist<'a, T>(&self, question: impl Question<'a, T>, pauses: &'static [Duration]) -> Result<T, AskError> {
        for pause in pauses {
            match question().await {
                Err(AskError::Away(_)) => {}
                answer => return answer,
            }
            // Up to double, so that many hosts do not ask in step.
            let [chance] = self.sources.random::<1>();
            tokio::time::sleep(*pause + *pause * u32::from(chance) / 256).await;
        }
        question().await
    }

    /// Asks whether the key does its work and nothing but that.
    async fn probe(&self) -> Result<(), AskError> {
        self.keeper.exists().await?;
        let binding = Binding::of(&WrapPlace::Probe, self.reference.id());
        let bytes = self.sources.random::<PROBE_BYTES>();
        let wrapped = self.keeper.wrap(&bytes, &binding).await?;
        let unwrapped = self.keeper.unwrap(&wrapped, &binding).await;
        if unwrapped.as_ref().map(|found| found.as_slice() == bytes) != Ok(true) {
            return Err(match unwrapped {
                Err(error @ (AskError::Away(_) | AskError::Refused(_))) => error,
                _ => AskError::Refused("it does not unwrap what it wrapped".to_owned()),
            });
        }
        if self.state().binds {
            return Ok(());
        }
        let elsewhere = Binding::of(&WrapPlace::Canary, self.reference.id());
        match self.keeper.unwrap(&wrapped, &elsewhere).await {
            Err(AskError::DoesNotOpen) => {
                self.state().binds = true;
                Ok(())
            }
            Err(error) => Err(error),
            Ok(_) => Err(AskError::Refused(
                "it unwraps in another place than it wrapped for: use a key with authenticated encryption, such as \
                 aes256-gcm96, and a service that knows associated data"
                    .to_owned(),
            )),
        }
    }

    async fn look(&self) -> Result<Health, VaultError> {
        let (was_away, is_trusted) = {
            let state = self.state();
            let lately = state.answered_at.is_some_and(|at| at.elapsed() < TRUSTED);
            let troubled = state.away.is_some() || state.is_doubted;
            (troubled, lately && state.binds && !troubled)
        };
        if is_trusted {
            return Ok(Health::Well);
        }
        // What is known to be away is asked once: the next look comes soon.
        let pauses: &'static [Duration] = if was_away { &[] } else { &PAUSES };
        let answer = self.insist(|| self.probe().boxed(), pauses).await;
        let mut state = self.state();
        match answer {
            Ok(()) => {
                state.away = None;
                state.is_doubted = false;
                state.answered_at = Some(Instant::now());
                Ok(if was_away { Health::Back } else { Health::Well })
            }
            Err(error) => {
                let explained = self.explain(error);
                state.away = Some(match &explained {
                    VaultError::Unavailable { reason, .. } => reason.clone(),
                    other => other.to_string(),
                });
                Err(explained)
            }
        }
    }

    fn explain(&self, error: AskError) -> VaultError {
        match error {
            AskError::Away(reason) | AskError::Refused(reason) => self.unavailable(reason),
            AskError::DoesNotOpen => VaultError::DoesNotOpen,
        }
    }

    fn unavailable(&self, reason: String) -> VaultError {
        let kek_id = self.reference.id().to_owned();
        let named = format!("{}: ", self.reference);
        let reason = if reason.starts_with(&named) { reason } else { named + &reason };
        VaultError::Unavailable { kek_id, reason }
    }
}

impl KeyEncryption for RemoteKey {
    fn id(&self) -> &str {
        self.reference.id()
    }

    fn wrap<'a>(
        &'a self,
        plaintext: &'a [u8],
        place: WrapPlace<'a>,
        _: &'a Sources,
    ) -> BoxFuture<'a, Result<Vec<u8>, VaultError>> {
        async move {
            let binding = &Binding::of(&place, self.id());
            self.ask(|| self.keeper.wrap(plaintext, binding).boxed()).await
        }
        .boxed()
    }

    fn unwrap<'a>(
        &'a self,
        wrapped: &'a [u8],
        place: WrapPlace<'a>,
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>, VaultError>> {
        async move {
            let binding = &Binding::of(&place, self.id());
            self.ask(|| self.keeper.unwrap(wrapped, binding).boxed()).await
        }
        .boxed()
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, VaultError>> {
        self.look().boxed()
    }
}

impl fmt::Debug for RemoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteKey({}, {})", self.id(), self.reference)
    }
}
