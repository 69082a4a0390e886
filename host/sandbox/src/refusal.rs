//! Why a file was not accepted as a destination type.

/// Why a file was not accepted as a destination type. Nothing of it has run.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// Larger than the limit.
    #[error("the file has {bytes} bytes; components may have {max} (limit `component_bytes`)")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What it may have.
        max: usize,
    },
    /// Not WebAssembly.
    #[error("this is not a WebAssembly component: it does not begin with the bytes `\\0asm`")]
    NotWasm,
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component; build it with wasm-component-ld as the linker, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Machine code.
    #[error("this file is precompiled machine code; install the WebAssembly component that it was made from")]
    Precompiled,
    /// Broken WebAssembly.
    #[error("this is not a valid component: {0}")]
    Invalid(String),
    /// An import that no host offers.
    #[error(
        "the component imports `{name}`, which Freehold does not offer; a destination type may import only freehold:destination/{{types, credential, reveal, http, stream, context, log, random}}@0.1.x"
    )]
    UnknownImport {
        /// The import.
        name: String,
    },
    /// An import of WASI.
    #[error(
        "the component imports `{name}`: Freehold offers no WASI. Build Rust for wasm32-unknown-unknown, JavaScript with `jco componentize --backend qjs --backend-qjs-stub-wasi`, Python with `componentize-py … --stub-wasi`"
    )]
    Wasi {
        /// The import.
        name: String,
    },
    /// Imports or exports that do not fit the contract.
    #[error("the component does not fit freehold:destination@0.1: {0}")]
    Contract(String),
    /// No manifest.
    #[error("the component carries no manifest; embed one as the custom section `freehold:manifest`")]
    NoManifest,
    /// More than one manifest.
    #[error("the component carries {0} manifests (custom section `freehold:manifest`); it must carry exactly one")]
    ManyManifests(usize),
    /// A manifest that cannot be used.
    #[error("the manifest is not usable: {0}")]
    Manifest(String),
    /// It wants more memory than the operator grants.
    #[error(
        "its manifest asks for {asked} bytes of memory (`memory_mib`), and types may ask for {max} here (limit `memory_bytes_max`)"
    )]
    Memory {
        /// What it asks for.
        asked: usize,
        /// What it may ask for.
        max: usize,
    },
    /// Compilation failed or the code cache could not be used.
    #[error("compiling the component failed: {0}")]
    Compile(String),
}
