from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # work goes on while the index is made

    dependencies = [
        ("automation", "0010_index_notices"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="rulerun",
            index=models.Index(
                condition=models.Q(("state__in", ["failed", "stopped"])),
                fields=["state", "-id"],
                name="rulerun_ended_early",
            ),
        ),
    ]
