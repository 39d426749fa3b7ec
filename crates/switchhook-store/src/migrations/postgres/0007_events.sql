-- Events of living calls: a kind of delivery with a number in its call (sequence), a name in it
-- (fact) by which each is stored once, and a time after which it is not sent (expires_ms).
ALTER TABLE document DROP CONSTRAINT document_kind_check;
ALTER TABLE document ADD CONSTRAINT document_kind_check CHECK (kind IN ('document', 'request', 'event'));
ALTER TABLE document DROP CONSTRAINT document_state_check;
ALTER TABLE document ADD CONSTRAINT document_state_check
    CHECK (state IN ('waiting', 'leased', 'delivered', 'dead', 'expired'));
ALTER TABLE document ADD COLUMN sequence BIGINT;
ALTER TABLE document ADD COLUMN fact TEXT COLLATE "C";
ALTER TABLE document ADD COLUMN expires_ms BIGINT;
ALTER TABLE document ADD CONSTRAINT document_event_check
    CHECK ((kind = 'event') = (sequence IS NOT NULL AND fact IS NOT NULL));
DROP INDEX document_settled;
CREATE INDEX document_settled ON document (state, settled_ms) WHERE state IN ('delivered', 'dead', 'expired');
CREATE UNIQUE INDEX event_once ON document (switch, call_uuid, created_us, sequence) WHERE kind = 'event';
CREATE UNIQUE INDEX event_by_fact ON document (switch, call_uuid, created_us, fact) WHERE kind = 'event';
CREATE INDEX event_expires ON document (expires_ms) WHERE kind = 'event' AND state IN ('waiting', 'leased');
