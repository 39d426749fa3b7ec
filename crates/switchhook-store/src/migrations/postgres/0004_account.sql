-- Whose the call was; empty: the default account.
ALTER TABLE call ADD COLUMN account TEXT NOT NULL DEFAULT '';
