import core.clock
from django.db import migrations, models

from core.migration_ops import short_waits

POSITION = models.Func(
    models.Value("automation_factchange_id_seq"),
    function="pg_sequence_last_value",
    output_field=models.BigIntegerField(),
)

#: Whose columns are kept, under which kind, and in which column the contact stands.
JOURNALED = (
    (
        "contacts_contact", "contact", "id",
        (
            "warmness_score", "intent", "source", "current_pipeline", "current_stage", "stage_entered_at",
            "is_existing_patient", "is_high_risk", "tags", "owner_id", "recall_due_date", "last_touchpoint_at",
            "last_inbound_at", "last_outbound_at", "merged_into_id", "deleted_at",
        ),
    ),
    (
        "bookings_booking", "booking", "contact_id",
        (
            "contact_id", "service_id", "service_type", "urgency_level", "practitioner_id", "status", "outcome",
            "payment_status", "appointment_datetime", "ends_at",
        ),
    ),
    ("tasks_task", "task", "contact_id", ("contact_id", "type", "status")),
)  # fmt: skip

ENTRY = (
    "INSERT INTO automation_factchange (kind, row_id, contact_id, location_id, at, before) "
    "VALUES ('{kind}', NEW.id, {row}.{contact}, NEW.location_id, NEW.updated_at, {before});"
)
FUNCTION = """
CREATE FUNCTION automation_journal_{kind}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        {made}
        RETURN NULL;
    END IF;
    {changed}
    IF OLD.{contact} IS DISTINCT FROM NEW.{contact} THEN
        {arrived}
    END IF;
    RETURN NULL;
END $$
"""


def _forwards(table, kind, contact, columns):
    before = "jsonb_build_object(" + ", ".join(f"'{name}', OLD.{name}" for name in columns) + ")"
    old, new = (", ".join(f"{row}.{name}" for name in columns) for row in ("OLD", "NEW"))
    return [
        FUNCTION.format(
            kind=kind, contact=contact,
            made=ENTRY.format(kind=kind, row="NEW", contact=contact, before="NULL"),
            changed=ENTRY.format(kind=kind, row="OLD", contact=contact, before=before),
            arrived=ENTRY.format(kind=kind, row="NEW", contact=contact, before=before),
        ),
        f"CREATE TRIGGER automation_journal_made AFTER INSERT ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION automation_journal_{kind}()",
        f"CREATE TRIGGER automation_journal_changed AFTER UPDATE ON {table} "
        f"FOR EACH ROW WHEN (ROW({old}) IS DISTINCT FROM ROW({new})) EXECUTE FUNCTION automation_journal_{kind}()",
    ]  # fmt: skip


def _backwards(table, kind):
    return [
        f"DROP TRIGGER automation_journal_made ON {table}",
        f"DROP TRIGGER automation_journal_changed ON {table}",
        f"DROP FUNCTION automation_journal_{kind}()",
    ]


class Migration(migrations.Migration):

    dependencies = [
        ("automation", "0007_shadow_and_drafts_of_rules"),
        ("bookings", "0003_free_the_time_of_no_shows"),
        ("contacts", "0008_contactsearch"),
        ("tasks", "0004_index_completed"),
    ]

    operations = [
        short_waits(),
        migrations.CreateModel(
            name="FactChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=8)),
                ("row_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField(null=True)),
                ("location_id", models.BigIntegerField(null=True)),
                ("at", models.DateTimeField()),
                ("before", models.JSONField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["contact_id", "id"], name="factchange_contact")],
            },
        ),
        migrations.CreateModel(
            name="ClockLook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("location_id", models.BigIntegerField()),
                ("slot", models.CharField(max_length=24)),
                ("at", models.DateTimeField(default=core.clock.now)),
                ("position", models.BigIntegerField(db_default=POSITION, null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["location_id", "at"], name="clocklook_at")],
                "constraints": [models.UniqueConstraint(fields=("location_id", "slot"), name="one_look_per_slot")],
            },
        ),
        # In two steps: a column that comes with a changing default would rewrite the whole table.
        migrations.AddField(
            model_name="factsnapshot",
            name="position",
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="factsnapshot",
            name="position",
            field=models.BigIntegerField(db_default=POSITION, editable=False, null=True),
        ),
        *(
            migrations.RunSQL(_forwards(table, kind, contact, columns), _backwards(table, kind))
            for table, kind, contact, columns in JOURNALED
        ),
    ]
