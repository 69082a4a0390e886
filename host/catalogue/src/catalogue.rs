//! What is installed, in memory: looked up by tenant, name and digest, brought up to date while serving.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use freehold_model::destination::Destination;
use freehold_model::installed_type::{InstalledType, Running};
use freehold_model::{TenantId, Timestamp};
use freehold_sandbox::{DestinationType, Sandbox};
use freehold_store::{Store, StoreError};
use freehold_trust::digest;
use freehold_vault::Vault;

use crate::proof::Trust;
use crate::version::{Gone, LoadError, Version};

/// How many components are read and compiled at once: each may be large.
const LOADS_AT_ONCE: usize = 2;

/// What the catalogue works with.
pub struct Parts {
    /// Where components are kept.
    pub store: Store,
    /// What loads them.
    pub sandbox: Sandbox,
    /// What marks components of the operator's folders.
    pub vault: Arc<Vault>,
    /// Whom the operator trusts.
    pub trust: Trust,
}

/// The installed destination types. Clones share one.
#[derive(Clone)]
pub struct Catalogue(Arc<Inner>);

struct Inner {
    parts: Parts,
    versions: RwLock<Arc<Vec<Arc<Version>>>>,
    /// Held while somebody looks around; what they saw last.
    looking: tokio::sync::Mutex<Seen>,
    /// Told when the versions are others than before.
    changed: tokio::sync::Notify,
    loads: tokio::sync::Semaphore,
}

/// What was seen when somebody last looked around.
#[derive(Default)]
struct Seen {
    /// When they began.
    at: Option<Instant>,
    rows: Vec<InstalledType>,
}

impl Catalogue {
    /// A catalogue that knows of nothing yet.
    pub fn new(parts: Parts) -> Catalogue {
        Catalogue(Arc::new(Inner {
            parts,
            versions: RwLock::default(),
            looking: tokio::sync::Mutex::default(),
            changed: tokio::sync::Notify::new(),
            loads: tokio::sync::Semaphore::new(LOADS_AT_ONCE),
        }))
    }

    /// Whom the operator trusts.
    pub fn trust(&self) -> &Trust {
        &self.0.parts.trust
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// Every installed version, in the order of names; the deployment's before tenants', older before newer.
    pub fn all(&self) -> Arc<Vec<Arc<Version>>> {
        self.0.versions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The version of the type `name` that a new destination of `tenant` gets: the tenant's own before the deployment's.
    pub fn current(&self, tenant: &TenantId, name: &str) -> Option<Arc<Version>> {
        let all = self.all();
        let fits = |version: &&Arc<Version>| {
            let installed = version.installed();
            installed.name == name && installed.is_current && version.is_visible_to(tenant)
        };
        let found = all.iter().filter(fits).max_by_key(|version| version.installed().tenant.is_some())?;
        (!found.installed().is_disabled).then(|| found.clone())
    }

    /// What metrics, which anybody may read, call the type `name`: the name itself where the deployment has a type of that
    /// name, and one word for all that tenants installed for themselves.
    pub fn public_name<'n>(&self, name: &'n str) -> &'n str {
        let is_deployments = |version: &Arc<Version>| {
            let installed = version.installed();
            installed.tenant.is_none() && installed.name == name
        };
        if self.all().iter().any(is_deployments) { name } else { "of-a-tenant" }
    }

    /// Every type that `tenant` may make destinations of, in its current version, in the order of names.
    pub fn list(&self, tenant: &TenantId) -> Vec<Arc<Version>> {
        let mut names: Vec<String> = self.all().iter().map(|version| version.installed().name.clone()).collect();
        names.dedup();
        names.iter().filter_map(|name| self.current(tenant, name)).collect()
    }

    /// Every version of the type `name` that `tenant` may know of, or that anybody may when none is named.
    pub fn versions(&self, tenant: Option<&TenantId>, name: &str) -> Vec<Arc<Version>> {
        let visible = |version: &&Arc<Version>| tenant.is_none_or(|tenant| version.is_visible_to(tenant));
        self.all().iter().filter(|version| version.installed().name == name).filter(visible).cloned().collect()
    }

    /// The version that a destination runs.
    ///
    /// # Errors
    /// When it is not installed, or may not run.
    pub async fn of(&self, destination: &Destination) -> Result<Arc<Version>, Gone> {
        let found = match self.find(destination) {
            Some(found) => found,
            None => {
                // Another process may have installed it a moment ago.
                if let Err(error) = self.look_again().await {
                    tracing::warn!(%error, "the installed destination types cannot be read");
                    return Err(Gone::Unknown);
                }
                self.find(destination).ok_or(Gone::Missing)?
            }
        };
        if found.installed().is_disabled { Err(Gone::Disabled) } else { Ok(found) }
    }

    fn find(&self, destination: &Destination) -> Option<Arc<Version>> {
        let Some(digest) = &destination.component_digest else {
            return self.current(&destination.tenant, &destination.type_name);
        };
        let all = self.all();
        let fits = |version: &&Arc<Version>| {
            version.installed().digest == *digest
                && version.installed().name == destination.type_name
                && version.is_visible_to(&destination.tenant)
        };
        // Installed for the tenant and for the deployment alike, it may run as long as one of them is not disabled.
        all.iter().filter(fits).min_by_key(|version| version.installed().is_disabled).cloned()
    }

    /// The code of a version, loaded when it is first wanted.
    ///
    /// # Errors
    /// When it is stored no more, may not run, or cannot be compiled. The next call tries again.
    pub async fn code(&self, version: &Version) -> Result<Arc<DestinationType>, LoadError> {
        let load = || async { self.load(version.installed()).await.map(Arc::new) };
        version.code.get_or_try_init(load).await.cloned()
    }

    async fn load(&self, installed: &InstalledType) -> Result<DestinationType, LoadError> {
        let Parts { store, sandbox, vault, trust } = &self.0.parts;
        if let Some(kept) = sandbox.load_kept(&installed.digest).await? {
            return Ok(kept);
        }
        // Never closed; were it, one more would be loaded.
        let _place = self.0.loads.acquire().await;
        let stored = store.component_across_tenants(installed.tenant.as_ref(), &installed.digest).await?;
        let stored = stored.ok_or(LoadError::Missing)?;
        if digest(&stored.component) != installed.digest {
            return Err(LoadError::Changed);
        }
        trust.check(&stored, vault).map_err(LoadError::Untrusted)?;
        Ok(sandbox.load(stored.component).await?)
    }

    /// Looks for what others installed or changed. True when something is different.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look_around(&self) -> Result<bool, StoreError> {
        let mut seen = self.0.looking.lock().await;
        self.look(&mut seen).await
    }

    /// The same, unless somebody began to look after this was asked for.
    async fn look_again(&self) -> Result<(), StoreError> {
        let asked = Instant::now();
        let mut seen = self.0.looking.lock().await;
        match seen.at {
            Some(at) if at >= asked => Ok(()),
            _ => self.look(&mut seen).await.map(drop),
        }
    }

    async fn look(&self, seen: &mut Seen) -> Result<bool, StoreError> {
        let began = Instant::now();
        let rows = self.0.parts.store.installed_types_across_tenants().await?;
        seen.at = Some(began);
        // Compared with what was read, not with what could be made of it: what cannot be read is told once.
        if seen.rows == rows {
            return Ok(false);
        }
        seen.rows.clone_from(&rows);
        let known = self.all();
        let versions = rows.into_iter().filter_map(|row| renewed(&known, row)).map(Arc::new).collect();
        *self.0.versions.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(versions);
        self.0.changed.notify_one();
        Ok(true)
    }

    /// Loads what new destinations get and what destinations run, so that no delivery has to wait for a compiler. What cannot
    /// be loaded is told, and tried again when it is wanted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        let running = self.0.parts.store.running_types_across_tenants().await?;
        let mut loading = tokio::task::JoinSet::new();
        let mut wanted = self.all().to_vec();
        wanted.retain(|version| is_wanted(version, &running));
        for version in wanted {
            let catalogue = self.clone();
            loading.spawn(async move {
                if let Err(error) = catalogue.code(&version).await {
                    let installed = version.installed();
                    tracing::error!(
                        name = installed.name,
                        version = installed.version,
                        digest = installed.digest,
                        error = &error as &dyn std::error::Error,
                        "an installed destination type cannot be loaded: its deliveries wait"
                    );
                }
            });
        }
        while loading.join_next().await.is_some() {}
        Ok(())
    }

    /// Looks around and prepares what is new, for ever. `wake` is called after something changed.
    pub async fn keep_looking(self, every: Duration, wake: impl Fn() + Clone + Send + 'static) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => match self.look_around().await {
                    Ok(_) => {}
                    Err(StoreError::Closed) => return,
                    Err(error) => tracing::warn!(%error, "the installed destination types cannot be read"),
                },
                () = self.0.changed.notified() => {
                    wake();
                    let (catalogue, wake) = (self.clone(), wake.clone());
                    // Apart: compiling takes a while, and what is disabled meanwhile must be heard of.
                    tokio::spawn(async move {
                        if let Err(error) = catalogue.prepare().await {
                            tracing::warn!(%error, "the destinations of installed types cannot be counted");
                        }
                        wake();
                    });
                }
            }
        }
    }
}

/// The version that `row` tells of: known before, or new.
fn renewed(known: &[Arc<Version>], row: InstalledType) -> Option<Version> {
    let same = |version: &&Arc<Version>| {
        let installed = version.installed();
        installed.digest == row.digest && installed.tenant == row.tenant && installed.manifest == row.manifest
    };
    if let Some(version) = known.iter().find(same) {
        return Some(version.again(row));
    }
    let (name, digest, at) = (row.name.clone(), row.digest.clone(), row.installed_at);
    match Version::new(row) {
        Ok(version) => {
            note(&version, at);
            Some(version)
        }
        Err(error) => {
            tracing::error!(name, digest, %error, "what was recorded of an installed destination type cannot be read");
            None
        }
    }
}

fn note(version: &Version, at: Timestamp) {
    let installed = version.installed();
    tracing::info!(
        name = installed.name,
        version = installed.version,
        digest = installed.digest,
        tenant.id = installed.tenant.as_ref().map(TenantId::as_str),
        installed_at = %at,
        "found an installed destination type"
    );
}

fn is_wanted(version: &Version, running: &[Running]) -> bool {
    let installed = version.installed();
    let runs = |running: &Running| {
        running.name == installed.name
            && running.digest.as_ref().is_none_or(|digest| *digest == installed.digest)
            && version.is_visible_to(&running.tenant)
    };
    !installed.is_disabled && (installed.is_current || running.iter().any(runs))
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalogue")
    }
}
