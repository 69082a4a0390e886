//! What if an answer gets lost? A way to a server that leads through this program, which can cut it at the worst moment: when what
//! was sent has arrived, and before anyone hears so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::trouble::Result;

/// More than a client says at once before it is signed in, and less than a batch.
const BATCH_BYTES: usize = 2_500;

/// A way to one server, whatever it speaks, with TLS or without. It is closed when dropped.
pub struct Cut {
    address: String,
    losses: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Cut {
    /// Leads whoever comes to its own address on to a port of the loopback.
    ///
    /// # Errors
    /// When there is no port for it.
    pub async fn open(to: u16) -> Result<Cut> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let losses = Arc::new(AtomicUsize::new(0));
        let shared = losses.clone();
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // It ends when either side does, which is no news.
                tokio::spawn(lead(client, to, shared.clone()));
            }
        });
        Ok(Cut { address, losses, serving })
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Breaks the connection at each of the next `times` answers to a batch.
    pub fn lose_answers(&self, times: usize) {
        self.losses.store(times, Ordering::SeqCst);
    }

    /// How many more answers will be lost.
    pub fn losses_left(&self) -> usize {
        self.losses.load(Ordering::SeqCst)
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn lead(client: TcpStream, to: u16, losses: Arc<AtomicUsize>) -> Result {
    let server = connect(to).await?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let unanswered = AtomicUsize::new(0);
    tokio::select! {
        ended = there(from_client, to_server, &unanswered) => ended,
        ended = back(from_server, to_client, &unanswered, &losses) => ended,
    }
}

#[expect(clippy::disallowed_methods, reason = "tests lead to the server that they started")]
async fn connect(to: u16) -> Result<TcpStream> {
    Ok(TcpStream::connect(("127.0.0.1", to)).await?)
}

async fn there(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, unanswered: &AtomicUsize) -> Result {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        unanswered.fetch_add(count, Ordering::SeqCst);
        to.write_all(&bytes[..count]).await?;
    }
}

async fn back(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    unanswered: &AtomicUsize,
    losses: &AtomicUsize,
) -> Result {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut bytes).await?;
        let answers_a_batch = unanswered.swap(0, Ordering::SeqCst) > BATCH_BYTES;
        let lost = |left: usize| left.checked_sub(1);
        let is_lost = answers_a_batch && losses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lost).is_ok();
        if count == 0 || is_lost {
            return Ok(());
        }
        to.write_all(&bytes[..count]).await?;
    }
}
