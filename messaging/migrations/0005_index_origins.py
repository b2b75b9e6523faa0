from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # texts keep coming and going while the indexes are made

    dependencies = [
        ('messaging', '0004_bulk_storms_and_lifted_numbers'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(condition=models.Q(('origin', ''), _negated=True), fields=['location', 'origin', '-created_at'], name='message_origin'),
        ),
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(condition=models.Q(('bulk__isnull', False)), fields=['bulk', 'status'], name='message_bulk'),
        ),
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(condition=models.Q(('storm__isnull', False)), fields=['storm', 'status'], name='message_storm'),
        ),
    ]
