-- Times are Unix milliseconds. Text is compared byte by byte, as SQLite does.

-- What is known of a leg whose call is not over. Several instances may store one: created_us
-- tells channels with one uuid apart, known is higher the more of it was seen.
CREATE TABLE leg (
    switch     TEXT COLLATE "C" NOT NULL,
    leg_uuid   TEXT COLLATE "C" NOT NULL,
    call_id    TEXT COLLATE "C" NOT NULL,
    json       TEXT NOT NULL,
    created_us BIGINT,
    known      BIGINT NOT NULL,
    PRIMARY KEY (switch, leg_uuid)
);

-- One row for each call that is over, for the report.
CREATE TABLE call (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    switch       TEXT COLLATE "C" NOT NULL,
    call_uuid    TEXT COLLATE "C" NOT NULL,
    created_us   BIGINT NOT NULL,
    flow         TEXT COLLATE "C" NOT NULL,
    started_ms   BIGINT NOT NULL,
    answered_ms  BIGINT,
    ended_ms     BIGINT NOT NULL,
    talk_ms      BIGINT NOT NULL,
    caller       TEXT NOT NULL,
    called       TEXT NOT NULL,
    legs         BIGINT NOT NULL,
    hangup_cause TEXT NOT NULL,
    incomplete   BOOLEAN NOT NULL,
    UNIQUE (switch, call_uuid, created_us)
);
CREATE INDEX call_by_time ON call (started_ms);
CREATE INDEX call_by_uuid ON call (call_uuid);

-- What widgets with persist_response were answered. call_uuid is the channel's
-- own until the call is over and its legs are known.
CREATE TABLE response (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_uuid TEXT COLLATE "C" NOT NULL,
    call_uuid    TEXT COLLATE "C" NOT NULL,
    flow         TEXT COLLATE "C" NOT NULL,
    webhook      TEXT COLLATE "C" NOT NULL,
    at_ms        BIGINT NOT NULL,
    names        TEXT[] COLLATE "C" NOT NULL,
    variables    TEXT NOT NULL
);
CREATE INDEX response_by_channel ON response (channel_uuid);
CREATE INDEX response_by_call ON response (call_uuid);

-- Everything that is sent at least once. Bytes and webhook_id never change.
CREATE TABLE document (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id    TEXT COLLATE "C" NOT NULL UNIQUE,
    kind          TEXT COLLATE "C" NOT NULL CHECK (kind IN ('document', 'request')),
    switch        TEXT COLLATE "C" NOT NULL,
    call_uuid     TEXT COLLATE "C" NOT NULL,
    created_us    BIGINT NOT NULL,
    flow          TEXT COLLATE "C" NOT NULL,
    endpoint      TEXT COLLATE "C" NOT NULL,
    method        TEXT,
    url           TEXT,
    state         TEXT COLLATE "C" NOT NULL
                  CHECK (state IN ('waiting', 'leased', 'delivered', 'dead')),
    -- When it may be claimed; of a leased document, the end of the lease.
    due_ms        BIGINT NOT NULL,
    lease         BYTEA,
    attempts      BIGINT NOT NULL DEFAULT 0,
    inserted_ms   BIGINT NOT NULL,
    first_ms      BIGINT,
    last_ms       BIGINT,
    -- Nothing pulls the next attempt before this.
    not_before_ms BIGINT NOT NULL DEFAULT 0,
    settled_ms    BIGINT,
    headers       TEXT NOT NULL,
    body          BYTEA NOT NULL,
    CHECK ((state = 'leased') = (lease IS NOT NULL))
);
CREATE UNIQUE INDEX document_once ON document (switch, call_uuid, created_us, endpoint)
    WHERE kind = 'document';
CREATE INDEX document_due ON document (endpoint, due_ms) WHERE state IN ('waiting', 'leased');
CREATE INDEX document_settled ON document (state, settled_ms) WHERE state IN ('delivered', 'dead');

CREATE TABLE attempt (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id BIGINT NOT NULL REFERENCES document (id) ON DELETE CASCADE,
    started_ms  BIGINT NOT NULL,
    took_ms     BIGINT NOT NULL,
    status      BIGINT,
    error       TEXT
);
CREATE INDEX attempt_by_document ON attempt (document_id, id);

-- Endpoints that answered 410 Gone.
CREATE TABLE pause (
    endpoint TEXT COLLATE "C" PRIMARY KEY,
    since_ms BIGINT NOT NULL,
    reason   TEXT NOT NULL
);

-- Written and emptied again to learn whether a store that failed is well.
CREATE TABLE probe (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    data BYTEA NOT NULL
);
ALTER TABLE probe ALTER COLUMN data SET STORAGE EXTERNAL;

-- Channels whose call is over, for a while: what a switch says of one later, after a
-- restart of ours too, is no new call. created_us tells channels with one uuid apart.
CREATE TABLE finished_channel (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    switch     TEXT COLLATE "C" NOT NULL,
    uuid       TEXT COLLATE "C" NOT NULL,
    created_us BIGINT,
    ended_ms   BIGINT NOT NULL
);
CREATE UNIQUE INDEX finished_channel_once
    ON finished_channel (switch, uuid, coalesce(created_us, -1));
CREATE INDEX finished_channel_by_switch ON finished_channel (switch, id);
CREATE INDEX finished_channel_by_time ON finished_channel (ended_ms);

-- The name that the switch at an address gave itself when it was last reached: which legs
-- are its own while it is away.
CREATE TABLE switch (
    address TEXT COLLATE "C" PRIMARY KEY,
    name    TEXT COLLATE "C" NOT NULL
);

-- How far the CDR files of a switch were read: the time of a file, µs since 1970.
CREATE TABLE cdr_read (
    switch   TEXT COLLATE "C" PRIMARY KEY,
    until_us BIGINT NOT NULL
);
