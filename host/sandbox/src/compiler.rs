//! Compiles components in a process of its own, which may be killed: a component is made by a stranger, and a compiler is a
//! large program.
//!
//! The process is started from a program that the server names, its own. It gets the limits as a line of JSON and then the
//! component on its input, and writes machine code to its output, or why there is none to its error output. It limits its own
//! memory and CPU time before it reads the component; its time in all is limited from here.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::engine;
use crate::limits::Limits;
use crate::refusal::Refusal;

/// Components that are compiled at a time: each may take all memory and both cores of a small machine.
const AT_ONCE: usize = 2;
/// The most that is repeated of what the process complained about.
const COMPLAINT_BYTES_MAX: usize = 4096;

/// How to start a process that compiles.
#[derive(Debug, Clone)]
pub struct CompilerProcess {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// Where components are compiled.
pub(crate) enum Compiler {
    /// In this process.
    Here,
    /// In one of its own.
    Apart(CompilerProcess, Arc<Semaphore>),
}

impl Compiler {
    pub(crate) fn new(process: Option<CompilerProcess>) -> Compiler {
        match process {
            None => Compiler::Here,
            Some(process) => Compiler::Apart(process, Arc::new(Semaphore::new(AT_ONCE))),
        }
    }
}

/// Compiles `component` into machine code for an engine with these limits. For the process that was started for it.
///
/// # Errors
/// What the compiler complains about.
pub fn compile(limits: &Limits, component: &[u8]) -> Result<Vec<u8>, String> {
    let engine = engine::compiling(limits).map_err(|error| format!("{error:#}"))?;
    engine.precompile_component(component).map_err(|error| format!("{error:#}"))
}

impl CompilerProcess {
    /// Has `component` compiled.
    pub(crate) async fn compile(
        &self,
        places: &Semaphore,
        limits: &Limits,
        component: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let failed = |error: std::io::Error| Refusal::Compile(format!("the compiler's process: {error}"));
        // The semaphore is never closed; were it, one more would be compiled.
        let _place = places.acquire().await;
        let child = self.start().map_err(failed)?;
        let time = Duration::from_millis(limits.compile_ms);
        // Dropping the child, when the time is over, kills it.
        let ended = tokio::time::timeout(time, talk(child, limits, component)).await;
        let output = ended.map_err(|_| too_long(limits))?.map_err(failed)?;
        if output.status.success() && !output.stdout.is_empty() {
            return Ok(output.stdout);
        }
        Err(refusal(output.status, &output.stderr, limits))
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            // It needs nothing of what the environment holds, which may be secrets. The allocator must not take memory
            // beforehand that counts against the limit.
            .env_clear()
            .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// Hands everything over, and takes what comes back, at the same time: neither pipe holds much.
async fn talk(mut child: Child, limits: &Limits, component: &[u8]) -> std::io::Result<Output> {
    let missing = || std::io::Error::other("it has no pipes");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let (mut code, mut complaint) = (Vec::new(), Vec::new());
    let giving = async {
        let mut head = serde_json::to_vec(limits)?;
        head.push(b'\n');
        // A process that has ended already reads no more; its status tells why.
        if stdin.write_all(&head).await.is_ok() && stdin.write_all(component).await.is_ok() {
            drop(stdin.shutdown().await);
        }
        drop(stdin);
        Ok::<_, std::io::Error>(())
    };
    let mut stdout = stdout.take(limits.compile_memory_bytes);
    let mut stderr = stderr.take(COMPLAINT_BYTES_MAX as u64);
    tokio::try_join!(giving, stdout.read_to_end(&mut code), stderr.read_to_end(&mut complaint))?;
    let status = child.wait().await?;
    Ok(Output { status, stdout: code, stderr: complaint })
}

fn too_long(limits: &Limits) -> Refusal {
    Refusal::Compile(format!("it took more than {} ms (limit `compile_ms`) and was stopped", limits.compile_ms))
}

/// Why there is no code: the compiler's own words, or what killed it.
fn refusal(status: ExitStatus, complaint: &[u8], limits: &Limits) -> Refusal {
    match status.code() {
        Some(1) => {
            let complaint = String::from_utf8_lossy(complaint);
            Refusal::Compile(complaint.trim().trim_start_matches("freehold: ").to_owned())
        }
        _ => Refusal::Compile(format!(
            "the compiler was stopped ({status}): it needed more than {} bytes of memory or {} ms of time (limits \
             `compile_memory_bytes`, `compile_ms`), or the component broke it",
            limits.compile_memory_bytes, limits.compile_ms
        )),
    }
}
