//! Who may import whom? The table of the map, checked against every Cargo.toml.

use freehold_tests::Result;

use crate::tree;

/// The rooms of the host, lowest first, and what each may import. Neighbours on a level do not see each other.
const ARROWS: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("audit", &["model"]),
    ("trust", &[]),
    ("vault", &["model"]),
    ("store", &["model", "audit"]),
    ("sandbox", &["model"]),
    ("reach", &["model", "sandbox"]),
    ("keyservice", &["model", "vault", "reach"]),
    ("catalogue", &["model", "trust", "vault", "store", "sandbox"]),
    ("control", &["model", "audit", "vault", "store", "sandbox", "catalogue"]),
    ("pipeline", &["model", "vault", "store", "sandbox", "catalogue"]),
    ("api", &["model", "control", "pipeline"]),
    ("portal", &["model", "control", "pipeline"]),
    (
        "server",
        &[
            "model",
            "audit",
            "trust",
            "vault",
            "store",
            "sandbox",
            "catalogue",
            "reach",
            "keyservice",
            "control",
            "pipeline",
            "api",
            "portal",
            "toolchain",
        ],
    ),
];

/// Heavy dependencies and the only rooms that may have them: whoever wants to know what they do looks there.
const HEAVY: [(&str, &[&str]); 9] = [
    ("sqlx", &["host/store", "bench", "tests"]),
    ("wasmtime", &["host/sandbox"]),
    ("wasmparser", &["host/sandbox"]),
    ("hyper", &["host/sandbox", "bench", "tests"]),
    ("rustls", &["host/sandbox"]),
    ("hickory-resolver", &["host/sandbox"]),
    ("aes-gcm", &["host/vault"]),
    ("axum", &["host/api", "host/portal", "host/server", "tests"]),
    ("clap", &["host/server"]),
];

#[test]
fn crates_import_along_the_arrows_and_no_others() -> Result {
    for (room, allowed) in ARROWS {
        let found = dependencies(&format!("host/{room}"))?;
        let ours: Vec<&str> = found.iter().filter_map(|name| name.strip_prefix("freehold-")).collect();

        let forbidden: Vec<&&str> = ours.iter().filter(|name| !allowed.contains(name)).collect();

        assert!(forbidden.is_empty(), "host/{room} may import {allowed:?}, and also imports {forbidden:?}");
    }
    Ok(())
}

#[test]
fn every_room_of_the_host_is_in_the_table() -> Result {
    for entry in std::fs::read_dir(freehold_tests::places::root().join("host"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();

        assert!(ARROWS.iter().any(|(room, _)| *room == name), "host/{name} is not in the table of arrows");
    }
    Ok(())
}

#[test]
fn heavy_dependencies_stay_in_their_room() -> Result {
    for file in tree::all()?.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let room = file.path.trim_end_matches("/Cargo.toml");
        for name in names_in(&file.text, &["[dependencies]", "[dev-dependencies]", "[build-dependencies]"]) {
            let Some((_, rooms)) = HEAVY.iter().find(|(heavy, _)| *heavy == name) else { continue };

            assert!(rooms.contains(&room), "{room} depends on {name}, which belongs to {rooms:?}");
        }
    }
    Ok(())
}

#[test]
fn guests_know_the_contract_and_nothing_of_the_host() -> Result {
    let in_guests = |path: &str| path.starts_with("plugins/") || path.starts_with("tests/guests/");
    for file in tree::all()?.iter().filter(|file| in_guests(&file.path) && file.path.ends_with("/Cargo.toml")) {
        let ours: Vec<String> =
            names_in(&file.text, &["[dependencies]"]).into_iter().filter(|name| name.starts_with("freehold")).collect();

        assert!(ours.iter().all(|name| name == "freehold-sdk"), "{} imports {ours:?}", file.path);
    }
    Ok(())
}

#[test]
fn the_sdk_knows_the_contract_alone() -> Result {
    let ours: Vec<String> = dependencies("sdk")?.into_iter().filter(|name| name.starts_with("freehold")).collect();

    assert!(ours.is_empty(), "sdk imports {ours:?}");
    Ok(())
}

fn dependencies(folder: &str) -> Result<Vec<String>> {
    Ok(names_in(&tree::text(&format!("{folder}/Cargo.toml"))?, &["[dependencies]"]))
}

/// The names of the dependencies in these sections of a Cargo.toml.
fn names_in(manifest: &str, sections: &[&str]) -> Vec<String> {
    let mut within = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            within = sections.contains(&line);
            // `[dependencies.name]`
            let prefixes = sections.iter().map(|section| format!("{}.", section.trim_end_matches(']')));
            names.extend(
                prefixes.filter_map(|prefix| Some(line.strip_prefix(&prefix)?.trim_end_matches(']').to_owned())),
            );
        } else if within && !line.starts_with('#') {
            let name: String = line.chars().take_while(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
            if !name.is_empty() {
                names.push(name);
            }
        }
    }
    names
}
