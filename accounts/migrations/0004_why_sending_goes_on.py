from django.db import migrations, models


def keep_stopped(apps, schema_editor):
    """A clinic whose texts were stopped by a setting stays stopped."""
    Location = apps.get_model("accounts", "Location")
    SendingStop = apps.get_model("accounts", "SendingStop")
    for location in Location.objects.filter(settings__has_key="sending_stopped"):
        if location.settings.pop("sending_stopped"):
            SendingStop.objects.get_or_create(
                kind="kill_switch", location=location, resumed_at=None,
                defaults={
                    "reason": "Stopped on the clinic's page.",
                    "stopped_by_kind": "system", "stopped_by_id": "migrate",
                },
            )
        location.save(update_fields=["settings"])


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_sending_stops'),
    ]

    operations = [
        migrations.AddField(
            model_name='sendingstop',
            name='resumed_reason',
            field=models.CharField(blank=True, default='', max_length=300),
        ),
        migrations.RunPython(keep_stopped, migrations.RunPython.noop),
    ]
