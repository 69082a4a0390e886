//! Behaves, as plugins do that need more than a POST: tells its secret over a byte stream, computes with it, calls over
//! HTTP/2, and logs what comes of it.

use std::cell::RefCell;

use freehold_sdk::credential::{self, Hash, Secret};
use freehold_sdk::http::Request;
use freehold_sdk::stream::{Stream, Target};
use freehold_sdk::{Batch, Error, Outcome, log};
use misbehaviour::Config;

misbehaviour::guest!("stream-talker");

thread_local! {
    /// Kept from batch to batch, as a plugin for Kafka keeps its brokers.
    static KEPT: RefCell<Option<Stream>> = const { RefCell::new(None) };
}

//  `test.member`: tells the JSON member `private` of its secret, and logs the member `public`
//  `test.scram`: logs the client's proof of the example in RFC 7677 §3
//  `test.leave`: asks the other side to go, and waits until it has gone
//  `test.http2`: calls its `url` over HTTP/2, and logs what followed the body
//  anything else: tells its secret
fn deliver(config: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let secret = credential::field("secret")?;
    match misbehaviour::first_type(&batch) {
        "test.member" => {
            log::info!("public: {:?}", secret.json_text("public")?);
            talk(config, &secret.json_member("private")?)?;
        }
        "test.scram" => log::info!("proof: {:02x?}", proof(&secret)?),
        "test.http2" => {
            let answer = Request::post(config.url()?).http2().header("content-type", "application/grpc").send()?;
            log::info!("status: {:?}, {} bytes before it", answer.trailer("grpc-status"), answer.body().len());
        }
        "test.leave" => leave(config)?,
        _ => talk(config, &secret)?,
    }
    Ok(misbehaviour::delivered(&batch))
}

fn connected(config: &Config) -> Result<Stream, Error> {
    let kept = KEPT.take().filter(Stream::is_open);
    log::info!("{}", if kept.is_some() { "the stream was kept" } else { "the stream is new" });
    kept.map_or_else(|| Target::new(&config.stream("tcp")?).connect(), Ok)
}

fn talk(config: &Config, secret: &Secret) -> Result<(), Error> {
    let mut stream = connected(config)?;
    stream.write_secret(b"<", secret, b">")?;
    let length = u32::try_from(secret.length()).unwrap_or(u32::MAX);
    let echo = stream.read_exact(length + 2)?;
    log::info!("echo: {}", String::from_utf8_lossy(&echo));
    KEPT.set(Some(stream));
    Ok(())
}

fn leave(config: &Config) -> Result<(), Error> {
    let mut stream = connected(config)?;
    stream.write(b"leave")?;
    let end = stream.read(1)?;
    log::info!("after {} bytes it is open: {}", end.len(), stream.is_open());
    KEPT.set(Some(stream));
    Ok(())
}

fn proof(password: &Secret) -> Result<Vec<u8>, Error> {
    const SALT: [u8; 16] =
        [0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let conversation =
        format!("n=user,r=rOprNGfwEbeRWgbNEkqO,r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={NONCE}");
    let salted = password.derive_pbkdf2(Hash::Sha256, &SALT, 4096)?;
    let key = salted.hmac_sha256(b"Client Key");
    let stored = credential::seal(key).sha256(b"", b"");
    let signature = credential::seal(stored).hmac_sha256(conversation.as_bytes());
    Ok(key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect())
}
