"""Triggers that keep the tally: per statement on PostgreSQL, per row on SQLite."""

from django.db import migrations

COLUMNS = "(mailing_id, lane, state, delta)"

POSTGRESQL = f"""
CREATE FUNCTION delivery_tally_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_tally {COLUMNS}
    SELECT mailing_id, lane, state, count(*) FROM after_rows GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;
CREATE FUNCTION delivery_tally_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_tally {COLUMNS}
    SELECT mailing_id, lane, state, sum(change) FROM (
        SELECT mailing_id, lane, state, 1 AS change FROM after_rows
        UNION ALL
        SELECT mailing_id, lane, state, -1 FROM before_rows
    ) changes GROUP BY 1, 2, 3 HAVING sum(change) <> 0;
    RETURN NULL;
END $$;
CREATE FUNCTION delivery_tally_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_tally {COLUMNS}
    SELECT mailing_id, lane, state, -count(*) FROM before_rows GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;
CREATE TRIGGER delivery_tally_insert AFTER INSERT ON delivery_delivery
    REFERENCING NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION delivery_tally_insert();
CREATE TRIGGER delivery_tally_update AFTER UPDATE ON delivery_delivery
    REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION delivery_tally_update();
CREATE TRIGGER delivery_tally_delete AFTER DELETE ON delivery_delivery
    REFERENCING OLD TABLE AS before_rows
    FOR EACH STATEMENT EXECUTE FUNCTION delivery_tally_delete();
"""

POSTGRESQL_BACK = "".join(
    f"DROP TRIGGER delivery_tally_{verb} ON delivery_delivery;"
    f"DROP FUNCTION delivery_tally_{verb}();"
    for verb in ("insert", "update", "delete")
)

SQLITE = (
    f"""
    CREATE TRIGGER delivery_tally_insert AFTER INSERT ON delivery_delivery BEGIN
        INSERT INTO delivery_tally {COLUMNS} VALUES (new.mailing_id, new.lane, new.state, 1);
    END""",
    f"""
    CREATE TRIGGER delivery_tally_update AFTER UPDATE ON delivery_delivery
    WHEN old.state <> new.state OR old.lane <> new.lane BEGIN
        INSERT INTO delivery_tally {COLUMNS} VALUES
            (old.mailing_id, old.lane, old.state, -1), (new.mailing_id, new.lane, new.state, 1);
    END""",
    f"""
    CREATE TRIGGER delivery_tally_delete AFTER DELETE ON delivery_delivery BEGIN
        INSERT INTO delivery_tally {COLUMNS} VALUES (old.mailing_id, old.lane, old.state, -1);
    END""",
)


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL)
    else:
        for statement in SQLITE:
            schema_editor.execute(statement)


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL_BACK)
    else:
        for verb in ("insert", "update", "delete"):
            schema_editor.execute(f"DROP TRIGGER delivery_tally_{verb}")


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
