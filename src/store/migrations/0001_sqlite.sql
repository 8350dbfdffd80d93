-- A part of a text is looked for in all texts of an organization: here, where nothing else is. (An
-- index of PostgreSQL has no room for the longest of them, and its tables are quick to read through.)
-- The id stands before the rest: who asks for accounts by their ids is not led through all of them.
CREATE INDEX service_account_text
    ON service_account (organization_id, id, deleted_at, search_text);

-- What happened is only ever added to. The one exception is retention, which writes a checkpoint that
-- stands for the beginning of a chain, and then deletes that beginning, and nothing after it.
CREATE TRIGGER audit_event_is_not_edited BEFORE UPDATE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'an audit event is never edited');
END;

-- REPLACE deletes what is in its way, and unasked no trigger is told of that.
CREATE TRIGGER audit_event_is_not_replaced BEFORE INSERT ON audit_event
WHEN EXISTS (SELECT 1 FROM audit_event WHERE chain = NEW.chain AND sequence = NEW.sequence)
    OR EXISTS (SELECT 1 FROM audit_event WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'an audit event is never replaced');
END;

CREATE TRIGGER audit_event_is_not_deleted BEFORE DELETE ON audit_event
WHEN OLD.sequence > coalesce(
    (SELECT sequence FROM audit_checkpoint WHERE chain = OLD.chain), 0)
BEGIN
    SELECT RAISE(ABORT, 'an audit event is never deleted but by retention');
END;

CREATE TRIGGER audit_checkpoint_is_at_an_event BEFORE INSERT ON audit_checkpoint
WHEN NOT EXISTS (SELECT 1 FROM audit_event
                 WHERE chain = NEW.chain AND sequence = NEW.sequence AND hash = NEW.hash)
BEGIN
    SELECT RAISE(ABORT, 'a checkpoint stands at an event that is there');
END;

CREATE TRIGGER audit_checkpoint_moves_to_an_event BEFORE UPDATE ON audit_checkpoint
WHEN NOT EXISTS (SELECT 1 FROM audit_event
                 WHERE chain = NEW.chain AND sequence = NEW.sequence AND hash = NEW.hash)
BEGIN
    SELECT RAISE(ABORT, 'a checkpoint stands at an event that is there');
END;

CREATE TRIGGER audit_checkpoint_is_not_deleted BEFORE DELETE ON audit_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'a checkpoint is never deleted');
END;
