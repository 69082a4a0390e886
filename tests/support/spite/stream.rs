//! A byte stream's other side that means no good: it sends for ever, as fast as it can or a byte at a time, and remembers
//! what it was told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::trouble::Result;

/// Bytes of one part of what is sent without end.
const PART: usize = 64 * 1024;
/// Bytes that are remembered.
const HEARD_MAX: usize = 1 << 20;

/// Listens on the loopback until dropped.
pub struct SpiteStream {
    address: String,
    heard: Arc<Mutex<Vec<u8>>>,
    serving: JoinHandle<()>,
}

impl SpiteStream {
    /// Starts one. It sends what the first bytes on a connection ask for: `test.endless` or `test.trickle`, else nothing.
    ///
    /// # Errors
    /// When the loopback has no free port.
    pub async fn start() -> Result<SpiteStream> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        let serving = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                // Whoever breaks off is who we are after.
                tokio::spawn(serve(tcp, Arc::clone(&hearing)));
            }
        });
        Ok(SpiteStream { address, heard, serving })
    }

    /// Its host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it was ever told `text`.
    pub fn heard(&self, text: &str) -> bool {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

impl Drop for SpiteStream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut tcp: TcpStream, heard: Arc<Mutex<Vec<u8>>>) -> std::io::Result<()> {
    let mut said = vec![0; PART];
    loop {
        let count = tcp.read(&mut said).await?;
        {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            let room = HEARD_MAX - heard.len();
            heard.extend(&said[..count.min(room)]);
        }
        match &said[..count] {
            b"" => return Ok(()),
            b"test.endless" => loop {
                tcp.write_all(&said).await?;
            },
            b"test.trickle" => loop {
                tcp.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            },
            _ => {}
        }
    }
}
