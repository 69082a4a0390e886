//! What every file keeps to: its first line, its length, its words, and the paths that the map names.

use freehold_tests::{Result, places};

use crate::tree;

/// Lines that a file may have. Beyond that it has more than one reason to change.
const LINES_MAX: usize = 600;

#[test]
fn every_rust_file_says_first_what_it_answers() -> Result {
    let silent: Vec<String> =
        tree::rust()?.into_iter().filter(|file| !file.text.starts_with("//! ")).map(|file| file.path).collect();

    assert!(silent.is_empty(), "these do not begin with `//! `: {silent:#?}");
    Ok(())
}

#[test]
fn no_rust_file_is_too_long_to_be_read_in_one_sitting() -> Result {
    let long: Vec<(String, usize)> = tree::rust()?
        .into_iter()
        .map(|file| (file.path, file.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();

    assert!(long.is_empty(), "these have more than {LINES_MAX} lines: {long:#?}");
    Ok(())
}

#[test]
fn no_file_is_called_after_nothing() -> Result {
    let nameless = ["utils", "util", "common", "helpers", "helper", "misc", "manager", "mod"];
    let found: Vec<String> = tree::rust()?
        .into_iter()
        .map(|file| file.path)
        .filter(|path| path.split('/').any(|part| nameless.contains(&part.trim_end_matches(".rs"))))
        .collect();

    assert!(found.is_empty(), "these names say nothing of what is in them: {found:#?}");
    Ok(())
}

#[test]
fn nothing_is_left_unfinished_or_silenced() -> Result {
    // Put together here, so that this file does not find itself.
    let marks: Vec<String> =
        ["to", "unimple"].into_iter().zip(["do!(", "mented!("]).map(|(a, b)| format!("{a}{b}")).collect();
    let found: Vec<String> = tree::rust()?
        .iter()
        .flat_map(|file| file.text.lines().enumerate().map(move |(index, line)| (file, index + 1, line)))
        .filter(|(_, _, line)| {
            marks.iter().any(|mark| line.contains(mark)) || line.trim_start().starts_with(concat!("#[", "ignore"))
        })
        .map(|(file, line, _)| format!("{}:{line}", file.path))
        .collect();

    assert!(found.is_empty(), "unfinished, or a test that never runs: {found:#?}");
    Ok(())
}

#[test]
fn the_tree_speaks_of_no_one_machine() -> Result {
    let folders: Vec<String> = ["work", "farm", "tmp", "root", "home"].iter().map(|name| format!("/{name}/")).collect();
    let begins_there = |line: &str, folder: &str| {
        line.match_indices(folder).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + folder.len()..].chars().next();
            !before.is_some_and(|c| c.is_alphanumeric() || "._-}".contains(c))
                && after.is_some_and(|c| c.is_ascii_lowercase())
        })
    };
    let mut found = Vec::new();
    for file in tree::all()?.iter().filter(|file| !file.path.starts_with("tests/data/")) {
        for (index, line) in file.text.lines().enumerate() {
            if folders.iter().any(|folder| begins_there(line, folder)) || line.contains(concat!("../", "shared/")) {
                found.push(format!("{}:{}: {line}", file.path, index + 1));
            }
        }
    }

    assert!(found.is_empty(), "paths that exist on one machine only: {found:#?}");
    Ok(())
}

#[test]
fn every_path_that_the_map_names_exists() -> Result {
    let rooms = ["host/", "plugins/", "wit/", "sdk/", "tests/", "xtask/", "bench/", "docs/", ".ci/", ".cargo/"];
    let map = tree::text("ARCHITECTURE.md")?;
    let named = map.split('`').skip(1).step_by(2).filter(|name| rooms.iter().any(|room| name.starts_with(room)));
    let missing: Vec<&str> = named
        .filter(|name| !name.contains(['{', '<', '*', ' ', '…']))
        .filter(|name| !places::root().join(name.trim_end_matches('/')).exists())
        .collect();

    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:#?}");
    Ok(())
}

#[test]
fn every_misbehaving_guest_has_a_test() -> Result {
    let files = tree::rust()?;
    let tests: Vec<&tree::SourceFile> = files
        .iter()
        .filter(|file| {
            ["tests/it/", "tests/prove/", "tests/support/", "host/"].iter().any(|room| file.path.starts_with(room))
        })
        .collect();
    let mut untested = Vec::new();
    for entry in std::fs::read_dir(places::root().join("tests/guests"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_guest = folder.join("Cargo.toml").is_file();
        if is_guest && !tests.iter().any(|file| file.text.contains(&format!("\"{name}\""))) {
            untested.push(name);
        }
    }

    assert!(untested.is_empty(), "guests that no test names: {untested:#?}");
    Ok(())
}
