//! What if an answer gets lost? A way to a broker that leads through this program, which can cut it at the worst moment.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::trouble::Result;

/// What a request to write records has in its third and fourth bytes after the length: `Produce`.
const PRODUCE: [u8; 2] = [0, 0];

/// A frame that is longer is none of Kafka's.
const FRAME_MAX: usize = 128 << 20;

/// A way to one broker. It is closed when dropped.
pub struct Detour {
    losses: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Detour {
    /// Leads whoever comes to one port of the loopback on to the other.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn open(from: u16, to: u16) -> Result<Detour> {
        let listener = TcpListener::bind(("127.0.0.1", from)).await?;
        let losses = Arc::new(AtomicUsize::new(0));
        let shared = losses.clone();
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // It ends when either side does, which is no news.
                tokio::spawn(lead(client, to, shared.clone()));
            }
        });
        Ok(Detour { losses, serving })
    }

    /// Loses the answers to the next `times` requests that write records: they are written, and then the connection breaks.
    pub fn lose_answers(&self, times: usize) {
        self.losses.store(times, Ordering::SeqCst);
    }

    /// How many more answers will be lost.
    pub fn losses_left(&self) -> usize {
        self.losses.load(Ordering::SeqCst)
    }
}

impl Drop for Detour {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The requests under way whose answers tell what was written, by their numbers.
type Writes = Arc<Mutex<HashSet<[u8; 4]>>>;

async fn lead(client: TcpStream, to: u16, losses: Arc<AtomicUsize>) -> Result {
    let broker = connect(to).await?;
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let writes = Writes::default();
    tokio::select! {
        ended = requests(from_client, to_broker, writes.clone()) => ended,
        ended = answers(from_broker, to_client, writes, losses) => ended,
    }
}

#[expect(clippy::disallowed_methods, reason = "tests lead to the broker that they started")]
async fn connect(to: u16) -> Result<TcpStream> {
    Ok(TcpStream::connect(("127.0.0.1", to)).await?)
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, writes: Writes) -> Result {
    loop {
        let frame = frame(&mut from).await?;
        if frame.get(4..6) == Some(&PRODUCE)
            && let Some(number) = frame.get(8..12).and_then(|number| number.try_into().ok())
        {
            writes.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        }
        to.write_all(&frame).await?;
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, writes: Writes, losses: Arc<AtomicUsize>) -> Result {
    loop {
        let frame = frame(&mut from).await?;
        let number: Option<[u8; 4]> = frame.get(4..8).and_then(|number| number.try_into().ok());
        let tells = number.is_some_and(|n| writes.lock().unwrap_or_else(PoisonError::into_inner).remove(&n));
        let lost = |left: usize| left.checked_sub(1);
        if tells && losses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lost).is_ok() {
            return Ok(());
        }
        to.write_all(&frame).await?;
    }
}

/// One request or answer: four bytes of length, and what they count.
async fn frame(from: &mut OwnedReadHalf) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).await?;
    let bytes = usize::try_from(u32::from_be_bytes(length))?.min(FRAME_MAX);
    let mut frame = vec![0; 4 + bytes];
    frame[..4].copy_from_slice(&length);
    from.read_exact(&mut frame[4..]).await?;
    Ok(frame)
}
