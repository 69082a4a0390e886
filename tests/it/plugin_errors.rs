//! What does the compiler say to a mistake in a plugin? Something that can be acted upon.

use std::process::Command;

use freehold_tests::{Result, places, trouble};

/// Plugins with one mistake each, and what the compiler must say about it.
const MISTAKES: [(&str, &str, &[&str]); 4] = [
    (
        "no-sink",
        "struct Nothing;\nfreehold_sdk::export!(Nothing);\nfn main() {}\n",
        &["`Nothing` is not a destination type", "`freehold_sdk::Sink` is not implemented for it"],
    ),
    ("no-manifest", "freehold_sdk::export!(Sound, manifest = \"elsewhere.json\");\n", &["elsewhere.json"]),
    (
        "comma-too-many",
        "freehold_sdk::export!(Sound, manifest_json = \"{\\n\\\"name\\\": \\\"sound\\\",\\n}\");\n",
        &["line 3 of the manifest: a member's name is missing here, in quotes"],
    ),
    (
        "half-a-manifest",
        "freehold_sdk::export!(Sound, manifest_json = \"{ \\\"name\\\": \\\"sound\\\" }\");\n",
        &["the manifest has no `version`: see docs/plugins.md"],
    ),
];

/// A plugin without a mistake, but for its `export!`.
const SOUND: &str = "use freehold_sdk::{Batch, Error, Outcome, Sink};
struct Sound;
impl Sink for Sound {
    type Config = ();
    fn open(_: ()) -> Result<Self, Error> {
        Ok(Sound)
    }
    fn deliver(&mut self, _: Batch) -> Result<Vec<Outcome>, Error> {
        Ok(vec![])
    }
    fn verify(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
fn main() {}
";

#[test]
fn a_mistake_in_a_plugin_is_said_in_words_that_can_be_acted_upon() -> Result {
    let folder = tempfile::tempdir()?;
    let sdk = places::root().join("sdk");
    let description = format!(
        "[package]\nname = \"mistaken\"\nedition = \"2024\"\n\n[dependencies]\nfreehold-sdk = {{ path = '{}' }}\n\n[workspace]\n",
        sdk.display()
    );
    std::fs::write(folder.path().join("Cargo.toml"), description)?;
    std::fs::copy(places::root().join("plugins/Cargo.lock"), folder.path().join("Cargo.lock"))?;
    std::fs::copy(sdk.join("examples/datadog/manifest.json"), folder.path().join("manifest.json"))?;
    let programs = folder.path().join("src/bin");
    std::fs::create_dir_all(&programs)?;
    std::fs::write(programs.join("sound.rs"), format!("{SOUND}freehold_sdk::export!(Sound);\n"))?;
    for (name, exported, _) in MISTAKES {
        let sound = if exported.contains("Sound") { SOUND } else { "" };
        std::fs::write(programs.join(format!("{name}.rs")), format!("{sound}{exported}"))?;
    }

    assert_eq!(compile(folder.path(), "sound")?, None);
    for (name, _, expected) in MISTAKES {
        let said = compile(folder.path(), name)?.ok_or_else(|| trouble(format!("{name} compiles")))?;

        let missing: Vec<&&str> = expected.iter().filter(|words| !said.contains(**words)).collect();
        assert!(missing.is_empty(), "{name}: the compiler does not say {missing:?}:\n{said}");
    }
    Ok(())
}

/// What the compiler says about this program; nothing when it compiles.
fn compile(folder: &std::path::Path, program: &str) -> Result<Option<String>> {
    let mut cargo = Command::new("cargo");
    // The folder that tests of `plugin new` build in: what both need is built once.
    cargo.args(["check", "--quiet", "--bin", program]).current_dir(folder).env_remove("RUSTFLAGS");
    let output = cargo.env("CARGO_TARGET_DIR", places::target().join("plugin-new")).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((!output.status.success()).then_some(said))
}
