from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("contacts", "0005_contactmerge"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="contact",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True), ("merged_into__isnull", True)),
                fields=["location", "current_pipeline", "current_stage", "-stage_entered_at", "-id"],
                name="contact_column",
            ),
        ),
    ]
