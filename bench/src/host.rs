//! The real program beside this one, for measurements through all of it.

use std::path::Path;

use freehold_tests::{Api, Setup, TestHost};
use tokio::task::JoinSet;

use crate::{Failed, told};

/// How many requests that only set the stage are under way at once.
const AT_ONCE: usize = 16;

/// Starts it with these types, and makes a tenant.
pub(crate) async fn start(plugins: &Path, types: &[&str]) -> Result<(TestHost, Api), Failed> {
    let setup = Setup {
        components: types.iter().map(|name| plugins.join(format!("{name}.wasm"))).collect(),
        binary: Some(std::env::current_exe()?.with_file_name("freehold")),
        environment: vec![("FREEHOLD_LOG".into(), "error".into())],
        ..Setup::default()
    };
    let host = TestHost::start_with(setup).await.map_err(told)?;
    let api = host.tenant("bench").map_err(told)?;
    Ok((host, api))
}

/// Does `work` for each of `0..count`, some at once, and returns what came of it in that order.
pub(crate) async fn each<T, F>(count: usize, work: impl Fn(usize) -> F) -> Result<Vec<T>, Failed>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failed>> + Send + 'static,
{
    let (mut working, mut made) = (JoinSet::new(), Vec::with_capacity(count));
    for number in 0..count {
        if working.len() == AT_ONCE
            && let Some(one) = working.join_next().await
        {
            made.push(one??);
        }
        let one = work(number);
        working.spawn(async move { Ok::<_, Failed>((number, one.await?)) });
    }
    while let Some(one) = working.join_next().await {
        made.push(one??);
    }
    made.sort_by_key(|(number, _)| *number);
    Ok(made.into_iter().map(|(_, made)| made).collect())
}
