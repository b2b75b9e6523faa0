from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Full tables are indexed while people work.
    atomic = False

    dependencies = [("contacts", "0006_index_columns_of_the_board")]

    operations = [
        AddIndexConcurrently(
            model_name="touchpoint",
            index=models.Index(fields=["location", "-at", "-id"], name="touchpoint_newest"),
        ),
    ]
