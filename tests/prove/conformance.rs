//! Every shipped type keeps the contract, and types that break it in one way are caught by the one check that is for it.

mod unfaithful;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use freehold_sandbox::Limits;
use freehold_sandbox::conformance::{Candidate, Report, Script, Verdict, Wish as Asked};
use freehold_tests::trouble::Trouble;
use freehold_tests::{Result, places, trouble};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::Wish;
use crate::proof::Proof;

/// Examinations under way at once: most of their time is waiting.
const AT_ONCE: usize = 3;

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let mut proof = Proof::of("conformance");
    let mut figures = Figures::default();
    let with_script = |component: PathBuf| {
        let name = component.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let script = places::root().join("plugins").join(name).join("conformance.json");
        (component, Some(script))
    };
    let mut components: Vec<_> = shipped()?.into_iter().map(with_script).collect();
    components.extend(wish.components.iter().map(|component| (component.clone(), beside(component))));
    let reports: Vec<(PathBuf, Report)> = stream::iter(components)
        .map(async |(component, script): (PathBuf, Option<PathBuf>)| {
            let report = examined(&component, script.as_deref()).await?;
            Ok::<_, Trouble>((component, report))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (component, report) in reports {
        judge(&component, &report, &mut proof, &mut figures);
    }
    let caught = unfaithful::check(&mut proof, wish.short).await?;
    proof.figure("checks_passed", figures.passed);
    proof.figure("checks_skipped", figures.skipped);
    proof.figure("checks_failed", figures.failed);
    proof.figure("faults_tried", caught);
    Ok(proof)
}

#[derive(Default)]
struct Figures {
    passed: usize,
    skipped: usize,
    failed: usize,
}

/// The components in target/plugins.
fn shipped() -> Result<Vec<PathBuf>> {
    let folder = places::target().join("plugins");
    let missing = |_| trouble("target/plugins is missing: run cargo xtask plugins");
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).map_err(missing)?.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    found.sort();
    Ok(found)
}

/// The script of a component of the asker's own.
fn beside(component: &Path) -> Option<PathBuf> {
    let own = component.with_extension("conformance.json");
    [own, component.with_file_name("conformance.json")].into_iter().find(|file| file.is_file())
}

/// Examines one component with its script, if that is there.
async fn examined(component: &Path, script: Option<&Path>) -> Result<Report> {
    let bytes = std::fs::read(component).map_err(|error| trouble(format!("{}: {error}", component.display())))?;
    let script = match script.filter(|script| script.is_file()) {
        Some(file) => Script::parse(&std::fs::read_to_string(file)?)
            .map_err(|error| trouble(format!("{}: {error}", file.display())))?,
        None => Script::default(),
    };
    let mut relays = HashMap::new();
    for (endpoint, address) in &script.relay {
        let address =
            address.parse().map_err(|_| trouble(format!("{address} is no address to relay {endpoint} to")))?;
        relays.insert(endpoint.clone(), address);
    }
    let candidate = Candidate::load(bytes, &Limits::default()).await?;
    Ok(candidate.examine(&Asked { script, relays, ..Asked::default() }).await?)
}

fn judge(component: &Path, report: &Report, proof: &mut Proof, figures: &mut Figures) {
    let name = component.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let wrong = report.checks.iter().filter_map(|checked| match &checked.verdict {
        Verdict::Failed { findings } => {
            let told = findings.first().map_or("", |finding| finding.happened.as_str());
            Some(format!("{}: {told}", checked.check))
        }
        _ => None,
    });
    let wrong: Vec<String> = wrong.collect();
    let tried = report.passed() + report.failed();
    proof.group(format!("{name}: every check that can be made"), tried, &wrong);
    if report.skipped() > 0 {
        let skipped = report.checks.iter().filter(|checked| matches!(checked.verdict, Verdict::Skipped { .. }));
        let names: Vec<&str> = skipped.map(|checked| checked.check).collect();
        println!("  {name}: skipped {}", names.join(", "));
    }
    figures.passed += report.passed();
    figures.skipped += report.skipped();
    figures.failed += report.failed();
}
