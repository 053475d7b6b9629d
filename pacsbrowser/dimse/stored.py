"""What callers have stored, counted until the audit log has it: what cannot be written now is written later."""

import logging
import threading
from collections import Counter

from django.db import DatabaseError

from pacsbrowser.archive.ingest import resume_delivery
from pacsbrowser.archive.models import Delivery, DeliveryStudy, Door
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.dimse.policy import Caller

logger = logging.getLogger(__name__)
DOOR = "dimse"


class Stored:
    """What one association has stored, by study, since it was last recorded."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._delivery: Delivery | None = None
        self._counts: Counter[str] = Counter()

    def delivery(self) -> Delivery:
        """Return the delivery that what this caller stores belongs to."""
        if self._delivery is None:
            caller = self._caller
            self._delivery = resume_delivery(
                Door.DIMSE, None, who=caller.ae_title, address=caller.address, label=caller.called
            )
        return self._delivery

    def note(self, study: str) -> None:
        """Count an object of a study."""
        self._counts[study] += 1

    def record(self) -> None:
        """Write an event for each study; a study is forgotten when its event is written."""
        for study, count in list(self._counts.items()):
            rows = DeliveryStudy.objects.filter(delivery=self._delivery, study__study_instance_uid=study)
            holder = rows.select_related("study__patient").first()
            record(
                Action.UPLOAD,
                who=self._caller.ae_title,
                address=self._caller.address,
                door=DOOR,
                patient=holder.study.patient.audit_name if holder else "",
                study=study,
                object=str(self._delivery),
                detail={"instances": count},
            )
            del self._counts[study]


# Of associations that are over: whoever records next, and at last the end of the process, does it for them.
_owed: list[Stored] = []
_owed_lock = threading.Lock()
# Of others, so many are recorded at a time: this is done between two messages of a caller, who waits for it.
MOST_DEBTS = 3


def settle(stored: Stored | None, *, is_over: bool, most: int | None = MOST_DEBTS) -> None:
    """Record what was stored, and some of what is owed for others; what fails is owed, or stays until the next time.

    After the first failure nothing more is tried: a write may wait long for its turn, and a caller waits meanwhile.

    Args:
        most: of how many others; None for all.
    """
    with _owed_lock:
        count = len(_owed) if most is None else most
        others, _owed[:count] = _owed[:count], []
    left = ([stored] if stored else []) + others
    try:
        while left:
            left[0].record()
            del left[0]
    except DatabaseError:
        logger.exception("what was stored could not be recorded yet")
    finally:
        with _owed_lock:
            _owed.extend(one for one in left if is_over or one is not stored)
