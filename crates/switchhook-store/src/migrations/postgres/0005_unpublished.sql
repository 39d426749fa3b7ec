-- Calls that are over and whose documents are made once their recordings can be fetched.
CREATE TABLE unpublished (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    switch      TEXT COLLATE "C" NOT NULL,
    call_uuid   TEXT COLLATE "C" NOT NULL,
    created_us  BIGINT NOT NULL,
    inserted_ms BIGINT NOT NULL,
    -- Then the documents are made all the same.
    until_ms    BIGINT NOT NULL,
    -- When it may be claimed; of a leased one, the end of the lease.
    due_ms      BIGINT NOT NULL,
    lease       BYTEA,
    json        TEXT NOT NULL,
    UNIQUE (switch, call_uuid, created_us)
);
CREATE INDEX unpublished_due ON unpublished (due_ms);
