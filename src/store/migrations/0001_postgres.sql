-- What happened is only ever added to. The one exception is retention, which writes a checkpoint that
-- stands for the beginning of a chain, and then deletes that beginning, and nothing after it.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an audit event is never edited or deleted';
END;
$$;

CREATE TRIGGER audit_event_is_kept BEFORE UPDATE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE FUNCTION refuse_audit_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.sequence > coalesce(
        (SELECT sequence FROM audit_checkpoint WHERE chain = OLD.chain), 0)
    THEN
        RAISE EXCEPTION 'an audit event is never deleted but by retention';
    END IF;
    RETURN OLD;
END;
$$;

CREATE TRIGGER audit_event_is_not_deleted BEFORE DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_deletion();

CREATE FUNCTION check_audit_checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_event
                   WHERE chain = NEW.chain AND sequence = NEW.sequence AND hash = NEW.hash)
    THEN
        RAISE EXCEPTION 'a checkpoint stands at an event that is there';
    END IF;
    RETURN NEW;
END;
$$;

CREATE TRIGGER audit_checkpoint_is_at_an_event BEFORE INSERT OR UPDATE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION check_audit_checkpoint();

CREATE TRIGGER audit_checkpoint_is_kept BEFORE DELETE OR TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
