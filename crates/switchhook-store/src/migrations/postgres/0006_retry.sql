-- When an operator last wanted an endpoint's documents sent again: a service that slowed the
-- endpoint down begins at once.
CREATE TABLE retry_request (
    endpoint text PRIMARY KEY,
    at_ms    bigint NOT NULL
);
