from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    # Full tables are indexed while people work.
    atomic = False

    dependencies = [("tasks", "0003_count_attempts")]

    operations = [
        AddIndexConcurrently(
            model_name="task",
            index=models.Index(
                fields=["location", "-completed_at"], condition=Q(status="completed"), name="task_completed"
            ),
        ),
    ]
