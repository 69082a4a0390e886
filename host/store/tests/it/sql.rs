//! Rules that every statement of the crate keeps: it names the tenant, and it uses an index.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use freehold_model::delivery::DeliveryState;
use freehold_model::destination::PauseReason;
use freehold_store::{AuditFilter, IngestError, Store, StoreError};

use crate::support::{Engine, Home, audit, first, pause, retry};

/// Statements that touch a tenant's table without naming a tenant, besides those whose function or constant says
/// `across_tenants`.
const ACROSS_TENANTS: [&str; 1] = [
    // The next event's number: a count, nobody's data.
    "SELECT coalesce(max(seq), 0) AS newest FROM events",
];

/// A string literal of the sources, with what it is part of.
struct Literal {
    file: PathBuf,
    line: usize,
    /// The function or constant that it stands in.
    owner: String,
    text: String,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.file_name().is_some_and(|name| name == "tests.rs") {
            // Tests may ask what no code of the store would.
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every string literal of the crate. Knows comments, characters and escapes, as far as this crate uses them.
fn literals() -> Vec<Literal> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut literals = Vec::new();
    for file in files {
        let source = std::fs::read_to_string(&file).unwrap();
        let (mut owner, mut rest, mut line) = (String::new(), source.as_str(), 1);
        while let Some(next) = rest.chars().next() {
            let word = |keyword: &str| rest.strip_prefix(keyword).map(name_at);
            let length = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if let Some(name) = word("fn ").or_else(|| word("const ")).or_else(|| word("static ")) {
                owner = name;
                3
            } else if rest.starts_with("'\"'") {
                3
            } else if next == '"' {
                let text = literal_at(&rest[1..]);
                literals.push(Literal { file: file.clone(), line, owner: owner.clone(), text: text.to_owned() });
                text.len() + 2
            } else {
                next.len_utf8()
            };
            line += rest[..length].matches('\n').count();
            rest = &rest[length..];
        }
    }
    literals
}

fn name_at(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn literal_at(text: &str) -> &str {
    let mut escaped = false;
    let end = text.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    &text[..end.expect("a literal ends")]
}

/// Tables of the schema that have a `tenant_id`, read off the migrations.
fn tenant_tables() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let mut tables = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let sql = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for table in sql.split("CREATE TABLE ").skip(1) {
            let (name, body) = table.split_once(" (").unwrap();
            let body = body.split_once("STRICT").unwrap().0;
            assert!(
                body.contains("tenant_id") || ["canary", "keks", "attempts_digested"].contains(&name),
                "table {name} belongs to no tenant"
            );
            if body.contains("tenant_id") {
                tables.insert(name.to_owned());
            }
        }
    }
    tables
}

/// The tenant tables that a statement reads or writes.
fn touched(statement: &str, tables: &BTreeSet<String>) -> Vec<String> {
    let words: Vec<&str> =
        statement.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).collect();
    let begins = |word: &str| ["FROM", "JOIN", "INTO", "UPDATE"].contains(&word);
    words.windows(2).filter(|pair| begins(pair[0]) && tables.contains(pair[1])).map(|pair| pair[1].to_owned()).collect()
}

/// Texts of statements: what is not prose begins with one of their verbs, or continues one (` AND …`).
fn is_sql(text: &str) -> bool {
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", " AND ", " UNION ", " ON CONFLICT "];
    verbs.iter().any(|verb| text.starts_with(verb))
}

#[test]
fn every_statement_names_the_tenant_or_says_that_it_does_not() {
    let tables = tenant_tables();
    assert!(tables.len() >= 12, "{tables:?}");
    let mut statements = 0;

    for literal in literals().iter().filter(|literal| is_sql(&literal.text)) {
        for statement in literal.text.split(';').map(str::trim) {
            let touched = touched(statement, &tables);
            if touched.is_empty() {
                continue;
            }
            statements += 1;
            let declared = literal.owner.to_lowercase().contains("across_tenants");
            assert!(
                statement.contains("tenant_id") || declared || ACROSS_TENANTS.contains(&statement),
                "{}:{}: {} touches {touched:?} without naming a tenant:\n{statement}",
                literal.file.display(),
                literal.line,
                literal.owner,
            );
        }
    }

    assert!(statements > 60, "only {statements} statements were found: does the search still work?");
}

#[test]
fn statements_that_ask_for_one_customer_allow_no_other() {
    for literal in literals().iter().filter(|literal| is_sql(&literal.text)) {
        for statement in literal.text.split(';').map(str::trim).filter(|statement| statement.contains("$2 IS NULL")) {
            let open = statement.matches("$2 IS NULL OR ").count();
            let closed = statement.matches("customer_id = $2)").count();
            assert_eq!(open, closed, "{}:{}:\n{statement}", literal.file.display(), literal.line);
        }
    }
}

/// Statements with all their parameters in place, which can be explained. Lists are put together from parts, so they
/// are written out here.
fn explainable() -> Vec<String> {
    let mut statements: Vec<String> = literals()
        .into_iter()
        .filter(|literal| ["SELECT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|verb| literal.text.starts_with(verb)))
        .filter(|literal| !literal.text.ends_with("= "))
        // What only Postgres runs.
        .filter(|literal| {
            !["sql/lock.rs", "sql/dialect.rs", "sql/copy.rs"].iter().any(|file| literal.file.ends_with(file))
                && !literal.file.to_string_lossy().contains("postgres")
        })
        // Only databases from before there were chains have it, and once.
        .filter(|literal| !literal.text.contains("audit_unchained"))
        .flat_map(|literal| literal.text.split(';').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    let page =
        |moment: &str, seq: &str| format!("AND ({moment}, {seq}) < (5, 6) ORDER BY {moment} DESC, {seq} DESC LIMIT 7");
    for (table, moment, filters) in [
        ("events", "accepted_at", vec!["", "AND customer_id = 'c'", "AND accepted_at >= 1 AND accepted_at < 9"]),
        ("attempts", "started_at", vec!["", "AND customer_id = 'c'", "AND destination_id = 'd'"]),
        ("audit", "at", vec!["", "AND customer_id = 'c'"]),
        ("customers", "created_at", vec!["AND deleted_at IS NULL"]),
        ("destinations", "created_at", vec!["AND deleted_at IS NULL", "AND deleted_at IS NULL AND customer_id = 'c'"]),
        ("deliveries", "created_at", vec!["", "AND customer_id = 'c'", "AND destination_id = 'd'"]),
        ("deliveries", "created_at", vec!["AND state = 'dead'", "AND state = 'dead' AND destination_id = 'd'"]),
    ] {
        for filter in filters {
            let page = page(moment, "seq");
            statements.push(format!("SELECT * FROM {table} WHERE tenant_id = 't' {filter} {page}"));
        }
    }
    statements.push(format!(
        "SELECT d.*, e.event_id FROM deliveries AS d
            CROSS JOIN events AS e ON e.tenant_id = d.tenant_id AND e.seq = d.event_seq
            LEFT JOIN batches AS b ON b.tenant_id = d.tenant_id AND b.batch_id = d.batch_id
            WHERE d.tenant_id = 't' AND d.destination_id = 'd' {}",
        page("d.created_at", "d.seq")
    ));
    statements
}

#[tokio::test]
async fn no_statement_reads_a_whole_table_or_sorts_a_list() {
    let home = Home::new(Engine::Sqlite).await;
    let mut connection = connect(&home).await;
    // What has few rows may be read whole, and counting the queue is meant to.
    let small = [
        "FROM tenants",
        "FROM canary",
        "FROM attempts_digested",
        "FROM keks",
        "count(*) FROM deliveries",
        "FROM api_keys",
    ];
    let mut explained = 0;

    for statement in explainable() {
        let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{error}:\n{statement}"));
        let plan: Vec<String> = rows.iter().map(|row| row.get::<String, _>("detail")).collect();
        explained += 1;
        if small.iter().any(|table| statement.contains(table)) {
            continue;
        }

        assert!(!plan.iter().any(|step| scans_table(step)), "{statement}\n{plan:#?}");
        // Paging through all of a tenant is what its lists are for; anything else must narrow it down further.
        let whole_tenant = |step: &String| {
            step.ends_with("(tenant_id=?)") && !statement.contains("LIMIT 7")
            // The last of a tenant's rows in the order of their key is one step.
            && !statement.ends_with("LIMIT 1")
        };
        assert!(!plan.iter().any(whole_tenant), "{statement}\n{plan:#?}");
        let listed = plan.iter().position(|step| is_list(step));
        assert!(listed.is_none_or(|place| place == 0), "starts elsewhere than at its list:\n{statement}\n{plan:#?}");
        if statement.contains("LIMIT 7") {
            assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{statement}\n{plan:#?}");
        }
    }

    assert!(explained > 50, "only {explained} statements were explained");
}

/// Whether a step reads all rows of a table or of a whole index, other than the small ones of open and leased batches, of
/// versions that drain and of installed types.
fn scans_table(step: &str) -> bool {
    let small = [
        "json_each",
        "VIRTUAL TABLE",
        "CONSTANT ROW",
        "batches_leased",
        "batches_open",
        "credentials_draining",
        "destination_types",
    ];
    // What a statement computed itself.
    let computed =
        ["chain", "waiting", "begun", "lane", "ended", "counted"].iter().any(|name| step == format!("SCAN {name}"));
    step.starts_with("SCAN") && !computed && !small.iter().any(|part| step.contains(part))
}

/// Whether a step goes through a list that came as a parameter and is joined to a table.
fn is_list(step: &str) -> bool {
    step.contains("VIRTUAL TABLE") && !step.starts_with("SCAN json_each")
}

#[tokio::test]
async fn the_audit_log_only_grows() {
    let home = Home::new(Engine::Sqlite).await;
    let mut connection = connect(&home).await;

    for statement in ["UPDATE audit SET action = 'nothing'", "DELETE FROM audit"] {
        let refused = sqlx::query(statement).execute(&mut connection).await.unwrap_err().to_string();

        assert!(refused.contains("the audit log only grows"), "{refused}");
    }
}

/// Another connection to the database of `home`, as an operator's tool would open it.
async fn connect(home: &Home) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(home.path()).busy_timeout(Duration::from_secs(10));
    options.connect().await.unwrap()
}

#[tokio::test]
async fn a_long_queue_is_cancelled_in_portions() {
    let home = Home::new(Engine::Sqlite).await;
    let destination = home.destination().await;
    home.publish(&["a", "b"]).await;
    let batch = home.claim_one(&destination).await;
    home.settle(&batch, vec![retry(home.now())]).await;
    let copies = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
        INSERT INTO deliveries
            (tenant_id, customer_id, destination_id, delivery_id, event_seq, bytes, state, created_at)
        SELECT tenant_id, customer_id, destination_id, printf('dlv_%026d', i), event_seq, bytes, 'queued', created_at
        FROM deliveries CROSS JOIN n WHERE seq = 1";
    sqlx::query(copies).execute(&mut connect(&home).await).await.unwrap();
    assert_eq!(home.store.queued_across_tenants().await.unwrap(), 25_002);

    home.store.delete_destination(&home.scope, &destination, &audit("delete")).await.unwrap();

    assert_eq!(home.store.queued_across_tenants().await.unwrap(), 0);
    let retried = home.store.delivery(&home.scope, &batch.members[0].id).await.unwrap().unwrap();
    assert_eq!((retried.state, retried.attempts), (DeliveryState::Cancelled, 1));
}

#[tokio::test]
async fn a_restart_cancels_what_a_crash_left_queued() {
    let mut home = Home::new(Engine::Sqlite).await;
    home.destination().await;
    home.publish(&["a"]).await;
    let first_transaction = "UPDATE destinations SET deleted_at = 1";
    sqlx::query(first_transaction).execute(&mut connect(&home).await).await.unwrap();

    home.reopen().await;

    assert_eq!(home.store.queued_across_tenants().await.unwrap(), 0);
}

#[tokio::test]
async fn a_row_that_does_not_parse_is_named() {
    let home = Home::new(Engine::Sqlite).await;
    let (broken, _) = (home.destination().await, home.destination().await);
    let damage = "UPDATE destinations SET subscription = '[\"a..b\"]' WHERE destination_id = $1";
    sqlx::query(damage).bind(broken.as_str()).execute(&mut connect(&home).await).await.unwrap();
    let expected =
        StoreError::Inconsistent { table: "destinations", column: "subscription".to_owned(), row: broken.to_string() };

    assert_eq!(home.store.destination(&home.scope, &broken).await, Err(expected.clone()));
    assert_eq!(home.try_publish(vec![home.event("a")]).await, Err(IngestError::Store(expected)));
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let home = Home::new(Engine::Sqlite).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (999, 'later', 1, x'00', 0)";
    sqlx::query(newer).execute(&mut connect(&home).await).await.unwrap();

    let refused = Store::open(&home.path(), home.sources.clone()).await.unwrap_err();

    assert!(refused.to_string().contains("newer version"), "{refused}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_database_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new(Engine::Sqlite).await;

    for entry in std::fs::read_dir(home.path().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();

        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[tokio::test]
async fn a_rotation_that_fails_at_any_statement_changes_nothing() {
    let home = Home::new(Engine::Sqlite).await;
    let id = home.destination().await;
    home.activate(&id).await;
    home.add_version(&id).await.unwrap();
    let mut connection = connect(&home).await;
    let before = home.store.credentials(&home.scope, &id).await.unwrap();
    let log = home.store.audit(&home.scope, &AuditFilter::default(), &first(99)).await.unwrap();
    let lost = pause(&home, PauseReason::Auth);

    for (place, statement) in [
        "UPDATE ON destinations",
        "INSERT ON audit",
        "UPDATE ON credentials",
        // The second of the two versions that a cutover changes.
        "UPDATE ON credentials WHEN new.state = 'active'",
    ]
    .into_iter()
    .enumerate()
    {
        let trap = format!("CREATE TRIGGER trap BEFORE {statement} BEGIN SELECT RAISE(ABORT, 'cut off'); END");
        sqlx::query(AssertSqlSafe(trap)).execute(&mut connection).await.unwrap();

        let cut_over = home.force(&id, 2).await.map(|_| ());
        let revoked = match place {
            3 => cut_over.clone(),
            _ => home.store.revoke_credential(&home.scope, (&id, 1), &lost, &audit("revoke")).await.map(|_| ()),
        };
        sqlx::query("DROP TRIGGER trap").execute(&mut connection).await.unwrap();

        assert!(cut_over.is_err() && revoked.is_err(), "{statement}");
        assert_eq!(home.store.credentials(&home.scope, &id).await.unwrap(), before, "{statement}");
        let destination = home.store.destination(&home.scope, &id).await.unwrap().unwrap();
        assert_eq!((destination.credential_version, destination.state.is_active()), (Some(1), true), "{statement}");
    }

    let after = home.store.audit(&home.scope, &AuditFilter::default(), &first(99)).await.unwrap();
    assert_eq!(after, log);
    home.force(&id, 2).await.unwrap();
}
