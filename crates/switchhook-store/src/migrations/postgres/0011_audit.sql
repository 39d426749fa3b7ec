-- Whose the call of an older document is, if that is certain.
UPDATE document SET account =
    (SELECT min(account) FROM call WHERE call.call_uuid = document.call_uuid
     HAVING count(DISTINCT account) = 1);

-- Who did what at the operator's page or on the command line, and who was refused.
CREATE TABLE audit (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms   BIGINT NOT NULL,
    who     TEXT COLLATE "C" NOT NULL,
    origin  TEXT COLLATE "C" NOT NULL,
    action  TEXT COLLATE "C" NOT NULL,
    target  TEXT COLLATE "C" NOT NULL,
    result  TEXT COLLATE "C" NOT NULL,
    refused BOOLEAN NOT NULL
);
CREATE INDEX audit_by_time ON audit (at_ms);
CREATE INDEX audit_by_target ON audit (target);
CREATE INDEX audit_refused ON audit (refused, id);
