//! Which files belong to the project? Everything in its folder that is neither built nor downloaded.

use std::path::{Path, PathBuf};

use freehold_tests::{Result, While, places};

/// Folders that hold nothing of ours.
const NOT_OURS: [&str; 4] = ["target", ".git", "node_modules", "freehold-data"];

/// A file of the project.
pub(crate) struct SourceFile {
    /// Where it is, from the project's root, with `/` between.
    pub(crate) path: String,
    /// Its text; empty when it is not text.
    pub(crate) text: String,
}

impl SourceFile {
    /// The lines that are code: not comments, and nothing from the tests at the end of the file.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
        lines
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Whether it is a test as a whole.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// Every file of the project.
pub(crate) fn all() -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    walk(&places::root(), &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 50, "only {} files: is this the project's folder?", files.len());
    Ok(files)
}

/// Every Rust file of the project.
pub(crate) fn rust() -> Result<Vec<SourceFile>> {
    Ok(all()?.into_iter().filter(|file| file.path.ends_with(".rs")).collect())
}

/// One file of the project as text.
pub(crate) fn text(path: &str) -> Result<String> {
    std::fs::read_to_string(places::root().join(path)).while_doing(path)
}

fn walk(folder: &Path, files: &mut Vec<SourceFile>) -> Result {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), files)?;
        } else {
            files.push(read(entry.path())?);
        }
    }
    Ok(())
}

fn read(path: PathBuf) -> Result<SourceFile> {
    let text = String::from_utf8(std::fs::read(&path)?).unwrap_or_default();
    let path = path.strip_prefix(places::root())?.to_string_lossy().replace('\\', "/");
    Ok(SourceFile { path, text })
}
