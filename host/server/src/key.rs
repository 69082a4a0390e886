//! Where the key-encryption keys come from, which of them wraps, and whether they are the ones that the data was sealed
//! with.
//!
//! The key file (or `FREEHOLD_KEK`) has the keys; the database says what each is for. Both are looked up again whenever
//! the vault meets a key that it does not know, and when the database says something new: so a server learns of a changed
//! keyring without a restart.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use freehold_control::NewKek;
use freehold_keyservice::KeyServices;
use freehold_model::Sources;
use freehold_model::kek::{KekRecord, KekState};
use freehold_store::Store;
use freehold_vault::{KeyEncryption, KeyLine, Keyring, KeyringSource, Vault, VaultError, key_file};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::config::{Effective, KekText};
use crate::failure::Failure;

/// How often a server asks the database whether the keyring changed.
const WATCHED_EVERY: Duration = Duration::from_secs(5);

/// What the keys are read from.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// `FREEHOLD_KEK`.
    Variable(Arc<KekText>),
    /// A file.
    File(PathBuf),
}

/// The keys, and what the database says about them.
#[derive(Clone)]
pub(crate) struct Keys {
    place: Place,
    store: Store,
    sources: Sources,
    services: KeyServices,
    kept_ms: u64,
}

/// The keys of one moment.
pub(crate) struct Present {
    /// Those that the file or the variable has.
    pub(crate) lines: Vec<KeyLine>,
    /// Those that the database knows.
    pub(crate) records: Vec<KekRecord>,
    /// The canary, if something was ever sealed.
    pub(crate) canary: Option<Vec<u8>>,
}

impl Keys {
    /// The keys of the installation that `effective` describes.
    pub(crate) fn new(effective: &Effective, store: &Store, sources: &Sources) -> Result<Self, Failure> {
        let place = match &effective.kek {
            Some(text) => Place::Variable(Arc::new(text.clone())),
            None => Place::File(effective.kek_file()),
        };
        let kept_ms = effective.config.kek_cache_ms;
        let services = KeyServices::new(effective.key_services()?, sources);
        Ok(Keys { place, store: store.clone(), sources: sources.clone(), services, kept_ms })
    }

    /// The file that the keys are in.
    ///
    /// # Errors
    /// When they come from the environment.
    pub(crate) fn file(&self) -> Result<&Path, Failure> {
        match &self.place {
            Place::File(path) => Ok(path),
            Place::Variable(_) => Err(Failure::new(
                "the keys come from FREEHOLD_KEK, which cannot be written to: put both keys there, separated by a space, \
                 restart every server, then run `freehold keys rotate --to KEY`",
            )),
        }
    }

    /// The vault, opened with the right keys. Data that was never sealed gets a key of its own.
    pub(crate) async fn open_vault(&self) -> Result<Vault, Failure> {
        let found = self.present(true).await?;
        let wanted = found.wanted()?;
        self.try_out(found.line(&wanted)?).await?;
        let vault = match &found.canary {
            Some(canary) if !found.records.is_empty() => self.unlock(self.keyring(&found, &wanted)?, canary).await?,
            Some(canary) => {
                let vault = self.unlock(self.keyring(&found, &wanted)?, canary).await?;
                self.begin(vault, &found, &wanted).await?
            }
            None => {
                let vault = Vault::new(self.keyring(&found, &wanted)?, self.sources.clone());
                self.begin(vault, &found, &wanted).await?
            }
        };
        Ok(vault.keeping_for(self.kept_ms).looking_up(Arc::new(self.clone())))
    }

    /// Notes which key wraps, with a canary under it.
    async fn begin(&self, vault: Vault, found: &Present, wanted: &str) -> Result<Vault, Failure> {
        let sealed = vault.seal_canary().await.map_err(|error| Failure::because("the key does not seal", &error))?;
        let kek = NewKek { id: wanted.to_owned(), provider: self.provider(found.line(wanted)?).to_owned() };
        let noted = self.store.wrap_with_kek_across_tenants(&kek, &sealed, None).await;
        noted.map_err(|error| Failure::because("the database cannot note which key it is sealed with", &error))?;
        self.unlock(self.keyring(found, wanted)?, &sealed).await
    }

    /// Errs when the key does not do its work, as what wraps must.
    pub(crate) async fn try_out(&self, line: &KeyLine) -> Result<(), Failure> {
        let health = self.key(line)?.health().await;
        health.map(drop).map_err(|error| Failure::because("the key cannot be used", &error))
    }

    /// What wraps with the key of a line.
    fn key(&self, line: &KeyLine) -> Result<Arc<dyn KeyEncryption>, Failure> {
        match line {
            KeyLine::Local(kek) => Ok(kek.clone()),
            KeyLine::Remote(reference) => {
                self.services.key(reference).map_err(|error| Failure::because("the key service is not set up", &error))
            }
        }
    }

    /// The keyring that wraps with the key called `encrypting`.
    pub(crate) fn keyring(&self, found: &Present, encrypting: &str) -> Result<Keyring, Failure> {
        let others = found.others(encrypting)?;
        Ok(Keyring::of(
            self.key(found.line(encrypting)?)?,
            others.map(|line| self.key(line)).collect::<Result<_, _>>()?,
        ))
    }

    async fn unlock(&self, keyring: Keyring, canary: &[u8]) -> Result<Vault, Failure> {
        Vault::unlock(keyring, canary, self.sources.clone()).await.map_err(|error| match error {
            VaultError::WrongKek { .. } | VaultError::DoesNotOpen => {
                let advice = "look for it in the backups of the key file, or start with another --data";
                Failure::new(format!("{}; {advice}", Failure::because("this is not the key of this data", &error)))
            }
            error => Failure::because("the key-encryption key cannot be checked", &error),
        })
    }

    /// What there is now. A key is made only when `may_create` and nothing was ever sealed.
    pub(crate) async fn present(&self, may_create: bool) -> Result<Present, Failure> {
        let asked = |error| Failure::because("the database cannot be asked which key it was sealed with", &error);
        let canary = self.store.canary_across_tenants().await.map_err(asked)?;
        let records = self.store.keks_across_tenants().await.map_err(asked)?;
        let lines = match &self.place {
            Place::Variable(text) => KeyLine::parse_all(&text.0).map_err(|e| Failure::because("FREEHOLD_KEK", &e))?,
            Place::File(path) => of_file(path, canary.is_some() || !may_create, &self.sources)?,
        };
        Ok(Present { lines, records, canary })
    }

    /// Who keeps a key, in a word.
    pub(crate) fn provider(&self, line: &KeyLine) -> &'static str {
        match (line, &self.place) {
            (KeyLine::Remote(reference), _) => reference.service().as_str(),
            (KeyLine::Local(_), Place::File(_)) => "file",
            (KeyLine::Local(_), Place::Variable(_)) => "variable",
        }
    }

    /// Lets `vault` learn of every change, until it is dropped with the handle that this returns.
    pub(crate) fn watch(self, vault: Arc<Vault>) -> tokio_util::task::AbortOnDropHandle<()> {
        let states = |records: &[KekRecord]| -> Vec<(String, KekState)> {
            records.iter().map(|record| (record.id.clone(), record.state)).collect()
        };
        let watching = async move {
            let mut seen = None;
            loop {
                match self.store.keks_across_tenants().await {
                    Ok(records) if seen.as_ref() == Some(&states(&records)) => {}
                    Ok(records) => match vault.refresh().await {
                        Ok(()) => {
                            let former = seen.replace(states(&records));
                            if former.is_some() {
                                tracing::info!(wraps = vault.kek_id(), "the keyring changed");
                            }
                        }
                        Err(error) => tracing::error!(%error, "the keyring changed, and the new one cannot be taken"),
                    },
                    Err(error) => tracing::warn!(%error, "the database cannot be asked whether the keyring changed"),
                }
                tokio::time::sleep(WATCHED_EVERY).await;
            }
        };
        tokio_util::task::AbortOnDropHandle::new(tokio::spawn(watching))
    }

    async fn load_keyring(&self) -> Result<Keyring, Failure> {
        let found = self.present(false).await?;
        self.keyring(&found, &found.wanted()?)
    }
}

impl KeyringSource for Keys {
    fn load(&self) -> BoxFuture<'_, Result<Keyring, Box<dyn Error + Send + Sync>>> {
        self.load_keyring().map(|loaded| loaded.map_err(|failure| failure.to_string().into())).boxed()
    }
}

impl Present {
    /// The id of the key that shall wrap: as the database says, else the one that sealed the canary, else the first.
    pub(crate) fn wanted(&self) -> Result<String, Failure> {
        if let Some(record) = self.records.iter().find(|record| record.state == KekState::Encrypting) {
            return Ok(record.id.clone());
        }
        if let Some(canary) = &self.canary {
            let kek_id = Vault::kek_of_canary(canary);
            return kek_id.map(str::to_owned).map_err(|error| Failure::because("the canary cannot be read", &error));
        }
        self.lines.first().map(|line| line.id().to_owned()).ok_or_else(|| Failure::new("there is no key"))
    }

    /// The key called `id`.
    pub(crate) fn line(&self, id: &str) -> Result<&KeyLine, Failure> {
        self.lines.iter().find(|line| line.id() == id).ok_or_else(|| self.missing(id))
    }

    /// The keys beside the one called `encrypting`. Errs when one that is needed is not there.
    pub(crate) fn others(&self, encrypting: &str) -> Result<impl Iterator<Item = &KeyLine>, Failure> {
        let is_missing = |record: &&KekRecord| record.wraps > 0 && self.line(&record.id).is_err();
        if let Some(record) = self.records.iter().find(is_missing) {
            return Err(self.missing(&record.id));
        }
        let is_retired = |id: &str| self.records.iter().any(|r| r.id == id && r.state == KekState::Retired);
        Ok(self.lines.iter().filter(move |line| line.id() != encrypting && !is_retired(line.id())))
    }

    fn missing(&self, id: &str) -> Failure {
        let wraps = self.records.iter().find(|record| record.id == id).map_or(0, |record| record.wraps);
        let present: Vec<&str> = self.lines.iter().map(KeyLine::id).collect();
        Failure::new(format!(
            "this is not the key of this data: it is sealed under {id}, which wraps {wraps} customers' keys, and the keyring \
             has {}; look for it in the backups of the key file, or start with another --data",
            present.join(", ")
        ))
    }
}

fn of_file(path: &Path, sealed_before: bool, sources: &Sources) -> Result<Vec<KeyLine>, Failure> {
    if sealed_before && !path.exists() {
        return Err(Failure::new(format!(
            "{}: the key file is gone, and the credentials in this database cannot be opened without it; put it back from your backup",
            path.display()
        )));
    }
    let loaded = key_file::load_or_create_file(path, sources)
        .map_err(|error| Failure::because("the key-encryption key cannot be read", &error))?;
    if loaded.created {
        tracing::info!(
            path = %path.display(),
            key = loaded.keys.first().map(KeyLine::id),
            "made a new key-encryption key; back it up apart from the database: without it no credential can be opened"
        );
    }
    Ok(loaded.keys)
}

/// Says what is risky about a key in the environment.
pub(crate) fn warn_of_variable(effective: &Effective) {
    let holds_a_key =
        |text: &KekText| KeyLine::parse_all(&text.0).is_ok_and(|all| all.iter().any(|k| k.local().is_some()));
    if effective.kek.as_ref().is_some_and(holds_a_key) {
        tracing::warn!(
            "the key-encryption key comes from FREEHOLD_KEK: the environment of a process can be read by its user and leaks \
             into child processes and crash reports; a file of mode 0600 (kek_file) is safer"
        );
    }
}
