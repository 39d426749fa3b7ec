-- What the operator's page tells of a call that is over, as JSON.
ALTER TABLE call ADD COLUMN story TEXT NOT NULL DEFAULT '';
CREATE INDEX document_by_call ON document (call_uuid);
