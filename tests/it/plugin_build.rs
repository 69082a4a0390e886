//! From a folder to a component: `freehold plugin build`, and what `freehold plugin inspect` then says of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use freehold_tests::host::bare_command;
use freehold_tests::{Result, peers, places, trouble};
use serde_json::{Value, json};

/// A plugin in Rust as `freehold plugin new` makes it. Cargo takes two packages of one name for the same wherever they lie, so
/// each test has its own.
fn begun(folder: &Path, name: &str) -> Result<PathBuf> {
    let project = folder.join(name);
    let mut new = bare_command()?;
    new.args(["plugin", "new", name, "--folder"]).arg(&project);
    let output = new.arg("--sdk").arg(places::root().join("sdk")).output()?;
    assert!(output.status.success(), "{}", told(&output));
    // The versions that the shipped types are built with, so that this builds the same thing each time.
    std::fs::copy(places::root().join("plugins/Cargo.lock"), project.join("Cargo.lock"))?;
    Ok(project)
}

/// `freehold plugin build`, which keeps what it fetches and compiles between runs.
fn build(project: &Path) -> Result<Command> {
    let mut command = bare_command()?;
    command.args(["plugin", "build"]).arg(project).arg("--cache").arg(places::target().join("peers/plugin-tools"));
    command.env("CARGO_TARGET_DIR", places::target().join("plugin-new")).env_remove("RUSTFLAGS");
    Ok(command)
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_folder_in_rust_becomes_a_component_that_says_what_it_asks_for() -> Result {
    let folder = tempfile::tempdir()?;
    let project = begun(folder.path(), "well-built")?;

    let built = build(&project)?.arg("--json").output()?;
    let component = project.join("dist/well-built.wasm");
    let mut inspect = bare_command()?;
    let in_words = inspect.args(["plugin", "inspect"]).arg(&component).output()?;

    assert!(built.status.success(), "{}", told(&built));
    let said: Value = serde_json::from_slice(&built.stdout)?;
    assert_eq!(said["file"], json!(component));
    assert_eq!(said["size_bytes"], json!(std::fs::metadata(&component)?.len()));
    assert_eq!(said["manifest"]["name"], "well-built");
    assert_eq!(said["endpoints"], json!(["{url}"]));
    assert!(said["initial_memory_bytes"].as_u64().is_some_and(|bytes| (1 << 16..1 << 21).contains(&bytes)), "{said}");
    let permissions = said["permissions"].as_array().cloned().unwrap_or_default();
    let imports: Vec<&str> = permissions.iter().filter_map(|permission| permission["import"].as_str()).collect();
    assert!(imports.contains(&"freehold:destination/http@0.1.0"), "{imports:?}");
    assert!(!imports.iter().any(|import| import.contains("reveal") || import.contains("wasi")), "{imports:?}");
    let in_words = told(&in_words);
    for word in ["well-built 0.1.0", "digest: sha256:", "memory: ", "send HTTP requests to the endpoints above"] {
        assert!(in_words.contains(word), "{word}: {in_words}");
    }
    Ok(())
}

#[test]
fn what_the_compiler_says_is_shown_as_it_is() -> Result {
    let folder = tempfile::tempdir()?;
    let project = begun(folder.path(), "not-built")?;
    let source = project.join("src/lib.rs");
    let text = std::fs::read_to_string(&source)?;
    std::fs::write(&source, format!("{text}\nfn broken() -> u32 {{ \"three\" }}\n"))?;

    let output = build(&project)?.output()?;

    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let told = told(&output);
    assert!(told.contains("error[E0308]") && told.contains("\"three\""), "{told}");
    assert!(told.contains("what the compiler said is above"), "{told}");
    assert!(!project.join("dist").exists(), "nothing is left that could be taken for a component");
    Ok(())
}

#[test]
fn a_folder_in_typescript_needs_nothing_but_its_sources_and_its_manifest() -> Result {
    let project = tempfile::tempdir()?;
    let at = |name: &str| project.path().join(name);
    std::fs::create_dir(at("src"))?;
    std::fs::write(at("package.json"), r#"{ "private": true, "type": "module" }"#)?;
    std::fs::write(at("manifest.json"), manifest().to_string())?;
    std::fs::write(at("src/limit.ts"), "export const limit: number = 3;\n")?;
    std::fs::write(
        at("src/plugin.ts"),
        "import { limit } from \"./limit.ts\";\n\
         import { log } from \"freehold:destination/log@0.1.0\";\n\
         export const sink = {\n\
           open(config: string): void { log(\"info\", `${limit} ${config.length}`); },\n\
           deliver(batch: { events: unknown[] }) { return batch.events.map(() => ({ tag: \"ok\", val: undefined })); },\n\
           verify(): void {},\n\
         };\n",
    )?;

    let built = build(project.path())?.arg("--json").output()?;

    if built.status.code() == Some(2) {
        peers::if_it_can_be_had::<()>(Err(trouble(told(&built))), "a plugin in TypeScript")?;
        return Ok(());
    }
    assert!(built.status.success(), "{}", told(&built));
    let said: Value = serde_json::from_slice(&built.stdout)?;
    let permissions = said["permissions"].as_array().cloned().unwrap_or_default();
    let mut imports: Vec<&str> = permissions.iter().filter_map(|permission| permission["import"].as_str()).collect();
    imports.sort_unstable();
    let wanted = ["context", "credential", "log", "random", "stream", "types"];
    assert_eq!(
        imports.iter().map(|import| import.trim_start_matches("freehold:destination/")).collect::<Vec<_>>(),
        wanted.map(|name| format!("{name}@0.1.0")),
        "what its endpoints have a use for, and no more"
    );
    assert_eq!(said["manifest"]["label"], "Typed", "the manifest is in the component");
    Ok(())
}

fn manifest() -> Value {
    let nothing = json!({ "type": "object", "additionalProperties": false, "properties": {} });
    json!({
        "name": "typed", "version": "0.1.0", "label": "Typed", "description": "Delivers nothing.",
        "config": nothing, "credential": nothing, "endpoints": ["tls://collector.example.com:443"],
        "batch": { "events": 10, "bytes": 1000, "age_ms": 0 },
    })
}

#[test]
fn a_script_can_tell_a_refusal_from_what_could_not_be_tried() -> Result {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("text.wasm"), "not a component")?;

    for (arguments, code, word) in [
        (&["build", "."][..], 2, "plugin new"),
        (&["build", "missing"], 2, "missing"),
        (&["build", ".", "--lang", "cobol"], 2, "cobol"),
        (&["inspect", "text.wasm"], 1, "refused"),
        (&["inspect", "missing.wasm"], 2, "missing.wasm"),
    ] {
        let output = bare_command()?.arg("plugin").args(arguments).current_dir(folder.path()).output()?;

        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
        assert!(told(&output).contains(word), "{arguments:?}: {}", told(&output));
    }
    Ok(())
}
