//! `freehold keys`: the deployment's own keys, changed beside a server that goes on serving.

use freehold_control::{Conflict, Control, ControlError, NewKek, Rewrapped};
use freehold_model::kek::{KekRecord, KekState};
use freehold_store::Store;
use freehold_vault::{Kek, KeyLine, Vault, key_file};

use crate::cli::{KeysCommand, WhereArgs};
use crate::commands::{api_keys, print, refused, settings, table};
use crate::data_dir::{DataDir, DataLock};
use crate::failure::Failure;
use crate::key::{Keys, Present};
use crate::{sources, wiring};

/// Runs the command.
pub(super) async fn run(command: KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Api(command) => api_keys::run(command).await,
        KeysCommand::List { place } => Installation::open(&place).await?.list().await,
        KeysCommand::Add { reference, from_file, place } => {
            let line = match (reference, from_file) {
                (Some(text), _) => of_reference(&text)?,
                (None, Some(path)) => of_key_file(&path)?,
                (None, None) => KeyLine::of(Kek::generate(&sources::system())),
            };
            Installation::open(&place).await?.add(&line).await
        }
        KeysCommand::Rotate { to, place } => Installation::open(&place).await?.rotate(to.as_deref()).await,
        KeysCommand::Retire { key, place } => Installation::open(&place).await?.retire(&key).await,
    }
}

/// The data and the keys that a command works on.
struct Installation {
    data: DataDir,
    store: Store,
    keys: Keys,
}

impl Installation {
    async fn open(place: &WhereArgs) -> Result<Self, Failure> {
        let effective = settings(place)?;
        let data = DataDir::open(&effective.config.data)?;
        let sources = sources::system();
        let store = wiring::open_store(&effective.config, &sources).await?;
        let keys = Keys::new(&effective, &store, &sources)?;
        Ok(Installation { data, store, keys })
    }

    /// The use-cases over the vault that the keyring opens, and what keeps other commands from changing keys meanwhile.
    async fn unlock(&self) -> Result<(Control, DataLock), Failure> {
        let lock = self.data.lock_keys()?;
        let vault = self.keys.open_vault().await?;
        Ok((self.control(vault)?, lock))
    }

    fn control(&self, vault: Vault) -> Result<Control, Failure> {
        wiring::keys_control(self.store.clone(), vault, sources::system())
    }

    async fn list(self) -> Result<(), Failure> {
        let found = self.keys.present(false).await?;
        self.store.close().await;
        let mut rows: Vec<[String; 6]> = found
            .records
            .iter()
            .map(|record| {
                let state = match record.retired_at {
                    Some(at) => format!("retired {at}"),
                    None => record.state.as_str().to_owned(),
                };
                let created = record.created_at.to_string();
                let in_keyring = if found.line(&record.id).is_ok() { "yes" } else { "no" };
                let id = record.id.clone();
                [id, state, record.provider.clone(), record.wraps.to_string(), created, in_keyring.to_owned()]
            })
            .collect();
        for line in unused(&found) {
            let provider = self.keys.provider(line).to_owned();
            rows.push([line.id().to_owned(), "unused".into(), provider, "0".into(), "-".into(), "yes".into()]);
        }
        print(&table(["id", "state", "provider", "wraps", "created", "in keyring"], &rows));
        let wanted = found.wanted()?;
        found.line(&wanted).and(found.others(&wanted).map(|_| ()))
    }

    async fn add(self, line: &KeyLine) -> Result<(), Failure> {
        let (control, _lock) = self.unlock().await?;
        self.put_into_keyring(&control, line).await?;
        self.store.close().await;
        print(&format!("added: {}\n", line.id()));
        eprintln!("It unwraps only. Back the key file up, then: freehold keys rotate --to {}", line.id());
        Ok(())
    }

    /// Adds a key to the file, then notes it: a key that the database names must not be one that nobody has.
    async fn put_into_keyring(&self, control: &Control, line: &KeyLine) -> Result<(), Failure> {
        let records = control.keks().await.map_err(refused)?;
        refuse_retired(&records, line.id())?;
        self.keys.try_out(line).await?;
        key_file::add_key(self.keys.file()?, line, &sources::system())
            .map_err(|error| Failure::because("the key cannot be added", &error))?;
        control.add_kek(&self.new_kek(line)).await.map_err(refused)
    }

    fn new_kek(&self, line: &KeyLine) -> NewKek {
        NewKek { id: line.id().to_owned(), provider: self.keys.provider(line).to_owned() }
    }

    async fn rotate(self, to: Option<&str>) -> Result<(), Failure> {
        let (control, _lock) = self.unlock().await?;
        let found = self.keys.present(false).await?;
        let wraps = found.wanted()?;
        let waiting = waiting(&found.records, &wraps);
        let target = match to {
            Some(to) => self.named(&control, &found, to).await?,
            // A former run was broken off: it is finished, and no further key is made.
            None if waiting > 0 => wraps.clone(),
            None => self.next(&control, &found).await?,
        };
        let found = self.keys.present(false).await?;
        self.keys.try_out(found.line(&target)?).await?;
        let vault = self.keys.open_vault().await?;
        vault.replace_keyring(self.keys.keyring(&found, &target)?);
        let control = self.control(vault)?;
        if target != wraps {
            control.wrap_with_kek(&self.new_kek(found.line(&target)?)).await.map_err(refused)?;
            eprintln!("{target} wraps from now on");
        }
        self.rewrap(&control, &target).await?;
        self.store.close().await;
        Ok(())
    }

    /// The key that the operator asked for.
    async fn named(&self, control: &Control, found: &Present, to: &str) -> Result<String, Failure> {
        let id = if to.contains(':') { of_reference(to)?.id().to_owned() } else { to.to_owned() };
        refuse_retired(&found.records, &id)?;
        if found.line(&id).is_err() {
            if !to.contains(':') {
                return Err(Failure::new(format!(
                    "the keyring has no key {id}; `freehold keys list` shows those there are, `freehold keys add` adds one"
                )));
            }
            self.put_into_keyring(control, &of_reference(to)?).await?;
        }
        Ok(id)
    }

    /// A new key, or the one that a run which was broken off has put into the file already.
    async fn next(&self, control: &Control, found: &Present) -> Result<String, Failure> {
        if let Some(line) = unused(found).find(|line| line.local().is_some()) {
            return Ok(line.id().to_owned());
        }
        let line = KeyLine::of(Kek::generate(&sources::system()));
        self.put_into_keyring(control, &line).await?;
        Ok(line.id().to_owned())
    }

    async fn rewrap(&self, control: &Control, target: &str) -> Result<(), Failure> {
        let total = waiting(&control.keks().await.map_err(refused)?, target);
        let tell = |so_far: Rewrapped| eprintln!("wrapped anew: {} of {total}", so_far.done);
        let done = control.rewrap_customer_keys(tell).await.map_err(|error| {
            Failure::new(format!("{}; what was wrapped stays so: run the same command again", refused(error)))
        })?;
        let left = waiting(&control.keks().await.map_err(refused)?, target);
        print(&format!("wraps: {target}\nwrapped anew: {}\n", done.done));
        if done.broken > 0 {
            return Err(Failure::new(format!(
                "{} customers' keys do not open and stay under the former key; the log above names them: restore these rows \
                 from a backup, or delete the customers",
                done.broken
            )));
        }
        if left > 0 {
            return Err(Failure::new(format!(
                "{left} customers' keys came under another key meanwhile; run `freehold keys rotate` again"
            )));
        }
        eprintln!("Back the key file up. `freehold keys list` shows which former keys can be retired.");
        Ok(())
    }

    async fn retire(self, id: &str) -> Result<(), Failure> {
        let (control, _lock) = self.unlock().await?;
        control.retire_kek(id).await.map_err(|error| why_not_retired(id, error))?;
        let found = self.keys.present(false).await?;
        if let (Ok(_), Ok(path)) = (found.line(id), self.keys.file()) {
            key_file::remove_key(path, id, &sources::system())
                .map_err(|error| Failure::because("the key is retired, but stays in the file", &error))?;
        } else if found.line(id).is_ok() {
            eprintln!("Take it out of FREEHOLD_KEK as well.");
        }
        self.store.close().await;
        print(&format!("retired: {id}\n"));
        Ok(())
    }
}

/// Keys that the keyring has and the database never heard of.
fn unused(found: &Present) -> impl Iterator<Item = &KeyLine> {
    found.lines.iter().filter(|line| found.records.iter().all(|record| record.id != line.id()))
}

/// How many customers' keys are not under `wraps`.
fn waiting(records: &[KekRecord], wraps: &str) -> u64 {
    records.iter().filter(|record| record.id != wraps).map(|record| record.wraps).sum()
}

fn refuse_retired(records: &[KekRecord], id: &str) -> Result<(), Failure> {
    match records.iter().find(|record| record.id == id && record.state == KekState::Retired) {
        Some(_) => Err(Failure::new(format!("{id} was retired and is never used again; make a new key"))),
        None => Ok(()),
    }
}

fn of_reference(text: &str) -> Result<KeyLine, Failure> {
    match KeyLine::parse(text) {
        Ok(line) if line.local().is_some() => Err(Failure::new(
            "a key itself does not belong on the command line, where others can read it: put it into a file of mode 0600 and \
             give that with --from-file",
        )),
        Ok(line) => Ok(line),
        Err(_) => Err(Failure::new("this names no key of a key service: write transit:MOUNT/NAME or aws-kms:KEY")),
    }
}

fn of_key_file(path: &std::path::Path) -> Result<KeyLine, Failure> {
    let mut lines = key_file::load_file(path).map_err(|error| Failure::because("the key cannot be read", &error))?;
    match (lines.pop(), lines.is_empty()) {
        (Some(line), true) => Ok(line),
        _ => Err(Failure::new(format!("{}: one key at a time: put it into a file of its own", path.display()))),
    }
}

fn why_not_retired(id: &str, error: ControlError) -> Failure {
    match error {
        ControlError::NotFound { .. } => {
            Failure::new(format!("there is no key {id}; `freehold keys list` shows those there are"))
        }
        ControlError::Conflict(Conflict { message, .. }) => Failure::new(format!(
            "{id} cannot be retired: {message}; `freehold keys rotate` wraps everything with another"
        )),
        other => refused(other),
    }
}
