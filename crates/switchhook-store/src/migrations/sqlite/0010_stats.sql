-- Counts over time for the operator's page, added as calls end: one row for each value of a
-- dimension, span of time, series and step of its histogram. Rows of several instances add up.
CREATE TABLE stat_value (
    id        INTEGER PRIMARY KEY,
    -- 'all', 'webhook', 'flow', 'account' or 'switch'.
    dimension TEXT NOT NULL,
    value     TEXT NOT NULL,
    UNIQUE (dimension, value)
);
CREATE TABLE stat (
    value_id INTEGER NOT NULL,
    span_s   INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    series   TEXT NOT NULL,
    step     INTEGER NOT NULL,
    amount   INTEGER NOT NULL,
    PRIMARY KEY (value_id, span_s, start_ms, series, step)
) WITHOUT ROWID;

-- The account of the call; NULL: not known. The counts of deliveries need it.
ALTER TABLE document ADD COLUMN account TEXT;

-- The webhooks that a call asked, each with its outcome and ending, for the filters of the page.
ALTER TABLE call ADD COLUMN asked TEXT NOT NULL DEFAULT '';
-- All that the page filters by, so that a filter reads no call that it does not match.
DROP INDEX call_by_time;
CREATE INDEX call_by_time ON call
    (started_ms, flow, account, switch, called, hangup_cause, talk_ms, ended_ms, asked);
