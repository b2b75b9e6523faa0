"""Everything that changes contacts. Doors and other apps call these; what takes a list costs the same few
queries however long the list is."""

from __future__ import annotations

from contacts.commands import (
    ContactUpdate,
    MatchResult,
    MoveResult,
    NewTouchpoint,
    RecallDate,
    StageMove,
    TagChange,
    Touch,
    WarmnessAdjustment,
)
from contacts.consent import DEFAULTS as CONSENT_DEFAULTS
from contacts.consent import consent_for, set_consent
from contacts.duplicates import dismiss_duplicate
from contacts.editing import (
    EDITABLE,
    delete_contact,
    set_recall_date,
    tag_contacts,
    undo_delete,
    update_contact,
    update_contacts,
)
from contacts.locks import contacts_for_update
from contacts.matching import create_contact, match_or_create
from contacts.merging import merge_contacts
from contacts.scoreboard import restore_weights, set_weights
from contacts.stages import move_stage, move_stages
from contacts.touchpoints import log_touchpoints
from contacts.unmerging import unmerge_contact
from contacts.warmness import adjust_warmness, recalculate_warmness

__all__ = [
    "CONSENT_DEFAULTS",
    "EDITABLE",
    "ContactUpdate",
    "MatchResult",
    "MoveResult",
    "NewTouchpoint",
    "RecallDate",
    "StageMove",
    "TagChange",
    "Touch",
    "WarmnessAdjustment",
    "adjust_warmness",
    "consent_for",
    "contacts_for_update",
    "create_contact",
    "delete_contact",
    "dismiss_duplicate",
    "log_touchpoints",
    "match_or_create",
    "merge_contacts",
    "move_stage",
    "move_stages",
    "recalculate_warmness",
    "restore_weights",
    "set_consent",
    "set_recall_date",
    "set_weights",
    "tag_contacts",
    "undo_delete",
    "unmerge_contact",
    "update_contact",
    "update_contacts",
]
