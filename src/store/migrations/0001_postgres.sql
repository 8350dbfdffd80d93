-- A part of a text is looked for in all texts of an organization. With trigrams it is found without reading
-- them; where the server cannot have them, for whatever reason, it is found by reading.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX service_account_text ON service_account USING gin (search_text gin_trgm_ops)
        WHERE deleted_at IS NULL;
    CREATE INDEX credential_text ON credential
        USING gin (folded_name gin_trgm_ops, client_id gin_trgm_ops);
EXCEPTION
    WHEN OTHERS THEN
        RAISE NOTICE 'no trigrams: %', SQLERRM;
END;
$$;

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
