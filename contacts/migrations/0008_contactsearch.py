"""One row of search keys for each contact in place of many, filled in parts that hold no lock for long."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

PART = 1_000


def fill(apps, schema_editor):
    from contacts import finding

    contact_model, search_model = apps.get_model("contacts", "Contact"), apps.get_model("contacts", "ContactSearch")
    after = 0
    while True:
        rows = list(
            contact_model.objects.using(schema_editor.connection.alias)
            .filter(pk__gt=after)
            .order_by("pk")
            .values_list("pk", "location_id", "name", "phone", "email")[:PART]
        )
        if not rows:
            return
        search_model.objects.using(schema_editor.connection.alias).bulk_create(
            [
                search_model(
                    contact_id=pk,
                    location_id=location_id,
                    keys=finding.keys_of(location_id, name=name, phone=phone, email=email),
                )
                for pk, location_id, name, phone, email in rows
            ],
            ignore_conflicts=True,
        )
        after = rows[-1][0]


class Migration(migrations.Migration):
    #: Each part is a transaction of its own; it can be run again where it stopped.
    atomic = False

    dependencies = [("contacts", "0007_index_newest_touchpoints")]

    operations = [
        migrations.CreateModel(
            name="ContactSearch",
            fields=[
                (
                    "contact",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search",
                        serialize=False,
                        to="contacts.contact",
                    ),
                ),
                ("location_id", models.BigIntegerField()),
                ("keys", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
            ],
            options={
                "verbose_name_plural": "contact search",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fastupdate=False, fields=["keys"], name="contactsearch_keys"
                    )
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.DeleteModel(name="SearchKey"),
    ]
