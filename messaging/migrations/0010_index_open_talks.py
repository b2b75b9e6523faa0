from django.contrib.postgres.operations import AddIndexConcurrently
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # work goes on while the index is made

    dependencies = [
        ('accounts', '0005_desk_actions'),
        ('contacts', '0009_index_lists_of_all'),
        ('messaging', '0009_index_the_inbox'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='conversation',
            index=models.Index(models.OrderBy(models.F('last_message_at'), descending=True, nulls_last=True), models.OrderBy(models.F('id'), descending=True), condition=models.Q(('state', 'open')), name='conversation_open_of_all'),
        ),
    ]
