"""Where the pages of rules are."""

from __future__ import annotations

from accounts import pages
from automation import portable_pages, rule_pages
from automation.editor import pages as editor
from automation.editor import past, publishing

_PAGES: dict[str, tuple[str, pages.StaffView]] = {
    "automation_rules": ("rules/", rule_pages.rules),
    "automation_rule_start": ("rules/new/", rule_pages.start),
    "automation_rules_export": ("rules/export/", portable_pages.export_rules),
    "automation_rules_import": ("rules/import/", portable_pages.import_rules),
    "automation_rule_edit": ("rules/<uuid:pk>/", editor.edit_rule),
    "automation_rule_edit_publish": ("rules/<uuid:pk>/publish/", publishing.publish_rule),
    "automation_rule_versions": ("rules/<uuid:pk>/versions/", rule_pages.versions),
    "automation_rule_figures": ("rules/<uuid:pk>/figures/", rule_pages.figures),
    "automation_rule_edit_past": ("rules/<uuid:pk>/past/", past.of_rule),
    "automation_rule_mode": ("rules/<uuid:pk>/mode/", rule_pages.set_mode),
    "automation_rule_duplicate": ("rules/<uuid:pk>/duplicate/", rule_pages.duplicate),
    "automation_rule_restore": ("rules/<uuid:pk>/restore/", rule_pages.restore_version),
    "automation_rule_restore_delivered": ("rules/<uuid:pk>/restore-delivered/", rule_pages.restore_delivered),
    "automation_draft_edit": ("rules/drafts/<uuid:pk>/", editor.edit_draft),
    "automation_draft_edit_publish": ("rules/drafts/<uuid:pk>/publish/", publishing.publish_draft),
    "automation_draft_edit_past": ("rules/drafts/<uuid:pk>/past/", past.of_draft),
    "automation_back_test": ("rules/past/<uuid:pk>/", past.show),
    "automation_back_test_bar": ("rules/past/<uuid:pk>/bar/", past.bar),
    "automation_back_test_stop": ("rules/past/<uuid:pk>/stop/", past.stop),
}


def connect() -> None:
    """Join the staff's pages. Called from AppConfig.ready()."""
    for name, (route, view) in _PAGES.items():
        pages.extra.register(name, pages.Page(route, pages.refusing(view)))
