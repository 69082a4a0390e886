//! Puts the crates together: who gets which of the others.

use std::sync::Arc;

use freehold_catalogue::{Catalogue, Trust};
use freehold_control::{Control, Parts};
use freehold_model::Sources;
use freehold_model::lane::{Lane, LaneListener};
use freehold_pipeline::{Pipeline, PipelineParts};
use freehold_sandbox::{CompilerProcess, Limits, Sandbox, SandboxConfig};
use freehold_store::{Store, StoreError};
use freehold_vault::{Kek, Keyring, Vault};

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::plugin_folders;

/// What code is compiled under: the name of the key that authenticates the code cache.
const CODE_KEY_PURPOSE: &str = "code cache";
/// The same while components without a signature may run.
const UNSIGNED_CODE_KEY_PURPOSE: &str = "code cache, unsigned too";

/// Opens the database.
pub(crate) async fn open_store(config: &Config, sources: &Sources) -> Result<Store, Failure> {
    if let Some(url) = &config.database {
        let host = DataDir::at(&config.data).host(sources)?;
        return Store::connect(url.reveal(), &host, sources.clone())
            .await
            .map_err(|error| Failure::because(format!("{url:?}: the database cannot be used"), &error));
    }
    let path = DataDir::at(&config.data).database();
    Store::open(&path, sources.clone())
        .await
        .map_err(|error| Failure::because(format!("{}: the database cannot be opened", path.display()), &error))
}

/// The sandbox that a server delivers with.
pub(crate) fn serving_sandbox(
    config: &Config,
    data: &DataDir,
    vault: &Vault,
    sources: &Sources,
) -> Result<Sandbox, Failure> {
    let sandbox = SandboxConfig {
        limits: config.limits.clone(),
        egress: config.egress.door()?,
        code_cache: Some(data.code()),
        always_fresh: config.always_fresh,
        compiler: Some(compiler()),
    };
    // What was compiled without a signature counts only while the settings let it.
    let purpose = if config.trust.allow_unsigned { UNSIGNED_CODE_KEY_PURPOSE } else { CODE_KEY_PURPOSE };
    Sandbox::new(sandbox, vault.derive_key(purpose), sources.clone())
        .map_err(|error| Failure::because("the sandbox cannot be set up", &error))
}

/// This program, to be started once more for each component that is compiled. By this path it is the same program even
/// after its file was replaced by a newer one.
fn compiler() -> CompilerProcess {
    CompilerProcess { program: "/proc/self/exe".into(), arguments: vec!["compile-component".into()] }
}

/// The destination types that are installed, those in the operator's folders among them.
pub(crate) async fn open_catalogue(
    config: &Config,
    data: &DataDir,
    store: &Store,
    sandbox: &Sandbox,
    vault: &Arc<Vault>,
) -> Result<Catalogue, Failure> {
    let unreadable = |error: StoreError| Failure::because("the installed destination types cannot be read", &error);
    let trust = config.trust.trust()?;
    let parts =
        freehold_catalogue::Parts { store: store.clone(), sandbox: sandbox.clone(), vault: vault.clone(), trust };
    let catalogue = Catalogue::new(parts);
    catalogue.look_around().await.map_err(unreadable)?;
    plugin_folders::install(&catalogue, &plugin_folders::folders(config, data)?).await?;
    catalogue.look_around().await.map_err(unreadable)?;
    store.pin_unpinned_across_tenants().await.map_err(unreadable)?;
    catalogue.prepare().await.map_err(unreadable)?;
    Ok(catalogue)
}

/// A sandbox that only checks components: it has room for one instance, and keeps no code.
pub(crate) fn checking_sandbox(limits: &Limits, sources: &Sources) -> Result<Sandbox, Failure> {
    let limits = Limits { instances: 1, ..limits.clone() };
    let sandbox = SandboxConfig { limits, compiler: Some(compiler()), ..SandboxConfig::default() };
    Sandbox::new(sandbox, throwaway_vault(sources).derive_key(CODE_KEY_PURPOSE), sources.clone())
        .map_err(|error| Failure::because("the sandbox cannot be set up", &error))
}

/// A sandbox that delivers for whoever writes a destination type: through the same door as the server's, and it keeps no code.
pub(crate) fn trying_sandbox(config: &Config, sources: &Sources) -> Result<Sandbox, Failure> {
    let limits = Limits { instances: 2, ..config.limits.clone() };
    let sandbox =
        SandboxConfig { limits, egress: config.egress.door()?, code_cache: None, compiler: None, always_fresh: true };
    Sandbox::new(sandbox, throwaway_vault(sources).derive_key(CODE_KEY_PURPOSE), sources.clone())
        .map_err(|error| Failure::because("the sandbox cannot be set up", &error))
}

/// The pipeline, delivering already, and the use-cases that tell it of changes.
pub(crate) async fn start(
    config: &Config,
    store: Store,
    vault: Arc<Vault>,
    sandbox: Sandbox,
    catalogue: Catalogue,
    sources: Sources,
    registry: prometheus::Registry,
) -> Result<(Pipeline, Control), Failure> {
    let pipeline = Pipeline::start(PipelineParts {
        store: store.clone(),
        vault: vault.clone(),
        sandbox: sandbox.clone(),
        catalogue: catalogue.clone(),
        sources: sources.clone(),
        config: config.delivery.clone(),
        registry,
    })
    .await
    .map_err(|error| Failure::because("the delivery engine cannot start", &error))?;
    let lanes = pipeline.listener();
    let control = Control::new(Parts { store, vault, sandbox: Arc::new(sandbox), catalogue, lanes, sources });
    Ok((pipeline, control))
}

/// The use-cases about tenants and API keys, for a command that runs beside the server on the same database. They touch
/// neither credentials nor plugins, so the vault and the sandbox behind them are empty ones.
pub(crate) fn operator_control(store: Store, sources: Sources) -> Result<Control, Failure> {
    let vault = throwaway_vault(&sources);
    keys_control(store, vault, sources)
}

/// The use-cases about key-encryption keys, for a command that runs beside the server. The sandbox behind them is empty.
pub(crate) fn keys_control(store: Store, vault: Vault, sources: Sources) -> Result<Control, Failure> {
    let sandbox = checking_sandbox(&Limits::default(), &sources)?;
    Ok(control_over(store, Arc::new(vault), sandbox, Trust::default(), sources))
}

/// The use-cases about installed types, for a command that runs beside the server: it checks components, and runs none.
pub(crate) async fn types_control(config: &Config, store: Store, sources: Sources) -> Result<Control, Failure> {
    let limits = Limits { instances: 1, ..config.limits.clone() };
    let sandbox =
        SandboxConfig { limits, egress: config.egress.door()?, compiler: Some(compiler()), ..SandboxConfig::default() };
    let vault = Arc::new(throwaway_vault(&sources));
    let sandbox = Sandbox::new(sandbox, vault.derive_key(CODE_KEY_PURPOSE), sources.clone())
        .map_err(|error| Failure::because("the sandbox cannot be set up", &error))?;
    let control = control_over(store, vault, sandbox, config.trust.trust()?, sources);
    control.look_at_types().await.map_err(|error| Failure::new(crate::failure::chain(&error)))?;
    Ok(control)
}

fn control_over(store: Store, vault: Arc<Vault>, sandbox: Sandbox, trust: Trust, sources: Sources) -> Control {
    let parts =
        freehold_catalogue::Parts { store: store.clone(), sandbox: sandbox.clone(), vault: vault.clone(), trust };
    let (sandbox, catalogue) = (Arc::new(sandbox), Catalogue::new(parts));
    Control::new(Parts { store, vault, sandbox, catalogue, lanes: Arc::new(NoLanes), sources })
}

fn throwaway_vault(sources: &Sources) -> Vault {
    Vault::new(Keyring::new(Kek::generate(sources), Vec::new()), sources.clone())
}

/// For commands that change no lane.
struct NoLanes;

impl LaneListener for NoLanes {
    fn wake(&self, _lane: &Lane) {}

    fn retire(&self, _lane: &Lane) {}

    fn revoke(&self, _lane: &Lane, _version: u32) {}
}
