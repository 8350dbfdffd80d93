-- What happened is only ever added to.
CREATE TRIGGER audit_event_is_not_edited BEFORE UPDATE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'an audit event is never edited');
END;

CREATE TRIGGER audit_event_is_not_deleted BEFORE DELETE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'an audit event is never deleted');
END;
