//! How are entries kept? As rows of an SQLite database. Rows are only ever added.
//!
//! Nothing in the file is trusted: its tables must be exactly those defined here, and each row that is read must match
//! its leaf.

use std::path::Path;
use std::time::Duration;

use opus_runtime::Hash;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, Transaction, TransactionBehavior, params};

use crate::entry::Entry;
use crate::error::StoreError;
use crate::kind::Kind;
use crate::minisign::Signature;
use crate::time::Time;

/// The file in the store's folder.
pub(crate) const FILE: &str = "ledger.db";
/// What marks the file as ours: `opus`.
const APPLICATION: i64 = 0x6F70_7573;
/// The number of the schema below.
const SCHEMA: i64 = 1;
/// How long one process waits for another to end its publication.
const WAIT: Duration = Duration::from_secs(60);
/// How often the first processes that use a ledger try to prepare it at the same time, and how long they pause.
const TRIES: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(50);

/// What is in the database: of each table or trigger the name, the table that it belongs to, and how it is created.
const TABLES: &[(&str, &str, &str)] = &[
    (
        "entry",
        "entry",
        "CREATE TABLE entry (
  number INTEGER PRIMARY KEY CHECK (number > 0),
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  object BLOB NOT NULL CHECK (length(object) = 32),
  publisher TEXT,
  time INTEGER NOT NULL,
  claimed INTEGER NOT NULL CHECK (claimed IN (0, 1)),
  replaces BLOB CHECK (length(replaces) = 32),
  leaf BLOB NOT NULL CHECK (length(leaf) = 32)
) STRICT",
    ),
    (
        "signature",
        "signature",
        "CREATE TABLE signature (
  entry INTEGER NOT NULL REFERENCES entry (number),
  position INTEGER NOT NULL CHECK (position > 0),
  key BLOB NOT NULL CHECK (length(key) = 8),
  text TEXT NOT NULL,
  PRIMARY KEY (entry, position)
) STRICT, WITHOUT ROWID",
    ),
    (
        "entry_stays",
        "entry",
        "CREATE TRIGGER entry_stays BEFORE UPDATE ON entry BEGIN SELECT RAISE (ABORT, 'entries are not changed'); END",
    ),
    (
        "entry_remains",
        "entry",
        "CREATE TRIGGER entry_remains BEFORE DELETE ON entry BEGIN SELECT RAISE (ABORT, 'entries are not removed'); END",
    ),
    (
        "signature_stays",
        "signature",
        "CREATE TRIGGER signature_stays BEFORE UPDATE ON signature BEGIN SELECT RAISE (ABORT, 'signatures are not changed'); END",
    ),
    (
        "signature_remains",
        "signature",
        "CREATE TRIGGER signature_remains BEFORE DELETE ON signature BEGIN SELECT RAISE (ABORT, 'signatures are not removed'); END",
    ),
];

/// A table or trigger: its type, whether it has pages of its own, its name, its table, and how it is created.
type Declared = (String, bool, String, String, String);

/// An open ledger.
pub(crate) struct Ledger {
    connection: Connection,
    /// Whether there are no tables yet: the process that created the file was killed.
    is_blank: bool,
}

/// What was read of an entry.
pub(crate) struct Found {
    /// Its number as the row has it.
    pub number: i64,
    /// The entry, which fits its leaf, or what is wrong.
    pub entry: Result<Entry, String>,
}

impl Ledger {
    /// Opens a ledger for reading.
    pub fn open(store: &Path) -> Result<Ledger, StoreError> {
        let path = store.join(FILE);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&path, flags).and_then(Ledger::prepared);
        let opened = match opened.map_err(|error| (error.sqlite_error_code(), error)) {
            Ok(ledger) => Ok(ledger),
            // a folder that cannot be written has no place for SQLite's own files; who writes has a log there
            Err((Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly), _)) if !has_log(&path) => {
                let uri = format!("file:{}?immutable=1", escaped(&path));
                Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
                    .and_then(Ledger::prepared)
            }
            // a process was killed, and SQLite has to take back what it left unfinished
            Err((Some(ErrorCode::ReadOnly), _)) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(&path, flags).and_then(Ledger::prepared)
            }
            Err((_, error)) => Err(error),
        };
        let ledger = opened.map_err(|error| damaged(&path, &error))?;
        ledger.check_schema(&path)
    }

    /// Opens a ledger for writing, and creates it if there is none.
    pub fn create(store: &Path) -> Result<Ledger, StoreError> {
        let path = store.join(FILE);
        let create = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(WAIT)?;
            keep_a_log(&connection)?;
            let mut ledger = Ledger::prepared(connection)?;
            ledger.connection.pragma_update(None, "synchronous", "FULL")?;
            if ledger.is_blank {
                ledger.create_tables()?;
            }
            Ok(ledger)
        };
        create().map_err(|error| damaged(&path, &error)).and_then(|ledger| ledger.check_schema(&path))
    }

    fn prepared(connection: Connection) -> rusqlite::Result<Ledger> {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        let is_blank = is_blank(&connection)?;
        Ok(Ledger { connection, is_blank })
    }

    fn create_tables(&mut self) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // another process may have been faster
        if is_blank(&transaction)? {
            TABLES.iter().try_for_each(|(_, _, create)| transaction.execute_batch(create))?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", SCHEMA)?;
        }
        transaction.commit()?;
        self.is_blank = false;
        Ok(())
    }

    fn check_schema(self, path: &Path) -> Result<Ledger, StoreError> {
        if self.is_blank {
            return Ok(self);
        }
        let number = |pragma: &str| -> rusqlite::Result<i64> {
            self.connection.pragma_query_value(None, pragma, |row| row.get(0))
        };
        let read = || -> rusqlite::Result<_> {
            let mut statement = self
                .connection
                .prepare("SELECT type, rootpage > 0, name, tbl_name, sql FROM sqlite_schema")?;
            let row = |row: &Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
            let tables: Vec<Declared> = statement.query_map([], row)?.collect::<rusqlite::Result<_>>()?;
            Ok((number("application_id")?, number("user_version")?, tables))
        };
        let (application, schema, mut tables) = read().map_err(|error| damaged(path, &error))?;
        let place = format!("`{}`", path.display());
        if application != APPLICATION {
            return Err(StoreError::file("it is not a ledger of opus").at(place));
        }
        if schema != SCHEMA {
            let error = format!("the ledger has schema {schema}, and this version reads schema {SCHEMA}");
            return Err(StoreError::file(error).at(place).help("use the version of opus that wrote it"));
        }
        let declared = |(name, table, create): &(&str, &str, &str)| {
            let (kind, has_rows) = if name == table { ("table", true) } else { ("trigger", false) };
            (kind.to_owned(), has_rows, (*name).to_owned(), (*table).to_owned(), (*create).to_owned())
        };
        let mut expected: Vec<Declared> = TABLES.iter().map(declared).collect();
        tables.sort();
        expected.sort();
        match tables == expected {
            true => Ok(self),
            false => Err(StoreError::file(format!("its tables are not those of schema {SCHEMA}")).at(place)),
        }
    }

    /// Whether there are no tables, and so no entries.
    pub fn is_blank(&self) -> bool {
        self.is_blank
    }

    /// Reads all entries, in their order.
    pub fn read(&self) -> rusqlite::Result<Vec<Found>> {
        if self.is_blank {
            return Ok(Vec::new());
        }
        let transaction = self.connection.unchecked_transaction()?;
        read(&transaction)
    }

    /// Everything that SQLite itself finds wrong.
    pub fn faults(&self) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
        let rows = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
        let mut faults: Vec<String> = rows.into_iter().filter(|row| row != "ok").collect();
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let table: String = row.get(0)?;
            faults.push(format!("a row of the table `{table}` belongs to no entry"));
        }
        Ok(faults)
    }

    /// Begins to add an entry. Nobody else can meanwhile.
    pub fn begin(&mut self) -> rusqlite::Result<Addition<'_>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Addition { transaction })
    }

    /// Moves what was added from the log to the database.
    pub fn settle(&self) -> rusqlite::Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }
}

/// The addition of an entry.
pub(crate) struct Addition<'a> {
    transaction: Transaction<'a>,
}

impl Addition<'_> {
    /// All entries so far, in their order.
    pub fn read(&self) -> rusqlite::Result<Vec<Found>> {
        read(&self.transaction)
    }

    /// Adds the entry.
    pub fn commit(self, entry: &Entry) -> rusqlite::Result<()> {
        self.transaction.execute(
            "INSERT INTO entry (number, name, kind, object, publisher, time, claimed, replaces, leaf) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                entry.number as i64,
                entry.name.as_str(),
                entry.kind.name(),
                entry.object.as_bytes(),
                entry.publisher,
                entry.time.microseconds(),
                entry.is_claimed,
                entry.replaces.as_ref().map(Hash::as_bytes),
                entry.leaf().as_bytes(),
            ],
        )?;
        for (position, signature) in (1i64..).zip(&entry.signatures) {
            self.transaction.execute(
                "INSERT INTO signature (entry, position, key, text) VALUES (?1, ?2, ?3, ?4)",
                params![entry.number as i64, position, signature.key().as_bytes(), signature.text()],
            )?;
        }
        self.transaction.commit()
    }
}

const ENTRIES: &str =
    "SELECT number, name, kind, object, publisher, time, claimed, replaces, leaf FROM entry ORDER BY number";

fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0)
}

/// Lets readers and a writer work at the same time.
fn keep_a_log(connection: &Connection) -> rusqlite::Result<()> {
    let mode = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0));
    for _ in 0..TRIES {
        // while another process does the same, this is refused at once
        match mode("PRAGMA journal_mode")
            .and_then(|found| if found == "wal" { Ok(found) } else { mode("PRAGMA journal_mode = WAL") })
        {
            Ok(_) => return Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                std::thread::sleep(PAUSE)
            }
            Err(error) => return Err(error),
        }
    }
    mode("PRAGMA journal_mode = WAL").map(|_| ())
}

/// A row of the table `entry`, as it is.
struct Raw {
    number: i64,
    fields: rusqlite::Result<Fields>,
}

struct Fields {
    name: String,
    kind: String,
    object: [u8; 32],
    publisher: Option<String>,
    time: i64,
    claimed: i64,
    replaces: Option<[u8; 32]>,
    leaf: [u8; 32],
}

impl Fields {
    fn of(row: &Row) -> rusqlite::Result<Fields> {
        Ok(Fields {
            name: row.get(1)?,
            kind: row.get(2)?,
            object: row.get(3)?,
            publisher: row.get(4)?,
            time: row.get(5)?,
            claimed: row.get(6)?,
            replaces: row.get(7)?,
            leaf: row.get(8)?,
        })
    }
}

fn read(connection: &Connection) -> rusqlite::Result<Vec<Found>> {
    let mut statement = connection.prepare(ENTRIES)?;
    let raw = |row: &Row| Ok(Raw { number: row.get(0)?, fields: Fields::of(row) });
    let rows = statement.query_map([], raw)?.collect::<rusqlite::Result<_>>()?;
    with_signatures(connection, rows)
}

fn with_signatures(connection: &Connection, rows: Vec<Raw>) -> rusqlite::Result<Vec<Found>> {
    let mut statement =
        connection.prepare("SELECT position, key, text FROM signature WHERE entry = ?1 ORDER BY position")?;
    let mut found = Vec::with_capacity(rows.len());
    for Raw { number, fields } in rows {
        let signature = |row: &Row| Ok((row.get(0), row.get(1), row.get(2)));
        let signatures: Vec<RawSignature> =
            statement.query_map([number], signature)?.collect::<rusqlite::Result<_>>()?;
        found.push(Found { number, entry: entry(number, fields, signatures) });
    }
    Ok(found)
}

type RawSignature = (rusqlite::Result<i64>, rusqlite::Result<[u8; 8]>, rusqlite::Result<String>);

/// The entry that a row stands for, if it fits its leaf.
fn entry(
    number: i64,
    fields: rusqlite::Result<Fields>,
    signatures: Vec<RawSignature>,
) -> Result<Entry, String> {
    let changed = || "it does not match its hash: it was changed".to_owned();
    let fields = fields.map_err(|_| changed())?;
    let signature = |(expected, (position, key, text)): (i64, RawSignature)| {
        let signature: Signature = text.ok()?.parse().ok()?;
        let fits = position == Ok(expected) && key == Ok(*signature.key().as_bytes());
        fits.then_some(signature)
    };
    let signatures: Option<Vec<Signature>> = (1..).zip(signatures).map(signature).collect();
    let entry = Entry {
        number: u64::try_from(number).map_err(|_| changed())?,
        name: fields.name.parse().map_err(|_| changed())?,
        kind: Kind::named(&fields.kind).ok_or_else(|| {
            format!("this version does not know objects of the kind `{}`", fields.kind.escape_debug())
        })?,
        object: Hash::from_bytes(fields.object),
        publisher: fields.publisher,
        time: Time::from_microseconds(fields.time).ok_or_else(changed)?,
        is_claimed: match fields.claimed {
            0 => false,
            1 => true,
            _ => return Err(changed()),
        },
        replaces: fields.replaces.map(Hash::from_bytes),
        signatures: signatures.ok_or_else(changed)?,
    };
    if *entry.leaf().as_bytes() == fields.leaf { Ok(entry) } else { Err(changed()) }
}

/// Whether there is a log beside the database, of what was written or is to be taken back.
fn has_log(path: &Path) -> bool {
    let beside = |end: &str| {
        let mut log = path.as_os_str().to_owned();
        log.push(end);
        Path::new(&log).exists()
    };
    beside("-wal") || beside("-journal")
}

/// A path as part of an address of SQLite.
fn escaped(path: &Path) -> String {
    let escape = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => (*byte as char).to_string(),
        byte => format!("%{byte:02X}"),
    };
    path.as_os_str().as_encoded_bytes().iter().map(escape).collect()
}

const SPACE: &str = "free some space there and try again; what was published before is as it was";

/// What is said where SQLite could not do something.
pub(crate) fn damaged(path: &Path, error: &rusqlite::Error) -> StoreError {
    let place = format!("`{}`", path.display());
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::file("another process has been writing it for a minute")
                .at(place)
                .help("try again later")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::file("it is damaged, or it is not a ledger").at(place)
        }
        Some(ErrorCode::SystemIoFailure) => {
            StoreError::file("the disk could not be read or written; it may be full").at(place).help(SPACE)
        }
        Some(ErrorCode::CannotOpen) => StoreError::file("it cannot be opened").at(place),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::file("it cannot be written: permission denied").at(place)
        }
        Some(ErrorCode::DiskFull) => {
            StoreError::file("it cannot be written: no space left on the disk").at(place).help(SPACE)
        }
        Some(_) | None => StoreError::file(format!("it cannot be used: {error}")).at(place),
    }
}
