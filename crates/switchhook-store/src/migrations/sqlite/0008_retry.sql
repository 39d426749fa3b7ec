-- When an operator last wanted an endpoint's documents sent again: a service that slowed the
-- endpoint down begins at once.
CREATE TABLE retry_request (
    endpoint TEXT PRIMARY KEY,
    at_ms    INTEGER NOT NULL
);
