from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("core", "0002_state_of_the_machine")]

    operations = [
        AddIndexConcurrently(
            model_name="auditentry",
            index=models.Index(
                condition=models.Q(("method", "GET"), ("route__endswith", "_change"), ("status", 200)),
                fields=["user_id", "-at"],
                name="audit_opened",
            ),
        ),
    ]
