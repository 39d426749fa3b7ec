-- Times are Unix milliseconds.

-- What is known of a leg whose call is not over.
CREATE TABLE leg (
    switch     TEXT NOT NULL,
    leg_uuid   TEXT NOT NULL,
    call_id    TEXT NOT NULL,
    json       TEXT NOT NULL,
    PRIMARY KEY (switch, leg_uuid)
) WITHOUT ROWID;

-- One row for each call that is over, for the report.
CREATE TABLE call (
    id           INTEGER PRIMARY KEY,
    switch       TEXT NOT NULL,
    call_uuid    TEXT NOT NULL,
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
    UNIQUE (switch, call_uuid)
);
CREATE INDEX call_by_time ON call (started_ms);
CREATE INDEX call_by_uuid ON call (call_uuid);

-- What widgets with persist_response were answered. call_uuid is the channel's
-- own until the call is over and its legs are known.
CREATE TABLE response (
    id           INTEGER PRIMARY KEY,
    channel_uuid TEXT NOT NULL,
    call_uuid    TEXT NOT NULL,
    flow         TEXT NOT NULL,
    webhook      TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,
    variables    TEXT NOT NULL
);
CREATE INDEX response_by_channel ON response (channel_uuid);
CREATE INDEX response_by_call ON response (call_uuid);

-- Everything that is sent at least once. Bytes and webhook_id never change.
CREATE TABLE document (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id   TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL CHECK (kind IN ('document', 'request')),
    switch       TEXT NOT NULL,
    call_uuid    TEXT NOT NULL,
    flow         TEXT NOT NULL,
    endpoint     TEXT NOT NULL,
    method       TEXT,
    url          TEXT,
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'leased', 'delivered', 'dead')),
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
    -- Last, so that lists do not read through the bodies.
    headers      TEXT NOT NULL,
    body         BLOB NOT NULL,
    CHECK ((state = 'leased') = (lease IS NOT NULL))
);
CREATE UNIQUE INDEX document_once ON document (switch, call_uuid, endpoint) WHERE kind = 'document';
CREATE INDEX document_due ON document (endpoint, due_ms) WHERE state IN ('waiting', 'leased');
CREATE INDEX document_settled ON document (state, settled_ms) WHERE state IN ('delivered', 'dead');

CREATE TABLE attempt (
    document_id INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE,
    started_ms  INTEGER NOT NULL,
    took_ms     INTEGER NOT NULL,
    status      INTEGER,
    error       TEXT
);
CREATE INDEX attempt_by_document ON attempt (document_id);

-- Endpoints that answered 410 Gone.
CREATE TABLE pause (
    endpoint TEXT PRIMARY KEY,
    since_ms INTEGER NOT NULL,
    reason   TEXT NOT NULL
) WITHOUT ROWID;

-- Written and emptied again to learn whether a store that failed is well.
CREATE TABLE probe (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    data BLOB NOT NULL
);
