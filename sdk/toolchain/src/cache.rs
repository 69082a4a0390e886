//! What was fetched is kept, once for each recipe. Builds that run side by side wait for each other here.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::{Failed, make_folder, write};

/// A folder called `name` below `cache` that `fill` has filled by just this `recipe`.
pub(crate) fn filled(
    cache: &Path,
    name: &str,
    recipe: &str,
    fill: impl FnOnce(&Path) -> Result<(), Failed>,
) -> Result<PathBuf, Failed> {
    let (folder, ready) = (cache.join(name), cache.join(name).join("ready"));
    let is_ready = || fs::read(&ready).is_ok_and(|made_by| made_by == recipe.as_bytes());
    if is_ready() {
        return Ok(folder);
    }
    make_folder(cache)?;
    let _turn = turn(&cache.join(format!("{name}.lock")))?;
    // Somebody else may have filled it while this one waited.
    if is_ready() {
        return Ok(folder);
    }
    // What another recipe, or a run that was broken off, has left.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("cannot empty {}: {error}", folder.display()))?;
    }
    make_folder(&folder)?;
    fill(&folder)?;
    write(&ready, recipe)?;
    Ok(folder)
}

/// One at a time, over all processes: until what is returned is dropped.
fn turn(path: &Path) -> Result<File, Failed> {
    let failed = |error: std::io::Error| format!("cannot lock {}: {error}", path.display());
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_followed_once_and_anew_when_it_changes_or_was_broken_off() {
        let cache = tempfile::tempdir().unwrap();
        let fill = |recipe: &str, what: Result<&str, &str>| {
            filled(cache.path(), "tool", recipe, |folder| {
                write(&folder.join("made"), what.unwrap_or("half"))?;
                what.map(drop).map_err(str::to_owned)
            })
            .map(|folder| fs::read_to_string(folder.join("made")).unwrap())
        };

        assert_eq!(fill("1.0", Ok("one")).unwrap(), "one");
        assert_eq!(fill("1.0", Ok("never")).unwrap(), "one");
        assert_eq!(fill("2.0", Err("no network")).unwrap_err(), "no network");
        assert_eq!(fill("2.0", Ok("two")).unwrap(), "two");
    }
}
