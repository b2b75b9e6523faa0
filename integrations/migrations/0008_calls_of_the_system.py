import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('integrations', '0007_reconciliations'),
    ]

    operations = [
        migrations.AlterField(
            model_name='outboundcall',
            name='location',
            field=models.ForeignKey(blank=True, help_text='Empty: from the system itself, an alert.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='outbound_calls', to='accounts.location'),
        ),
    ]
