//! The key file: made once, for its owner alone, never replaced, and refused with advice when something is off.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread;

use freehold_vault::KeyLine;
use freehold_vault::key_file::{add_key, load_file, load_or_create_file, remove_key};
use tempfile::TempDir;

use crate::fixture::{kek, sources};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Writes a key file that only its owner can read.
fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// The error and what led to it, as people see them.
fn refusal(path: &Path) -> String {
    use std::error::Error;
    let error = load_or_create_file(path, &sources(1)).unwrap_err();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[test]
fn the_first_start_makes_a_key_that_only_its_owner_can_read() {
    let folder = folder();
    let path = folder.path().join("kek");

    let loaded = load_or_create_file(&path, &sources(1)).unwrap();

    assert!(loaded.created);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", *loaded.keys[0].encode()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn the_next_start_finds_the_same_key_and_leaves_the_file_alone() {
    let folder = folder();
    let path = folder.path().join("kek");
    let first = load_or_create_file(&path, &sources(1)).unwrap();
    let text = fs::read(&path).unwrap();

    let second = load_or_create_file(&path, &sources(2)).unwrap();

    assert!(!second.created);
    assert_eq!(second.keys[0].id(), first.keys[0].id());
    assert_eq!(load_file(&path).unwrap()[0].id(), first.keys[0].id());
    assert_eq!(fs::read(&path).unwrap(), text);
}

#[test]
fn many_first_starts_at_once_agree_on_one_key() {
    let folder = folder();
    let path = folder.path().join("kek");

    let loaded: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|seed| {
                scope.spawn({
                    let path = &path;
                    move || load_or_create_file(path, &sources(seed))
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap().unwrap()).collect()
    });

    assert_eq!(loaded.iter().filter(|loaded| loaded.created).count(), 1);
    assert!(loaded.iter().all(|other| other.keys[0].id() == loaded[0].keys[0].id()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_others_can_get_at_is_refused_with_the_command_that_helps() {
    let folder = folder();
    let path = folder.path().join("kek");
    load_or_create_file(&path, &sources(1)).unwrap();

    for loose in [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o777] {
        fs::set_permissions(&path, Permissions::from_mode(loose)).unwrap();
        let refusal = refusal(&path);
        assert!(refusal.contains(&format!("run `chmod 600 {}`", path.display())), "{refusal}");
        assert!(refusal.contains(&format!("mode {loose:04o}")), "{refusal}");
    }
    for tight in [0o600, 0o400] {
        fs::set_permissions(&path, Permissions::from_mode(tight)).unwrap();
        assert!(load_file(&path).is_ok(), "{tight:o}");
    }
}

#[test]
fn a_file_without_a_key_is_refused_and_kept() {
    let folder = folder();
    let path = folder.path().join("kek");
    let key = kek(1).encode().to_string();
    let padded = format!("{key}{}x", " ".repeat(300));

    for malformed in ["", "\n", "hunter2", &key[..key.len() - 1], &key.replace("fhkek1_", ""), &padded] {
        write(&path, malformed);
        let refusal = refusal(&path);
        assert!(refusal.contains(&path.display().to_string()), "{refusal}");
        assert!(refusal.contains("restore it from a backup"), "{refusal}");
        assert!(!refusal.contains("hunter2") && !refusal.contains(&key[10..20]), "{refusal}");
        assert_eq!(fs::read_to_string(&path).unwrap(), malformed);
    }
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    let folder = folder();
    let path = folder.path().join("kek");
    write(&path, "");
    fs::write(&path, [0xff; 55]).unwrap();

    let refusal = refusal(&path);

    assert!(refusal.contains("restore it from a backup"), "{refusal}");
}

#[test]
fn a_mistyped_key_is_told_from_a_text_that_is_none() {
    let folder = folder();
    let path = folder.path().join("kek");
    let mut key = kek(1).encode().to_string();
    let changed = if key.ends_with('A') { 'B' } else { 'A' };
    key.pop();
    key.push(changed);
    write(&path, &key);

    let refusal = refusal(&path);

    assert!(refusal.contains("checksum does not match"), "{refusal}");
}

#[test]
fn links_and_folders_are_refused() {
    let folder = folder();
    let path = folder.path().join("kek");
    load_or_create_file(&path, &sources(1)).unwrap();
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    let dangling = folder.path().join("dangling");
    symlink(folder.path().join("elsewhere"), &dangling).unwrap();

    assert!(refusal(&link).contains("is a symbolic link, not a regular file"));
    assert!(refusal(&dangling).contains("is a symbolic link, not a regular file"));
    assert!(refusal(folder.path()).contains("is a folder, not a regular file"));
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let folder = folder();
    let path = folder.path().join("missing").join("kek");

    let refusal = refusal(&path);

    assert!(refusal.starts_with(&format!("cannot write key file {}: ", path.display())), "{refusal}");
    assert!(load_file(&path).unwrap_err().to_string().ends_with("does not exist"));
}

#[test]
fn keys_are_added_and_taken_out_and_remarks_stay() {
    let folder = folder();
    let path = folder.path().join("kek");
    write(&path, &format!("# the first\n{}\n", *kek(1).encode()));
    let second = KeyLine::of(kek(2));

    add_key(&path, &second, &sources(1)).unwrap();
    add_key(&path, &second, &sources(2)).unwrap();

    let ids: Vec<String> = load_file(&path).unwrap().iter().map(|key| key.id().to_owned()).collect();
    assert_eq!(ids, [kek(1).id(), kek(2).id()]);
    assert_eq!(mode(&path), 0o600);
    remove_key(&path, kek(1).id(), &sources(3)).unwrap();
    remove_key(&path, kek(1).id(), &sources(4)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("# the first\n{}\n", *kek(2).encode()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn the_last_key_is_not_taken_out() {
    let folder = folder();
    let path = folder.path().join("kek");
    write(&path, &kek(1).encode());

    let refusal = remove_key(&path, kek(1).id(), &sources(1)).unwrap_err().to_string();

    assert!(refusal.contains("has only this key"), "{refusal}");
    assert_eq!(load_file(&path).unwrap().len(), 1);
}

#[test]
fn whoever_reads_while_a_key_is_added_sees_a_whole_file() {
    let folder = folder();
    let path = folder.path().join("kek");
    write(&path, &kek(1).encode());

    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 2..40 {
                add_key(&path, &KeyLine::of(kek(number)), &sources(number)).unwrap();
            }
        });
        let mut seen = 0;
        while seen < 39 {
            let now = load_file(&path).unwrap().len();
            assert!(now >= seen, "{now} after {seen}");
            seen = now;
        }
    });
}
