//! `freehold plugin new`: a folder with a destination type that works, to be changed from there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::commands::print;
use crate::failure::Failure;

mod templates;

pub(crate) use templates::Language;

/// Characters of a type's name.
const NAME_CHARS_MAX: usize = 40;

/// Makes the folder. `sdk` is the folder of the SDKs in a checkout.
pub(super) fn run(
    name: &str,
    language: Language,
    folder: Option<PathBuf>,
    sdk: Option<PathBuf>,
) -> Result<(), Failure> {
    check_name(name)?;
    let folder = folder.unwrap_or_else(|| PathBuf::from(name));
    if folder.exists() {
        return Err(Failure::new(format!("{} is there already; name another with --folder", folder.display())));
    }
    let sdk = match sdk.or_else(|| sdk_nearby(language)) {
        Some(sdk) => fs::canonicalize(&sdk).map_err(Failure::at(&sdk))?,
        None => return Err(Failure::new("the SDK is not nearby; name the folder `sdk` of a checkout with --sdk")),
    };
    if !sdk.join(language.sdk_mark()).is_file() {
        let (sdk, mark) = (sdk.display(), language.sdk_mark());
        return Err(Failure::new(format!("{sdk} has no {mark}: name the folder `sdk` of a checkout with --sdk")));
    }
    for (path, template) in language.files() {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(Failure::at(parent))?;
        fs::write(&path, filled(template, name, &sdk)?).map_err(Failure::at(&path))?;
    }
    let shown = folder.display();
    print(&format!("made: {shown}\n\nNext:\n  cd {shown}\n  {}\n", language.next(&sdk.to_string_lossy())));
    print(&format!("  freehold plugin build\n  freehold plugin inspect dist/{name}.wasm\n"));
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
    // It stands between quotes in TOML and JSON, and in a URL, in none of which it is escaped.
    if sdk.contains(['\'', '"', '\\', ' ', '%', '#', '?']) || sdk.chars().any(char::is_control) {
        return Err(Failure::new(format!("{sdk}: such a path cannot stand in a project's file; move the checkout")));
    }
    Ok(template
        .replace("{{name}}", name)
        .replace("{{crate}}", &name.replace('-', "_"))
        .replace("{{type}}", &words(name).concat())
        .replace("{{label}}", &words(name).join(" "))
        .replace("{{sdk}}", sdk))
}

/// The words of a name, each with a capital.
fn words(name: &str) -> Vec<String> {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    name.split('-').map(capital).collect()
}

/// The SDKs in the checkout that this program was built in, if it is one.
fn sdk_nearby(language: Language) -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let checkouts = executable.ancestors().skip(1).map(|folder| folder.join("sdk"));
    checkouts.into_iter().find(|sdk| sdk.join(language.sdk_mark()).is_file())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

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
        for (path, template) in Language::value_variants().iter().flat_map(|language| language.files()) {
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

        let refusal = run("collector", Language::Rust, Some(folder.path().to_owned()), None).unwrap_err().to_string();

        assert!(refusal.contains("--folder"), "{refusal}");
    }

    #[test]
    fn a_folder_without_the_sdk_is_refused_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("collector");

        let sdk = Some(folder.path().to_owned());
        let refusal = run("collector", Language::Python, Some(project.clone()), sdk).unwrap_err().to_string();

        assert!(refusal.contains("python/pyproject.toml") && !project.exists(), "{refusal}");
    }
}
