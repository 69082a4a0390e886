//! `freehold plugin new`: a folder with a destination type that works, to be changed from there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::commands::print;
use crate::failure::Failure;

/// The files of a new type in Rust: where each goes, and what it says.
const RUST: [(&str, &str); 8] = [
    ("Cargo.toml", include_str!("../../../templates/rust/Cargo.toml.txt")),
    (".cargo/config.toml", include_str!("../../../templates/rust/cargo-config.toml.txt")),
    (".gitignore", include_str!("../../../templates/rust/gitignore.txt")),
    ("README.md", include_str!("../../../templates/rust/README.md.txt")),
    ("manifest.json", include_str!("../../../templates/rust/manifest.json.txt")),
    ("setup.md", include_str!("../../../templates/rust/setup.md.txt")),
    ("src/lib.rs", include_str!("../../../templates/rust/src/lib.rs.txt")),
    ("src/encode.rs", include_str!("../../../templates/rust/src/encode.rs.txt")),
];
/// Characters of a type's name.
const NAME_CHARS_MAX: usize = 40;

/// Makes the folder. `sdk` is the folder of `freehold-sdk`.
pub(super) fn run(name: &str, folder: Option<PathBuf>, sdk: Option<PathBuf>) -> Result<(), Failure> {
    check_name(name)?;
    let folder = folder.unwrap_or_else(|| PathBuf::from(name));
    if folder.exists() {
        return Err(Failure::new(format!("{} is there already; name another with --folder", folder.display())));
    }
    let sdk = match sdk.or_else(sdk_nearby) {
        Some(sdk) => fs::canonicalize(&sdk).map_err(Failure::at(&sdk))?,
        None => return Err(Failure::new("freehold-sdk is not nearby; name its folder in a checkout with --sdk")),
    };
    for (path, template) in RUST {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(Failure::at(parent))?;
        fs::write(&path, filled(template, name, &sdk)?).map_err(Failure::at(&path))?;
    }
    let shown = folder.display();
    print(&format!("made: {shown}\n\nNext:\n  cd {shown}\n  cargo test\n"));
    print("  cargo build --release --target wasm32-unknown-unknown\n");
    print(&format!("  freehold plugin inspect {}\n", component_of(name)));
    Ok(())
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if begins && is_plain && !name.ends_with('-') && !name.contains("--") && name.len() <= NAME_CHARS_MAX {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{name}` cannot name a type: it begins with a lower-case letter and has up to {NAME_CHARS_MAX} of these, digits and \
         single `-`, such as redis-streams"
    )))
}

fn filled(template: &str, name: &str, sdk: &Path) -> Result<String, Failure> {
    let sdk = sdk.to_str().ok_or_else(|| Failure::new("the path of the SDK is not UTF-8"))?;
    // As a literal string of TOML, in which nothing has to be escaped.
    if sdk.contains('\'') {
        return Err(Failure::new(format!("{sdk}: a path with ' in it cannot stand in Cargo.toml")));
    }
    Ok(template
        .replace("{{name}}", name)
        .replace("{{crate}}", &name.replace('-', "_"))
        .replace("{{type}}", &words(name).concat())
        .replace("{{label}}", &words(name).join(" "))
        .replace("{{sdk}}", &format!("{{ path = '{sdk}' }}")))
}

/// The words of a name, each with a capital.
fn words(name: &str) -> Vec<String> {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    name.split('-').map(capital).collect()
}

fn component_of(name: &str) -> String {
    format!("target/wasm32-unknown-unknown/release/{}.wasm", name.replace('-', "_"))
}

/// The SDK in the checkout that this program was built in, if it is one.
fn sdk_nearby() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let checkouts = executable.ancestors().skip(1).map(|folder| folder.join("sdk"));
    checkouts.into_iter().find(|sdk| sdk.join("Cargo.toml").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_manifest_and_a_crate_can_have() {
        for name in ["webhook", "redis-streams", "s3", "a"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "S3", "3s", "a_b", "a--b", "a-", "-a", "a b", "é", "../x", &"a".repeat(41)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for (path, template) in RUST {
            let filled = filled(template, "redis-streams", Path::new("/sdk")).unwrap();
            for word in ["name", "crate", "type", "label", "sdk"] {
                assert!(!filled.contains(&format!("{{{{{word}}}}}")), "{path}: {word}");
            }
        }
        assert_eq!(words("redis-streams"), ["Redis", "Streams"]);
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();

        let refusal = run("collector", Some(folder.path().to_owned()), None).unwrap_err().to_string();

        assert!(refusal.contains("--folder"), "{refusal}");
    }
}
