-- Whose the call of an older document is, if that is certain.
UPDATE document SET account =
    (SELECT min(account) FROM call WHERE call.call_uuid = document.call_uuid
     HAVING count(DISTINCT account) = 1);

-- Who did what at the operator's page or on the command line, and who was refused.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms   INTEGER NOT NULL,
    who     TEXT NOT NULL,
    origin  TEXT NOT NULL,
    action  TEXT NOT NULL,
    target  TEXT NOT NULL,
    result  TEXT NOT NULL,
    refused INTEGER NOT NULL
);
CREATE INDEX audit_by_time ON audit (at_ms);
CREATE INDEX audit_by_target ON audit (target);
CREATE INDEX audit_refused ON audit (refused, id);
