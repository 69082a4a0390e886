//! Postgres without the host's own filters: a relay between the two takes them out of every statement that the host runs as
//! a tenant, so that row-level security alone keeps tenants and customers apart.
//!
//! What a statement asks for stays: the id, the state, the page. What goes is `tenant_id = $n`, and `$2 IS NULL OR
//! customer_id = $2`, by which the host asks for the customer of a portal session. The messages are those of
//! <https://www.postgresql.org/docs/15/protocol-message-formats.html>.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use freehold_test_postgres::Database;
use freehold_tests::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What the client sends first may be a request for TLS, which has this in place of a version.
const TLS_WANTED: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// A running relay.
pub(super) struct Unfiltered {
    pub(super) address: String,
    taken_out: Arc<AtomicUsize>,
}

impl Unfiltered {
    /// Starts one in front of a database.
    pub(super) async fn before(database: &Database) -> Result<Unfiltered> {
        let own = database.url();
        let server = own.split(['@', '/']).nth(3).unwrap_or_default().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        // Without the host's memory of statements: each is sent, and judged, each time.
        let address =
            format!("{}?statement-cache-capacity=0", own.replace(&server, &listener.local_addr()?.to_string()));
        let taken_out = Arc::new(AtomicUsize::new(0));
        let counted = taken_out.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, server.clone(), counted.clone()));
            }
        });
        Ok(Unfiltered { address, taken_out })
    }

    /// From how many statements something was taken out.
    pub(super) fn taken_out(&self) -> usize {
        self.taken_out.load(Ordering::Relaxed)
    }
}

/// Goes on until either side ends; the other then hears of it.
#[expect(clippy::disallowed_methods, reason = "a test's own way to a test's own server")]
async fn relay(client: TcpStream, server: String, taken_out: Arc<AtomicUsize>) -> std::io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, mut to_client), (mut from_server, to_server)) = (client.into_split(), server.into_split());
    let answers = async { tokio::io::copy(&mut from_server, &mut to_client).await.map(drop) };
    tokio::select! {
        ended = forward(from_client, to_server, &taken_out) => ended,
        ended = answers => ended,
    }
}

async fn forward(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    taken_out: &AtomicUsize,
) -> std::io::Result<()> {
    loop {
        let first = body(&mut client).await?;
        server.write_all(&message(None, &first)).await?;
        if first != TLS_WANTED {
            break;
        }
    }
    let mut is_tenant = false;
    loop {
        let kind = client.read_u8().await?;
        let mut body = body(&mut client).await?;
        if kind == b'P' {
            let parsed = Parse::of(&body);
            // A transaction begins by saying whom it is for.
            if parsed.sql.contains("'freehold_app', true") || parsed.sql.contains("'freehold_worker', true") {
                is_tenant = parsed.sql.contains("'freehold_app', true");
            }
            let sql = without_filters(&parsed.sql);
            if is_tenant && sql != parsed.sql {
                taken_out.fetch_add(1, Ordering::Relaxed);
                body = parsed.with(&sql);
            }
        }
        server.write_all(&message(Some(kind), &body)).await?;
    }
}

async fn body(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut body = vec![0; usize::try_from(length).unwrap_or(0).saturating_sub(4)];
    from.read_exact(&mut body).await?;
    Ok(body)
}

fn message(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [kind.as_slice(), &length.to_be_bytes(), body].concat()
}

/// A statement as it is sent: a name, its text, and the types of its parameters.
struct Parse<'m> {
    name: &'m [u8],
    sql: String,
    types: &'m [u8],
}

impl Parse<'_> {
    fn of(body: &[u8]) -> Parse<'_> {
        let mut parts = body.splitn(3, |byte| *byte == 0);
        let (name, sql) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        Parse { name, sql: String::from_utf8_lossy(sql).into_owned(), types: parts.next().unwrap_or_default() }
    }

    fn with(&self, sql: &str) -> Vec<u8> {
        [self.name, &[0], sql.as_bytes(), &[0], self.types].concat()
    }
}

/// The statement with filters that hold for everything.
fn without_filters(sql: &str) -> String {
    let sql = replaced(sql, "tenant_id = $", |number| format!("${number}::text IS NOT NULL"));
    let (asked, all) = ("$2 IS NULL OR ", "customer_id = $2)");
    let mut rest = sql.as_str();
    let mut open = String::with_capacity(sql.len());
    while let Some(at) = rest.find(asked) {
        let (before, after) = rest.split_at(at + asked.len());
        open.push_str(before);
        let alias = after.find(all).filter(|end| after[..*end].chars().all(|c| c.is_ascii_alphanumeric() || c == '.'));
        rest = match alias {
            Some(end) => {
                open.push_str("$2::text IS NOT NULL)");
                &after[end + all.len()..]
            }
            None => after,
        };
    }
    open + rest
}

/// Replaces each `what` with its parameter's number, and the alias before it, by what `with` makes of the number.
fn replaced(sql: &str, what: &str, with: impl Fn(&str) -> String) -> String {
    let (mut rest, mut out) = (sql, String::with_capacity(sql.len()));
    while let Some(at) = rest.find(what) {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
        let before = rest[..at].trim_end_matches(is_part);
        let after = &rest[at + what.len()..];
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        out.push_str(before);
        out.push_str(&with(&after[..digits]));
        rest = &after[digits..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &str) {
        assert_eq!(without_filters(sql), expected);
    }

    #[test]
    fn filters_are_taken_out_and_nothing_else() {
        check(
            "SELECT * FROM a WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND id = $3",
            "SELECT * FROM a WHERE $1::text IS NOT NULL AND ($2 IS NULL OR $2::text IS NOT NULL) AND id = $3",
        );
        check("UPDATE a SET x = 1 WHERE d.tenant_id = $12", "UPDATE a SET x = 1 WHERE $12::text IS NOT NULL");
        check("JOIN b ON a.tenant_id = b.tenant_id", "JOIN b ON a.tenant_id = b.tenant_id");
        check("WHERE ($2 IS NULL OR name = $2)", "WHERE ($2 IS NULL OR name = $2)");
        check("WHERE customer_id = $3", "WHERE customer_id = $3");
    }

    #[test]
    fn a_statement_keeps_its_name_and_types() {
        let body = b"name\0SELECT 1\0\0\x01\0\0\0\x19";

        let parsed = Parse::of(body);

        assert_eq!(parsed.sql, "SELECT 1");
        assert_eq!(parsed.with("SELECT 1"), body);
    }
}
