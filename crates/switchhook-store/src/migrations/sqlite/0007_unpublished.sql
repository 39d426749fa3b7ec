-- Calls that are over and whose documents are made once their recordings can be fetched.
CREATE TABLE unpublished (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    switch      TEXT NOT NULL,
    call_uuid   TEXT NOT NULL,
    created_us  INTEGER NOT NULL,
    inserted_ms INTEGER NOT NULL,
    -- Then the documents are made all the same.
    until_ms    INTEGER NOT NULL,
    -- When it may be claimed; of a leased one, the end of the lease.
    due_ms      INTEGER NOT NULL,
    lease       BLOB,
    json        TEXT NOT NULL,
    UNIQUE (switch, call_uuid, created_us)
);
CREATE INDEX unpublished_due ON unpublished (due_ms);
