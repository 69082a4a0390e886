//! The sandbox as the rest of the host sees it: load types, start instances, keep them warm.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_model::attempt::AttemptReport;
use freehold_model::secret::SecretFields;
use freehold_model::{DestinationId, ErrorKind, Failure, Secret, Sources};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Store};

use crate::capabilities::http::HeaderNames;
use crate::capabilities::stream::OpenStreams;
use crate::code_cache::{self, CodeCache, Kept};
use crate::compiler::{Compiler, CompilerProcess};
use crate::destination_type::{Description, DestinationType};
use crate::egress::{Door, EgressConfig, EndpointPolicy, SystemResolver};
use crate::engine;
use crate::instance::{Assignment, Ended, Instance, InstanceKey, VersionFields, explain, not_startable};
use crate::interface::destination_0_1::{Destination, DestinationPre, INTERFACES, PACKAGE};
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::places::Places;
use crate::pool::Pool;
use crate::recorder::Recorder;
use crate::refusal::Refusal;
use crate::revocation::{Revocations, Revoked};
use crate::scrub::Scrubber;
use crate::state::{Beside, Call, CpuMeter, Growth, HostState, on_tick};

/// How the sandbox is set up.
#[derive(Debug, Clone, Default)]
pub struct SandboxConfig {
    /// Bounds on components and instances.
    pub limits: Limits,
    /// What the egress door allows.
    pub egress: EgressConfig,
    /// Where compiled code is kept between starts; `None` compiles at each start.
    pub code_cache: Option<PathBuf>,
    /// Whether every batch gets a fresh instance, whatever its type says.
    pub always_fresh: bool,
    /// The process that compiles; `None` compiles in this one.
    pub compiler: Option<CompilerProcess>,
}

/// Why the sandbox cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine refuses its settings.
    #[error("the WebAssembly engine cannot be set up: {0}")]
    Engine(String),
}

/// Runs destination types. Clones share one engine.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

struct Shared {
    engine: Engine,
    linker: Linker<HostState>,
    cache: Arc<CodeCache>,
    compiler: Arc<Compiler>,
    door: Door,
    limits: Arc<Limits>,
    always_fresh: bool,
    places: Arc<Places>,
    pool: Pool,
    revocations: Revocations,
    sources: Sources,
}

impl Sandbox {
    /// Sets the sandbox up. `code_key` authenticates compiled code that is kept between starts.
    ///
    /// # Errors
    /// When the engine refuses its settings, for example because the machine's address space is too small for
    /// `limits.instances` memories.
    pub fn new(config: SandboxConfig, code_key: Secret, sources: Sources) -> Result<Sandbox, SandboxError> {
        let resolver = Arc::new(SystemResolver::asking(&config.egress.name_servers));
        let door = Door::new(config.egress.clone(), resolver);
        Self::with_door(config, door, code_key, sources)
    }

    /// The same with a door of one's own, whose resolver may be scripted.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_door(
        config: SandboxConfig,
        door: Door,
        code_key: Secret,
        sources: Sources,
    ) -> Result<Sandbox, SandboxError> {
        let failed = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let engine = engine::build(&config.limits).map_err(failed)?;
        let places = Arc::new(Places::new(config.limits.instances));
        let mut linker = Linker::new(&engine);
        Destination::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut HostState| state).map_err(failed)?;
        Ok(Sandbox(Arc::new(Shared {
            engine,
            linker,
            cache: Arc::new(CodeCache::new(config.code_cache, code_key)),
            compiler: Arc::new(Compiler::new(config.compiler)),
            door,
            limits: Arc::new(config.limits),
            always_fresh: config.always_fresh,
            places,
            pool: Pool::new(),
            revocations: Revocations::default(),
            sources,
        })))
    }

    /// A sandbox behind another door and with other sources, which runs what this one has loaded.
    pub(crate) fn behind(&self, door: Door, sources: Sources) -> Sandbox {
        let shared = &self.0;
        Sandbox(Arc::new(Shared {
            engine: shared.engine.clone(),
            linker: shared.linker.clone(),
            cache: shared.cache.clone(),
            compiler: shared.compiler.clone(),
            door,
            limits: shared.limits.clone(),
            always_fresh: shared.always_fresh,
            places: shared.places.clone(),
            pool: Pool::new(),
            revocations: Revocations::default(),
            sources,
        }))
    }

    /// Checks a component and makes it ready to run. Nothing of it runs yet.
    ///
    /// # Errors
    /// Why it cannot be a destination type.
    pub async fn load(&self, bytes: Vec<u8>) -> Result<DestinationType, Refusal> {
        let bytes = Arc::new(bytes);
        let (shared, component) = (self.0.clone(), bytes.clone());
        let (manifest, digest, kept) = blocking(move || shared.examine(&component)).await?;
        if let Some(kept) = kept {
            return self.0.finish(kept.manifest, digest, kept.bytes, &kept.component);
        }
        // What is wrong with the schemas is told before anything is compiled.
        Description::new(manifest.clone(), digest.clone(), Vec::new(), bytes.len())?;
        let code = match &*self.0.compiler {
            Compiler::Apart(process, places) => Some(process.compile(places, &self.0.limits, &bytes).await?),
            Compiler::Here => None,
        };
        let shared = self.0.clone();
        blocking(move || shared.adopt(manifest, digest, &bytes, code)).await
    }

    /// The type with this digest from compiled code that was kept, if it was.
    ///
    /// # Errors
    /// Why it cannot be a destination type any more.
    pub async fn load_kept(&self, digest: &str) -> Result<Option<DestinationType>, Refusal> {
        let (shared, digest) = (self.0.clone(), digest.to_owned());
        blocking(move || match shared.cache.find(&shared.engine, &digest) {
            Some(kept) => shared.finish(kept.manifest, digest, kept.bytes, &kept.component).map(Some),
            None => Ok(None),
        })
        .await
    }

    /// The egress door, for checks without dialling.
    pub fn door(&self) -> &Door {
        &self.0.door
    }

    /// A warm instance of exactly this key, if one is waiting.
    pub fn take_warm(&self, key: &InstanceKey) -> Option<Instance> {
        self.0.pool.take(key)
    }

    /// Starts a new instance and opens it with its config. Waits for a place when all are taken.
    ///
    /// # Errors
    /// Why it could not be started, or why the plugin refused the config.
    pub async fn start(&self, assignment: Assignment<'_>) -> Result<Instance, Ended> {
        let config = assignment.config.to_string();
        let mut instance = self.instantiate(assignment).await.map_err(ended)?;
        instance.open(config).await?;
        Ok(instance)
    }

    /// Takes an instance back after its batch, and keeps it warm if it may be and nobody waits for its place.
    pub fn release(&self, instance: Instance) {
        let fresh = self.0.always_fresh || instance.store.data().destination_type.manifest.fresh;
        if !fresh {
            self.0.pool.put(instance, &self.0.limits);
            // The one that has waited longest goes, which is seldom the one that just came.
            if self.0.places.are_wanted() {
                self.0.pool.evict();
            }
        }
    }

    /// Drops the warm instances of a destination now, and those at work when they are released.
    pub fn retire(&self, destination: &DestinationId) {
        self.0.pool.retire(destination);
    }

    /// Takes a credential version back: instances at work with it are cut off at their next call to the host, and none that
    /// knows it is used again.
    pub fn revoke(&self, destination: &DestinationId, version: u32) {
        self.0.revocations.revoke(destination, version);
        self.0.pool.retire(destination);
    }

    /// Drops warm instances that have waited too long. To be called every few seconds.
    pub fn sweep(&self) {
        let limits = &self.0.limits;
        self.0.pool.sweep(limits);
        self.0.revocations.sweep(Duration::from_millis(limits.warm_age_ms + limits.call_ms + limits.open_ms));
    }

    /// How many instances are warm and idle.
    pub fn warm(&self) -> usize {
        self.0.pool.len()
    }

    async fn instantiate(&self, assignment: Assignment<'_>) -> Result<Instance, Failure> {
        let shared = &self.0;
        let Assignment { key, destination_type, config, credential, beside } = assignment;
        let policy = EndpointPolicy::compile_for(&destination_type.manifest.endpoints, config, shared.door.config())
            .map(Arc::new)
            .map_err(|error| {
                Failure::new(
                    ErrorKind::Config,
                    "endpoint-invalid",
                    format!("the config names no usable endpoint: {error}"),
                )
            })?;
        let place = shared.place(destination_type.memory_bytes).await?;
        let state = HostState {
            table: table(&shared.limits),
            growth: Growth::new(destination_type.memory_bytes, &shared.limits),
            scrubber: scrubber(&destination_type, &credential, &beside),
            revoked: shared.revoked(&key),
            beside: shared.beside(&key, beside),
            version: key.credential_version,
            client: shared.door.client(policy.clone()),
            dials: shared.door.streams(policy),
            streams: OpenStreams::default(),
            customer: key.customer.clone(),
            destination: key.destination.clone(),
            sources: shared.sources.clone(),
            limits: shared.limits.clone(),
            recorder: Recorder::new(&shared.limits),
            header_names: HeaderNames::default(),
            call: Call::new(0, Duration::from_millis(shared.limits.open_ms)),
            cpu: Arc::new(CpuMeter::new()),
            destination_type: destination_type.clone(),
            credential,
        };
        let mut store = shared.store(state);
        let cpu = store.data().cpu.clone();
        let started = cpu.measure(destination_type.component.instantiate_async(&mut store)).await;
        let bindings = started.map_err(|error| match store.data().growth.refused {
            None if error.downcast_ref::<wasmtime::Trap>().is_none() => not_startable(&error),
            refused => explain(&error, refused),
        })?;
        Ok(Instance { key, store, bindings, born: Instant::now(), batches: 0, healthy: true, _place: place })
    }
}

/// Runs what takes a while where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Refusal::Compile(error.to_string())))
}

/// Takes the secrets of every version out of what is written down.
fn scrubber(destination_type: &DestinationType, credential: &SecretFields, beside: &[VersionFields]) -> Scrubber {
    let all = std::iter::once(credential).chain(beside.iter().map(|version| &version.fields));
    Scrubber::new(all, |field| destination_type.credential.is_secret(field))
}

fn ended(failure: Failure) -> Ended {
    Ended { failure, report: AttemptReport::default() }
}

fn table(limits: &Limits) -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles);
    table
}

impl Shared {
    /// Room for one more instance with this much memory: ends idle ones, and waits, when all is taken.
    async fn place(&self, memory_bytes: usize) -> Result<OwnedSemaphorePermit, Failure> {
        let taken = self.places.take(self.limits.places_for(memory_bytes), || self.pool.evict()).await;
        taken.ok_or_else(|| Failure::new(ErrorKind::Transient, "shutting-down", "the host is shutting down"))
    }

    fn revoked(&self, key: &InstanceKey) -> Revoked {
        key.credential_version.map(|version| self.revocations.flag(&key.destination, version)).unwrap_or_default()
    }

    fn beside(&self, key: &InstanceKey, beside: Vec<VersionFields>) -> Vec<Beside> {
        let with_flag = |VersionFields { version, fields }| Beside {
            version,
            fields,
            revoked: self.revocations.flag(&key.destination, version),
        };
        let mut beside: Vec<Beside> = beside.into_iter().map(with_flag).collect();
        beside.sort_by_key(|version| std::cmp::Reverse(version.version));
        beside
    }

    fn store(&self, state: HostState) -> Store<HostState> {
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.growth);
        store.set_hostcall_fuel(self.limits.crossing_bytes);
        store.set_max_component_handles(self.limits.handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(on_tick);
        store
    }

    /// What can be told without compiling: manifest, digest, and the code if it was kept.
    fn examine(&self, bytes: &[u8]) -> Result<(Manifest, String, Option<Kept>), Refusal> {
        self.check_form(bytes)?;
        let manifest = Manifest::extract(bytes)?;
        self.check_memory(&manifest)?;
        let digest = digest(bytes);
        let kept = self.cache.find(&self.engine, &digest);
        Ok((manifest, digest, kept))
    }

    /// Makes a type of a component whose code was compiled elsewhere, or is now.
    fn adopt(
        &self,
        manifest: Manifest,
        digest: String,
        bytes: &[u8],
        code: Option<Vec<u8>>,
    ) -> Result<DestinationType, Refusal> {
        let failed = |error: wasmtime::Error| Refusal::Compile(format!("{error:#}"));
        let component = match &code {
            Some(code) => code_cache::adopt(&self.engine, code).map_err(failed)?,
            None => Component::from_binary(&self.engine, bytes).map_err(failed)?,
        };
        let loaded = self.finish(manifest, digest, bytes.len(), &component)?;
        let code = match code {
            Some(code) => code,
            None => component.serialize().map_err(failed)?,
        };
        self.cache.keep(&self.engine, &loaded.digest, &loaded.manifest, bytes.len(), &code);
        Ok(loaded)
    }

    /// The last checks, for which the component must be compiled.
    fn finish(
        &self,
        manifest: Manifest,
        digest: String,
        bytes: usize,
        component: &Component,
    ) -> Result<DestinationType, Refusal> {
        let imports = self.check_imports(component)?;
        if imports.iter().any(|import| import.starts_with("freehold:destination/reveal")) && !manifest.reveal {
            let reason = "it imports `reveal`, so its manifest must say \"reveal\": true";
            return Err(Refusal::Manifest(reason.into()));
        }
        let contract = |error: wasmtime::Error| Refusal::Contract(format!("{error:#}"));
        let pre = self.linker.instantiate_pre(component).map_err(contract)?;
        let component = DestinationPre::new(pre).map_err(contract)?;
        let memory_bytes = self.check_memory(&manifest)?;
        let description = Description::new(manifest, digest, imports, bytes)?;
        Ok(DestinationType { description, memory_bytes, component })
    }

    fn check_form(&self, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.is_empty() {
            return Err(Refusal::Empty);
        }
        if bytes.len() > self.limits.component_bytes {
            return Err(Refusal::TooLarge { bytes: bytes.len(), max: self.limits.component_bytes });
        }
        if Engine::detect_precompiled(bytes).is_some() {
            return Err(Refusal::Precompiled);
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(Refusal::NotWasm);
        }
        if wasmparser::Parser::is_core_wasm(bytes) {
            return Err(Refusal::CoreModule);
        }
        Ok(())
    }

    /// The memory that an instance gets, unless it asks for more than it may.
    fn check_memory(&self, manifest: &Manifest) -> Result<usize, Refusal> {
        let (asked, max) = (self.limits.memory_for(manifest.memory_mib), self.limits.memory_of_the_largest());
        if asked > max { Err(Refusal::Memory { asked, max }) } else { Ok(asked) }
    }

    fn check_imports(&self, component: &Component) -> Result<Vec<String>, Refusal> {
        let mut imports = Vec::new();
        for (name, _) in component.component_type().imports(&self.engine) {
            let offered = name
                .strip_prefix(PACKAGE)
                .and_then(|rest| rest.split_once('@'))
                .is_some_and(|(interface, version)| INTERFACES.contains(&interface) && version.starts_with("0.1."));
            if name.starts_with("wasi:") {
                return Err(Refusal::Wasi { name: name.to_owned() });
            }
            if !offered {
                return Err(Refusal::UnknownImport { name: name.to_owned() });
            }
            imports.push(name.to_owned());
        }
        Ok(imports)
    }
}

fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
