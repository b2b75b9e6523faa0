from django.contrib.postgres.operations import AddIndexConcurrently
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # work goes on while the index is made

    dependencies = [
        ('accounts', '0005_desk_actions'),
        ('contacts', '0008_contactsearch'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='contact',
            index=models.Index(condition=models.Q(('deleted_at__isnull', True)), fields=['-warmness_score', '-created_at', '-id'], name='contact_warmest'),
        ),
        AddIndexConcurrently(
            model_name='contact',
            index=models.Index(models.OrderBy(models.F('last_touchpoint_at'), descending=True, nulls_last=True), models.OrderBy(models.F('id'), descending=True), condition=models.Q(('deleted_at__isnull', True), ('merged_into__isnull', True)), name='contact_talked_last'),
        ),
        AddIndexConcurrently(
            model_name='contact',
            index=models.Index(condition=models.Q(('deleted_at__isnull', False)), fields=['-created_at', '-id'], name='contact_hidden'),
        ),
    ]
