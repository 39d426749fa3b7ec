-- What is kept for a while is removed in the order of its time.
CREATE INDEX response_by_time ON response (at_ms);
