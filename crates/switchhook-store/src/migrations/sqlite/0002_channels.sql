-- Channels whose call is over, for a while: what a switch says of one later, after a
-- restart of ours too, is no new call.
CREATE TABLE finished_channel (
    id         INTEGER PRIMARY KEY,
    switch     TEXT NOT NULL,
    uuid       TEXT NOT NULL,
    created_us INTEGER,
    ended_ms   INTEGER NOT NULL
);
CREATE INDEX finished_channel_by_time ON finished_channel (ended_ms);

-- The name that the switch at an address gave itself when it was last reached: which legs
-- are its own while it is away.
CREATE TABLE switch (
    address TEXT PRIMARY KEY,
    name    TEXT NOT NULL
) WITHOUT ROWID;
