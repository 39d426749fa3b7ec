-- A Unique-ID may be given again to a later call (origination_uuid). Two calls with one
-- Unique-ID are told apart by the creation of their first leg, µs since 1970.
ALTER TABLE document ADD COLUMN created_us INTEGER NOT NULL DEFAULT 0;
DROP INDEX document_once;
CREATE UNIQUE INDEX document_once ON document (switch, call_uuid, created_us, endpoint) WHERE kind = 'document';

-- SQLite does not change a UNIQUE of a table.
ALTER TABLE call RENAME TO call_before;
CREATE TABLE call (
    id           INTEGER PRIMARY KEY,
    switch       TEXT NOT NULL,
    call_uuid    TEXT NOT NULL,
    created_us   INTEGER NOT NULL,
    flow         TEXT NOT NULL,
    started_ms   INTEGER NOT NULL,
    answered_ms  INTEGER,
    ended_ms     INTEGER NOT NULL,
    talk_ms      INTEGER NOT NULL,
    caller       TEXT NOT NULL,
    called       TEXT NOT NULL,
    legs         INTEGER NOT NULL,
    hangup_cause TEXT NOT NULL,
    incomplete   INTEGER NOT NULL,
    UNIQUE (switch, call_uuid, created_us)
);
INSERT INTO call (id, switch, call_uuid, created_us, flow, started_ms, answered_ms, ended_ms,
                  talk_ms, caller, called, legs, hangup_cause, incomplete)
SELECT id, switch, call_uuid, started_ms * 1000, flow, started_ms, answered_ms, ended_ms,
       talk_ms, caller, called, legs, hangup_cause, incomplete
FROM call_before;
DROP TABLE call_before;
CREATE INDEX call_by_time ON call (started_ms);
CREATE INDEX call_by_uuid ON call (call_uuid);

-- How far the CDR files of a switch were read: the time of a file, µs since 1970.
CREATE TABLE cdr_read (
    switch   TEXT PRIMARY KEY,
    until_us INTEGER NOT NULL
) WITHOUT ROWID;
