//! An S3 server of another make: `s3s` checks each request's signature, `s3s-fs` keeps the objects as files.
//!
//! Beside that, each bucket has its own key, as in real life: with another's key a request is denied.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use tokio::task::JoinHandle;

use crate::trouble::{Result, trouble};

/// A bucket, and the key that opens it.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its owner's access key.
    pub access_key: String,
    /// Its owner's secret key.
    pub secret_key: String,
    /// The session token that must come with the key, if it is a temporary one.
    pub session_token: Option<String>,
}

impl Bucket {
    /// A bucket with a key of its own.
    pub fn new(name: &str, access_key: &str, secret_key: &str) -> Bucket {
        let text = str::to_owned;
        Bucket { name: text(name), access_key: text(access_key), secret_key: text(secret_key), session_token: None }
    }
}

/// One stored object.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Object {
    /// Its lines, as JSON; decompressed first when its key ends in `.gz`.
    ///
    /// # Errors
    /// When a line is not a JSON object.
    pub fn lines(&self) -> Result<Vec<serde_json::Value>> {
        if self.key.ends_with(".gz") {
            return crate::events::parse(&crate::events::decompressed(&self.bytes)?);
        }
        crate::events::parse(&self.bytes)
    }
}

/// One request whose signature was right.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The bucket.
    pub bucket: String,
    /// The object's key, if it named one.
    pub key: Option<String>,
    /// The access key that it was signed with.
    pub access_key: String,
    /// All headers.
    pub headers: http::HeaderMap,
    /// When it came.
    pub at: Instant,
}

/// One connection, open or not any more.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// The access keys that its requests named.
    pub access_keys: BTreeSet<String>,
    /// Whether it is over.
    pub closed: bool,
}

/// Listens on the loopback until dropped.
pub struct S3Server {
    url: String,
    folder: tempfile::TempDir,
    door: Door,
    serving: JoinHandle<()>,
}

/// Decides, after the signature, what each key may do.
#[derive(Clone)]
struct Door {
    root: PathBuf,
    owners: Arc<HashMap<String, Bucket>>,
    refusals: Arc<Mutex<VecDeque<S3ErrorCode>>>,
    seen: Arc<Mutex<Vec<Request>>>,
    disabled: Arc<Mutex<BTreeSet<String>>>,
    connections: Arc<Mutex<Vec<Connection>>>,
}

impl S3Server {
    /// Starts one with these buckets, all empty.
    ///
    /// # Errors
    /// When the loopback has no free port, or the folders cannot be made.
    pub async fn start(buckets: &[Bucket]) -> Result<S3Server> {
        let folder = tempfile::tempdir()?;
        let mut auth = SimpleAuth::new();
        let mut owners = HashMap::new();
        for bucket in buckets {
            std::fs::create_dir_all(folder.path().join(&bucket.name))?;
            auth.register(bucket.access_key.clone(), bucket.secret_key.as_str().into());
            owners.insert(bucket.access_key.clone(), bucket.clone());
        }
        let door = Door {
            root: folder.path().to_path_buf(),
            owners: Arc::new(owners),
            refusals: Arc::default(),
            seen: Arc::default(),
            disabled: Arc::default(),
            connections: Arc::default(),
        };
        let files = s3s_fs::FileSystem::new(folder.path()).map_err(|error| trouble(format!("s3s-fs: {error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(auth);
        builder.set_access(door.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(serve(listener, builder.build(), door.connections.clone()));
        Ok(S3Server { url, folder, door, serving })
    }

    /// Its address, for path-style requests.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next requests whose signature is right with these errors, one each.
    pub fn refuse_next(&self, codes: impl IntoIterator<Item = S3ErrorCode>) {
        self.door.refusals.lock().unwrap_or_else(PoisonError::into_inner).extend(codes);
    }

    /// Whether every refusal that was asked for was given.
    pub fn has_refused(&self) -> bool {
        self.door.refusals.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Refuses an access key from now on, as when its owner deletes it.
    pub fn disable(&self, access_key: &str) {
        self.door.disabled.lock().unwrap_or_else(PoisonError::into_inner).insert(access_key.to_owned());
    }

    /// Every connection that there ever was, in the order in which they were made.
    pub fn connections(&self) -> Vec<Connection> {
        self.door.connections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The objects of a bucket, in the order of their keys.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub fn objects(&self, bucket: &str) -> Result<Vec<Object>> {
        let root = self.folder.path().join(bucket);
        let mut objects = Vec::new();
        collect(&root, &root, &mut objects)?;
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    /// Every request whose signature was right, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        self.door.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: tokio::net::TcpListener, service: S3Service, connections: Arc<Mutex<Vec<Connection>>>) {
    let mut number = 0;
    while let Ok((socket, _)) = listener.accept().await {
        let (service, connections) = (service.clone(), connections.clone());
        connections.lock().unwrap_or_else(PoisonError::into_inner).push(Connection::default());
        let note = move |act: &mut dyn FnMut(&mut Connection)| {
            connections.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number).into_iter().for_each(act);
        };
        number += 1;
        tokio::spawn(async move {
            let noting = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
                if let Some(key) = access_key(request.headers()) {
                    note(&mut |connection| connection.access_keys.extend([key.to_owned()]));
                }
                Service::call(&service, request)
            });
            // A client that goes away is no concern of the server's.
            drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), noting).await);
            note(&mut |connection| connection.closed = true);
        });
    }
}

/// The access key that a request names, true or not (AWS Signature Version 4).
fn access_key(headers: &http::HeaderMap) -> Option<&str> {
    let (_, after) = headers.get("authorization")?.to_str().ok()?.split_once("Credential=")?;
    after.split('/').next()
}

#[async_trait::async_trait]
impl S3Access for Door {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = context.credentials() else { return Err(s3_error!(AccessDenied, "Sign the request")) };
        let owner = self.owners.get(&credentials.access_key).ok_or_else(|| s3_error!(InvalidAccessKeyId))?;
        let bucket = context.s3_path().get_bucket_name().unwrap_or_default().to_owned();
        let key = context.s3_path().get_object_key().map(str::to_owned);
        let headers = context.headers().clone();
        let token = headers.get("x-amz-security-token").and_then(|token| token.to_str().ok()).map(str::to_owned);
        let method = context.method().to_string();
        let access_key = credentials.access_key.clone();
        let disabled = self.disabled.lock().unwrap_or_else(PoisonError::into_inner).contains(&access_key);
        let seen = Request { method, bucket: bucket.clone(), key, access_key, headers, at: Instant::now() };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        if disabled {
            return Err(s3_error!(InvalidAccessKeyId, "The access key does not exist"));
        }
        let refusal = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(code) = refusal {
            return Err(S3Error::with_message(code, "refused as the test asked"));
        }
        if token != owner.session_token {
            return Err(s3_error!(InvalidToken, "The provided token is malformed or otherwise invalid."));
        }
        if !self.root.join(&bucket).is_dir() {
            return Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"));
        }
        if owner.name == bucket { Ok(()) } else { Err(s3_error!(AccessDenied, "Access Denied")) }
    }
}

fn collect(root: &Path, folder: &Path, objects: &mut Vec<Object>) -> Result {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, objects)?;
        } else {
            let key = path.strip_prefix(root)?.to_string_lossy().into_owned();
            objects.push(Object { key, bytes: std::fs::read(&path)? });
        }
    }
    Ok(())
}
