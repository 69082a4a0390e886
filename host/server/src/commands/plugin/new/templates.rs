//! What is in the folder of a new destination type, in each language?

use clap::ValueEnum;

/// A file of a new type: where it goes, and what it says.
pub(super) type File = (&'static str, &'static str);

/// What a destination type is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Small and fast: 0.2 MB, and microseconds for each event.
    Rust,
    /// Runs in QuickJS: 1.8 MB, and four times the CPU time.
    #[value(alias = "typescript")]
    Ts,
    /// Runs in CPython: 18.5 MB, and 12 MiB of memory and more for each instance.
    Python,
}

impl Language {
    /// The files of a type in this language.
    pub(super) fn files(self) -> &'static [File] {
        match self {
            Language::Rust => &RUST,
            Language::Ts => &TS,
            Language::Python => &PYTHON,
        }
    }

    /// What is done next, in the folder.
    pub(super) fn next(self, sdk: &str) -> String {
        match self {
            Language::Rust => "cargo test".to_owned(),
            Language::Ts => "npm install && npm test".to_owned(),
            Language::Python => format!(
                "python3 -m venv .venv && .venv/bin/pip install {sdk}/python\n  \
                 PYTHONPATH=src .venv/bin/python -m unittest discover -s tests"
            ),
        }
    }

    /// Where the package of this language is in the folder `sdk` of a checkout.
    pub(super) fn sdk_mark(self) -> &'static str {
        match self {
            Language::Rust => "Cargo.toml",
            Language::Ts => "typescript/package.json",
            Language::Python => "python/pyproject.toml",
        }
    }
}

const RUST: [File; 9] = [
    ("Cargo.toml", include_str!("../../../../templates/rust/Cargo.toml.txt")),
    (".cargo/config.toml", include_str!("../../../../templates/rust/cargo-config.toml.txt")),
    (".gitignore", include_str!("../../../../templates/rust/gitignore.txt")),
    ("README.md", include_str!("../../../../templates/rust/README.md.txt")),
    ("manifest.json", include_str!("../../../../templates/rust/manifest.json.txt")),
    ("setup.md", include_str!("../../../../templates/rust/setup.md.txt")),
    ("src/lib.rs", include_str!("../../../../templates/rust/src/lib.rs.txt")),
    ("src/encode.rs", include_str!("../../../../templates/rust/src/encode.rs.txt")),
    ("src/tests.rs", include_str!("../../../../templates/rust/src/tests.rs.txt")),
];

const TS: [File; 12] = [
    ("package.json", include_str!("../../../../templates/ts/package.json.txt")),
    ("tsconfig.json", include_str!("../../../../templates/ts/tsconfig.json.txt")),
    (".gitignore", include_str!("../../../../templates/ts/gitignore.txt")),
    ("README.md", include_str!("../../../../templates/ts/README.md.txt")),
    ("manifest.json", include_str!("../../../../templates/ts/manifest.json.txt")),
    ("setup.md", include_str!("../../../../templates/ts/setup.md.txt")),
    ("src/plugin.ts", include_str!("../../../../templates/ts/src/plugin.ts.txt")),
    ("src/encode.ts", include_str!("../../../../templates/ts/src/encode.ts.txt")),
    ("test/plugin.test.ts", include_str!("../../../../templates/ts/test/plugin.test.ts.txt")),
    ("test/tsconfig.json", include_str!("../../../../templates/ts/test/tsconfig.json.txt")),
    ("wit/plugin.wit", include_str!("../../../../templates/ts/wit/plugin.wit.txt")),
    CONTRACT,
];

const PYTHON: [File; 10] = [
    ("pyproject.toml", include_str!("../../../../templates/python/pyproject.toml.txt")),
    (".gitignore", include_str!("../../../../templates/python/gitignore.txt")),
    ("README.md", include_str!("../../../../templates/python/README.md.txt")),
    ("manifest.json", include_str!("../../../../templates/python/manifest.json.txt")),
    ("setup.md", include_str!("../../../../templates/python/setup.md.txt")),
    ("src/plugin.py", include_str!("../../../../templates/python/src/plugin.py.txt")),
    ("src/encode.py", include_str!("../../../../templates/python/src/encode.py.txt")),
    ("tests/test_plugin.py", include_str!("../../../../templates/python/tests/test_plugin.py.txt")),
    ("wit/plugin.wit", include_str!("../../../../templates/python/wit/plugin.wit.txt")),
    CONTRACT,
];

/// The whole contract as one file, in the place where both toolchains look for packages that a world uses.
const CONTRACT: File = (
    "wit/deps/freehold-destination.wit",
    concat!(
        include_str!("../../../../../../wit/destination-0.1/types.wit"),
        "\n",
        include_str!("../../../../../../wit/destination-0.1/sink.wit"),
        "\n",
        include_str!("../../../../../../wit/destination-0.1/credential.wit"),
        "\n",
        include_str!("../../../../../../wit/destination-0.1/http.wit"),
        "\n",
        include_str!("../../../../../../wit/destination-0.1/stream.wit"),
        "\n",
        include_str!("../../../../../../wit/destination-0.1/context.wit"),
        "\n",
        include_str!("../../../../../../wit/destination-0.1/log.wit"),
        "\n",
        include_str!("../../../../../../wit/destination-0.1/random.wit"),
        "\n",
        include_str!("../../../../../../wit/destination-0.1/reveal.wit"),
        "\n",
        include_str!("../../../../../../wit/destination-0.1/world.wit"),
    ),
);
