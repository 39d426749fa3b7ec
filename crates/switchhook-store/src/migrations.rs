//! The SQL files of both databases, built into the program.
//!
//! `sqlx::migrate!` makes the same list, but its macro builds sqlx and SQLite a second time. The
//! test below compares the list with what sqlx reads from the folders.

use std::sync::LazyLock;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// A migration of a file `VERSION_NAME.sql`. sqlx derives the description from the file name.
macro_rules! migration {
    ($folder:literal, $version:literal, $digits:literal, $name:literal) => {
        Migration::new(
            $version,
            $name.into(),
            MigrationType::Simple,
            include_str!(concat!(
                "migrations/",
                $folder,
                "/",
                $digits,
                "_",
                $name,
                ".sql"
            ))
            .into_sql_str(),
            false,
        )
    };
}

pub(super) static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| {
    Migrator::with_migrations(vec![
        migration!("postgres", 1, "0001", "initial"),
        migration!("postgres", 2, "0002", "story"),
        migration!("postgres", 3, "0003", "keep"),
        migration!("postgres", 4, "0004", "account"),
        migration!("postgres", 5, "0005", "unpublished"),
        migration!("postgres", 6, "0006", "retry"),
        migration!("postgres", 7, "0007", "events"),
        migration!("postgres", 10, "0010", "stats"),
        migration!("postgres", 11, "0011", "audit"),
    ])
});

pub(super) static SQLITE: LazyLock<Migrator> = LazyLock::new(|| {
    Migrator::with_migrations(vec![
        migration!("sqlite", 1, "0001", "initial"),
        migration!("sqlite", 2, "0002", "channels"),
        migration!("sqlite", 3, "0003", "again"),
        migration!("sqlite", 4, "0004", "story"),
        migration!("sqlite", 5, "0005", "keep"),
        migration!("sqlite", 6, "0006", "account"),
        migration!("sqlite", 7, "0007", "unpublished"),
        migration!("sqlite", 8, "0008", "retry"),
        migration!("sqlite", 9, "0009", "events"),
        migration!("sqlite", 10, "0010", "stats"),
        migration!("sqlite", 11, "0011", "audit"),
    ])
});

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::path::Path;

    use super::*;

    /// SHA-384 of each file. A database remembers them and refuses a program with others, so a
    /// file never changes once it is released.
    const POSTGRES_CHECKSUMS: [&str; 9] = [
        "f71c8f6902878d1c6cc1345fb53e35baec82e9ca6ff679da13a5f3684d261a9fcdacd81d56ca349084c6cc4dac69b8ae",
        "ed493cbba7ee979a08ed5bde3ded51714bd7d9c0df3d5b7ba5346b2e6acc8a5119b6a789eee09180da2683fba92f5fca",
        "ab10235a1c05b31a3fa95678794a83c36383d154ba1f5a9fdd9171b9e086bc49a10f07bfe2a513ca341730591663d48e",
        "2b22693bedbcffedf9180194729330552fda399caa22dfb0b7236e50a40fc05b4c3b3931862c42335a02a635fa06d725",
        "ffb5edc0e7cca99a8493ae413c244f5e3f0aa1149560f1254887caffb0f0d858ab081f13ccdc13760273df7234c51771",
        "b93ed0b3b52860eeb3529e28ab65dddec44e3fa76695a2347d74857c0dbd67535b8a99ad6850f58b31bae1d0fe3d2e87",
        "47a57efd86fd8e7dc05fc56a41481236ca7cfcdbbbf03f2177461e5f2e72050dd143823284352f4807ddaa1e15c8e9ee",
        "57bef25cfdeb5a9d8df74a065f845b117d52b13ce932c8bc224900a4e58f8c071f48ca73fd607dd97c1e0e6b0cb14962",
        "69baba68d07c007ae8aee98ddd2a51705ac814b84c0b12939746bd46cc3e0a0dbc59ddceb8930d8dfb3b201c99825775",
    ];
    const SQLITE_CHECKSUMS: [&str; 11] = [
        "fe220f35da665c6202dfe22b722d0563f91e6be15ac0fae062aad411088cfbaf68ee6f6e095959f12caf1a51686f65e8",
        "6fa9e7acd4a925f6f0e3448f7ed2fdba82dfc73de40fb9927fab4918642f0f0bfbe5088501d3f9a654ce9c66c8ece9ec",
        "44ddc26207d23a188d34571c3117217f0e064374d0c52a7a0eab2abe39402b68168f9558a12ca681c8a7d7464a8c1500",
        "ed493cbba7ee979a08ed5bde3ded51714bd7d9c0df3d5b7ba5346b2e6acc8a5119b6a789eee09180da2683fba92f5fca",
        "ab10235a1c05b31a3fa95678794a83c36383d154ba1f5a9fdd9171b9e086bc49a10f07bfe2a513ca341730591663d48e",
        "2b22693bedbcffedf9180194729330552fda399caa22dfb0b7236e50a40fc05b4c3b3931862c42335a02a635fa06d725",
        "8763b0cda29b9ba534b0fff3c2e4e15a5984b56121773656c4be318baef7573b95708cd4924f7515d435782bf5afca81",
        "44af5d4e1c2d0425c931dcde2fd3f08323e4827b709ab73659d719b1117f7720ab5d735327852f3b7ff56489ce6c5bdb",
        "64073797428eba1c94cf0a9d210afa21af4369d000cdc7415909f6b21d879236399a1c8a3ec7d804e028ee031e505c5c",
        "74d6116a0267e42bebfc938d0d7b883095880dbcce540a8c0dccb088b4750e103e11c7f6eb508282580efd18faff3a89",
        "581841de28bccd456b2506a86702f290b823b486a63959a8e5965f4c03b05e80fc46fe497d0d328d0fd2063e3f888eae",
    ];

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[tokio::test]
    async fn the_built_in_migrations_equal_the_folders_and_their_released_checksums() {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/migrations");
        for (name, ours, checksums) in [
            ("postgres", &*POSTGRES, &POSTGRES_CHECKSUMS[..]),
            ("sqlite", &*SQLITE, &SQLITE_CHECKSUMS[..]),
        ] {
            let read = Migrator::new(folders.join(name)).await.unwrap();
            let all = |of: &Migrator| -> Vec<_> {
                let one = |one: &Migration| {
                    let (kind, sql) = (one.migration_type, one.sql.as_str().to_owned());
                    let description = one.description.clone().into_owned();
                    (
                        one.version,
                        description,
                        kind,
                        sql,
                        one.no_tx,
                        hex(&one.checksum),
                    )
                };
                of.iter().map(one).collect()
            };
            assert_eq!(all(ours), all(&read), "{name}");
            let pinned: Vec<String> = ours.iter().map(|one| hex(&one.checksum)).collect();
            assert_eq!(pinned, checksums, "{name}");
            assert_eq!(ours.table_name, read.table_name);
        }
    }

    /// The eleventh migration says whose the documents are, as far as their calls tell.
    #[tokio::test]
    async fn documents_get_the_account_of_their_call() {
        use sqlx::{ConnectOptions as _, Executor as _, Row as _};
        let options = sqlx::sqlite::SqliteConnectOptions::new().in_memory(true);
        let mut db = options.connect().await.unwrap();
        let before = SQLITE.iter().filter(|one| one.version < 11).cloned();
        let before = Migrator::with_migrations(before.collect());
        before.run_direct(None, &mut db, false).await.unwrap();
        for (id, call, account) in [
            (1, "a", "acme"),
            (2, "twice", "acme"),
            (3, "twice", "other"),
        ] {
            let sql = "INSERT INTO call (switch, call_uuid, created_us, flow, started_ms, ended_ms, talk_ms,
                                         caller, called, legs, hangup_cause, incomplete, account)
                       VALUES ('s', $1, $2, 'f', 1, 1, 1, '', '', 1, '16', 0, $3)";
            let insert = sqlx::query(sql).bind(call).bind(id).bind(account);
            insert.execute(&mut db).await.unwrap();
        }
        for call in ["a", "twice", "unknown"] {
            let sql = "INSERT INTO document (webhook_id, kind, switch, call_uuid, flow, endpoint, state, due_ms,
                                             inserted_ms, headers, body)
                       VALUES ($1, 'document', 's', $1, 'f', 'crm', 'waiting', 1, 1, '[]', x'01')";
            sqlx::query(sql).bind(call).execute(&mut db).await.unwrap();
        }
        SQLITE.run_direct(None, &mut db, false).await.unwrap();
        let rows = db.fetch_all("SELECT account FROM document ORDER BY id");
        let rows = rows.await.unwrap();
        let accounts: Vec<Option<String>> = rows.iter().map(|row| row.get(0)).collect();
        // A Unique-ID that two accounts had, and a call that is not stored: nobody's.
        assert_eq!(accounts, [Some("acme".to_owned()), None, None]);
    }

    /// The ninth migration of SQLite copies two tables.
    #[tokio::test]
    async fn documents_and_attempts_outlast_the_copy_of_their_tables() {
        use sqlx::{ConnectOptions as _, Executor as _, Row as _};
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .in_memory(true)
            .foreign_keys(true);
        let mut db = options.connect().await.unwrap();
        let before = SQLITE.iter().filter(|one| one.version < 9).cloned();
        let before = Migrator::with_migrations(before.collect());
        before.run_direct(None, &mut db, false).await.unwrap();
        db.execute(
            "INSERT INTO document (webhook_id, kind, switch, call_uuid, flow, endpoint, state, due_ms,
                                   lease, inserted_ms, headers, body)
             VALUES ('a', 'document', 's', 'c', 'f', 'crm', 'waiting', 1, NULL, 1, '[]', x'01'),
                    ('b', 'request', 's', 'c', 'f', 'crm', 'leased', 2, x'02', 1, '[]', x'02'),
                    ('gone', 'request', 's', 'c', 'f', 'crm', 'waiting', 3, NULL, 1, '[]', x'03');
             INSERT INTO attempt (document_id, started_ms, took_ms, status)
             VALUES (1, 1, 1, 500), (2, 2, 2, 501), (1, 3, 3, 502);
             DELETE FROM document WHERE webhook_id = 'gone'",
        )
        .await
        .unwrap();
        SQLITE.run_direct(None, &mut db, false).await.unwrap();
        db.execute(
            "INSERT INTO document (webhook_id, kind, switch, call_uuid, flow, endpoint, state, due_ms,
                                   inserted_ms, headers, body)
             VALUES ('next', 'document', 's', 'd', 'f', 'crm', 'waiting', 1, 1, '[]', x'01')",
        )
        .await
        .unwrap();
        let rows = db.fetch_all("SELECT id, webhook_id, body FROM document ORDER BY id");
        let rows: Vec<(i64, String, Vec<u8>)> = rows
            .await
            .unwrap()
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect();
        let kept = [(1, "a", 1), (2, "b", 2), (4, "next", 1)];
        let kept = kept.map(|(id, name, body)| (id, name.to_owned(), vec![body]));
        assert_eq!(rows, kept, "no number is given twice");
        let again = db.execute(
            "INSERT INTO document (webhook_id, kind, switch, call_uuid, flow, endpoint, state, due_ms,
                                   inserted_ms, headers, body)
             VALUES ('twice', 'document', 's', 'c', 'f', 'crm', 'waiting', 1, 1, '[]', x'01')",
        );
        assert!(again.await.is_err(), "once for each call and endpoint");
        db.execute("DELETE FROM document WHERE id = 1")
            .await
            .unwrap();
        let left = db.fetch_all("SELECT document_id, status FROM attempt");
        let left: Vec<(i64, i64)> = left
            .await
            .unwrap()
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect();
        assert_eq!(left, [(2, 501)], "attempts go with their document");
    }
}
