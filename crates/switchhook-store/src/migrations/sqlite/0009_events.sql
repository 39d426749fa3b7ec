-- Events of living calls: a kind of delivery with a number in its call (sequence), a name in it
-- (fact) by which each is stored once, and a time after which it is not sent (expires_ms).
-- SQLite does not change a CHECK of a table.
CREATE TABLE document_new (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id   TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL CHECK (kind IN ('document', 'request', 'event')),
    switch       TEXT NOT NULL,
    call_uuid    TEXT NOT NULL,
    flow         TEXT NOT NULL,
    endpoint     TEXT NOT NULL,
    method       TEXT,
    url          TEXT,
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'leased', 'delivered', 'dead', 'expired')),
    -- When it may be claimed; of a leased document, the end of the lease.
    due_ms       INTEGER NOT NULL,
    lease        BLOB,
    attempts     INTEGER NOT NULL DEFAULT 0,
    inserted_ms  INTEGER NOT NULL,
    first_ms     INTEGER,
    last_ms      INTEGER,
    -- Nothing pulls the next attempt before this.
    not_before_ms INTEGER NOT NULL DEFAULT 0,
    settled_ms   INTEGER,
    created_us   INTEGER NOT NULL DEFAULT 0,
    sequence     INTEGER,
    fact         TEXT,
    expires_ms   INTEGER,
    -- Last, so that lists do not read through the bodies.
    headers      TEXT NOT NULL,
    body         BLOB NOT NULL,
    CHECK ((state = 'leased') = (lease IS NOT NULL)),
    CHECK ((kind = 'event') = (sequence IS NOT NULL AND fact IS NOT NULL))
);
INSERT INTO document_new (id, webhook_id, kind, switch, call_uuid, flow, endpoint, method, url, state,
    due_ms, lease, attempts, inserted_ms, first_ms, last_ms, not_before_ms, settled_ms, created_us,
    headers, body)
SELECT id, webhook_id, kind, switch, call_uuid, flow, endpoint, method, url, state,
    due_ms, lease, attempts, inserted_ms, first_ms, last_ms, not_before_ms, settled_ms, created_us,
    headers, body
FROM document ORDER BY id;
CREATE TABLE attempt_new (
    document_id INTEGER NOT NULL REFERENCES document_new (id) ON DELETE CASCADE,
    started_ms  INTEGER NOT NULL,
    took_ms     INTEGER NOT NULL,
    status      INTEGER,
    error       TEXT
);
INSERT INTO attempt_new (document_id, started_ms, took_ms, status, error)
SELECT document_id, started_ms, took_ms, status, error FROM attempt ORDER BY rowid;
-- A number is not given twice, also if the row with the highest one is gone.
DELETE FROM sqlite_sequence WHERE name = 'document_new';
INSERT INTO sqlite_sequence (name, seq)
SELECT 'document_new', seq FROM sqlite_sequence WHERE name = 'document';
DROP TABLE attempt;
DROP TABLE document;
ALTER TABLE document_new RENAME TO document;
ALTER TABLE attempt_new RENAME TO attempt;
CREATE UNIQUE INDEX document_once ON document (switch, call_uuid, created_us, endpoint) WHERE kind = 'document';
CREATE INDEX document_due ON document (endpoint, due_ms) WHERE state IN ('waiting', 'leased');
CREATE INDEX document_settled ON document (state, settled_ms) WHERE state IN ('delivered', 'dead', 'expired');
CREATE INDEX document_by_call ON document (call_uuid);
CREATE INDEX attempt_by_document ON attempt (document_id);
CREATE UNIQUE INDEX event_once ON document (switch, call_uuid, created_us, sequence) WHERE kind = 'event';
CREATE UNIQUE INDEX event_by_fact ON document (switch, call_uuid, created_us, fact) WHERE kind = 'event';
CREATE INDEX event_expires ON document (expires_ms) WHERE kind = 'event' AND state IN ('waiting', 'leased');
