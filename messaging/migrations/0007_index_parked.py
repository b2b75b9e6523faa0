from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # texts keep coming and going while the index is made

    dependencies = [
        ('messaging', '0006_name_texts_to_many'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(condition=models.Q(('status', 'parked')), fields=['id'], name='message_parked'),
        ),
    ]
