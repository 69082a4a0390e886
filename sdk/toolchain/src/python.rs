//! How is a plugin in Python built? CPython, compiled to WebAssembly, imports it once and is kept as it is then. WASI is
//! stubbed: what the host does not have cannot be called.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::manifest::Manifest;
use crate::world::World;
use crate::{Failed, NotBuilt, Surroundings, Tell, Word, cache, make_folder, program, read, write};

/// The tool, componentize-py, and the hashes of its wheels: for Linux and macOS on both kinds of processor, and for Windows.
const TOOL: &str = include_str!("../tools/requirements.txt");
/// The folder of the cache that it is in.
const FOLDER: &str = "python-tools";
/// What to do about a missing Python.
const PYTHON: &str =
    "Python 3.11 or newer, with venv, builds plugins in Python (`apt-get install python3 python3-venv`)";
/// Where a plugin begins, when its pyproject.toml names no module.
const MODULE: &str = "plugin";
/// What of pyproject.toml is asked for, as JSON.
const PROJECT: &str = "import json, sys, tomllib
project = tomllib.load(open(sys.argv[1], 'rb'))
print(json.dumps({
    'module': project.get('tool', {}).get('freehold', {}).get('module'),
    'dependencies': project.get('project', {}).get('dependencies', []),
}))";

/// Builds the project in `folder` and returns the component.
pub(crate) fn build(folder: &Path, surroundings: &Surroundings, tell: Tell<'_>) -> Result<Vec<u8>, NotBuilt> {
    let manifest = Manifest::read(folder)?;
    let tools = tools(surroundings, tell)?;
    let project = Project::read(folder, &tools)?;
    let sources = project.sources(folder)?;
    let build = folder.join("dist/build");
    make_folder(&build)?;
    let packages = project.install_dependencies(folder, &tools, &build, tell)?;
    let world = World::of(folder, &build, &manifest)?;

    tell(Word::Begins(&format!("building the module {} (it takes some seconds)", project.module)));
    let out = build.join("component.wasm");
    let mut command = Command::new(tools.join("bin/componentize-py"));
    command.arg("--wit-path").arg(&world.folder).args(["--world", &world.name]);
    command.args(["componentize", "--stub-wasi", &project.module, "--python-path"]).arg(sources);
    command.args(packages.iter().flat_map(|packages| [OsStr::new("--python-path"), packages.as_os_str()]));
    command.arg("--output").arg(&out);
    // Whatever environment is active here must not become part of it.
    command.env("VIRTUAL_ENV", &tools).env_remove("PYTHONPATH").env_remove("PYTHONHOME");
    if program::quietly(&mut command).is_err() {
        tell(Word::EndedBadly("it does not build"));
        return Err(NotBuilt::Refused(
            "the module cannot be made into a component: what is wrong with it is above. It has a class `Sink` with \
                    `open`, `deliver` and `verify`, and imports pure Python alone"
                .to_owned(),
        ));
    }
    tell(Word::Done("it is built"));
    Ok(manifest.embedded_in(read(&out)?))
}

fn tools(surroundings: &Surroundings, tell: Tell<'_>) -> Result<PathBuf, Failed> {
    cache::filled(&surroundings.cache, FOLDER, TOOL, |folder| {
        tell(Word::Begins(&format!("fetching componentize-py from PyPI into {}", folder.display())));
        let needs = |why: Failed| format!("{why}; {PYTHON}");
        program::run(Command::new("python3").args(["-m", "venv"]).arg(folder)).map_err(needs)?;
        let wanted = folder.join("requirements.txt");
        write(&wanted, TOOL)?;
        let wanted = wanted.display().to_string();
        pip(folder, &["--require-hashes", "--only-binary", ":all:", "--requirement", &wanted]).map_err(needs)?;
        tell(Word::Done("it is there; done once"));
        Ok(())
    })
}

fn pip(tools: &Path, arguments: &[&str]) -> Result<(), Failed> {
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
    program::run(Command::new(tools.join("bin/python")).args(install).args(arguments))
}

/// What pyproject.toml says.
struct Project {
    module: String,
    dependencies: Vec<String>,
}

impl Project {
    fn read(folder: &Path, tools: &Path) -> Result<Project, Failed> {
        let file = folder.join("pyproject.toml");
        let mut python = Command::new(tools.join("bin/python"));
        let said = program::output(python.args(["-c", PROJECT]).arg(&file))
            .map_err(|_| format!("{} cannot be read: what Python says is above; {PYTHON}", file.display()))?;
        let said: Value = serde_json::from_str(&said).map_err(|error| format!("{}: {error}", file.display()))?;
        let dependencies = said["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Project {
            module: said["module"].as_str().unwrap_or(MODULE).to_owned(),
            dependencies: dependencies.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }

    /// The folder that holds the module: `src`, or the project's own.
    fn sources(&self, folder: &Path) -> Result<PathBuf, Failed> {
        let place = self.module.replace('.', "/");
        let holds = |folder: &PathBuf| folder.join(format!("{place}.py")).is_file() || folder.join(&place).is_dir();
        [folder.join("src"), folder.to_owned()].into_iter().find(holds).ok_or_else(|| {
            format!(
                "{} has no src/{place}.py: name its module in pyproject.toml, as `module` below `[tool.freehold]`",
                folder.display()
            )
        })
    }

    /// The folder of what pyproject.toml asks for, installed anew when that changes.
    fn install_dependencies(
        &self,
        folder: &Path,
        tools: &Path,
        build: &Path,
        tell: Tell<'_>,
    ) -> Result<Option<PathBuf>, Failed> {
        if self.dependencies.is_empty() {
            return Ok(None);
        }
        let recipe = self.dependencies.join("\n");
        let filled = cache::filled(build, "packages", &recipe, |packages| {
            tell(Word::Begins("installing what pyproject.toml asks for"));
            let mut arguments = vec!["--target".to_owned(), packages.display().to_string()];
            arguments.extend(self.dependencies.iter().cloned());
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            pip(tools, &arguments).map_err(|why| format!("{why}; asked for in {}", folder.display()))?;
            tell(Word::Done("it is installed"));
            Ok(())
        });
        filled.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_looked_for_in_src_first() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { module: "plugin".to_owned(), dependencies: Vec::new() };

        assert!(project.sources(folder.path()).unwrap_err().contains("src/plugin.py"));
        std::fs::write(folder.path().join("plugin.py"), "").unwrap();
        assert_eq!(project.sources(folder.path()).unwrap(), folder.path());
        std::fs::create_dir_all(folder.path().join("src/plugin")).unwrap();
        assert_eq!(project.sources(folder.path()).unwrap(), folder.path().join("src"));
    }
}
