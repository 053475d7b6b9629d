"""What a group adds to the index: instances, copies, references, counters and findings, inside one transaction."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from pacsbrowser.archive import counters, findings, ordering
from pacsbrowser.archive.ingest import collisions, further, references, results, rows
from pacsbrowser.archive.ingest.arrival import Arrival
from pacsbrowser.archive.ingest.collisions import Judgement, Verdict, Verdicts
from pacsbrowser.archive.ingest.decision import Decision
from pacsbrowser.archive.ingest.observe import observe
from pacsbrowser.archive.ingest.parents import Family, Parents
from pacsbrowser.archive.ingest.results import IngestResult
from pacsbrowser.archive.models import Blob, Copy, Instance, Outcome, Patient
from pacsbrowser.archive.models.levels import UID_LENGTH
from pacsbrowser.statements import insert, new_row

# By the ids of the arrivals.
Results = dict[int, IngestResult]


class Unforeseen(Exception):
    """Another file has the place of an arrival and was not compared with it: judge the group and write it again."""


class GroupWriter:
    """Writes one group. Use inside a transaction that holds the write lock, once."""

    def __init__(self, verdicts: Verdicts, now: datetime | None = None) -> None:
        self.now = now or timezone.now()
        self.verdicts = verdicts
        self.unused: set[str] = set()
        self.unordered: set[int] = set()
        self.new_in_study: defaultdict[UUID, Counter[int]] = defaultdict(Counter)

    def write(self, arrivals: Sequence[Arrival]) -> list[IngestResult]:
        """Write all rows of the arrivals and return a result for each, in their order.

        Raises:
            Unforeseen: an object with other content took a place after the group was judged.
        """
        if not arrivals:
            return []
        found, others, homeless = self._write_further(arrivals)
        # with the first of a new series there, what came with it is further objects of it
        first = _first_of_series(others, homeless)
        if len(first) < len(homeless):
            found |= self._write_specially(first)
            more, others, _ = self._write_further([arrival for arrival in others if id(arrival) not in found])
            found |= more
        found |= self._write_specially(others)
        return [found[id(arrival)] for arrival in arrivals]

    def _write_further(self, arrivals: Sequence[Arrival]) -> tuple[Results, list[Arrival], list[Arrival]]:
        """Write those that go the short way; return their results, the others, and which of these lack a series."""
        written = further.write(arrivals, self.now)
        for arrival, study in written.new_in_study:
            self.new_in_study[arrival.delivery.pk][study] += 1
        return written.results, [one for one in arrivals if id(one) not in written.results], written.homeless

    def _write_specially(self, arrivals: Sequence[Arrival]) -> Results:
        if not arrivals:
            return {}
        self.parents = Parents(self.now)
        return dict(zip(map(id, arrivals), self._write_others(arrivals), strict=True))

    def _write_others(self, arrivals: Sequence[Arrival]) -> list[IngestResult]:
        self.parents.load(arrivals)
        self.held = collisions.find_held(arrivals)
        self.copies = collisions.find_copies(list(self.held.values()))
        decisions = [self._decide(arrival) for arrival in arrivals]
        self._save_files(decisions)
        self._save_references(decisions)
        observations = observe(decisions, self.parents)
        revived = self._revived(decisions)
        counters.add(self._gains(decisions), self.parents.filled, self.now)
        findings.record(observations, self.now)
        counters.recount_findings(revived)
        return [self._result(decision) for decision in decisions]

    def _decide(self, arrival: Arrival) -> Decision:
        family = self.parents.family(arrival)
        here = self.held.get(collisions.place_of(arrival))
        if here is None:
            return self._new(arrival, family)
        if collisions.is_same_file(arrival, here):
            return self._same(arrival, family, here)
        verdict = self.verdicts.get(collisions.key_of(arrival, here))
        if verdict is None:
            raise Unforeseen
        if verdict.judgement is Judgement.SAME:
            return self._same(arrival, family, here)
        if copy := self.copies.get((here.pk, verdict.content)):
            self._leave(arrival, here, copy)
            return Decision(arrival, family, Outcome.ALREADY_HERE, results.ALREADY_HERE, instance=here)
        return self._different(arrival, family, here, verdict)

    def _leave(self, arrival: Arrival, here: Instance, copy: Copy | None = None) -> None:
        """Note that the arrival's own file is not wanted, unless it is the very file that is kept."""
        kept = copy.blob_id if copy else here.blob_id
        if not Blob.objects.filter(pk=kept, sha256=arrival.staged.sha256).exists():
            self.unused.add(arrival.relative)

    def _new(self, arrival: Arrival, family: Family) -> Decision:
        instance = new_row(Instance, arrival.columns(self.now) | {"series_id": family.series.pk})
        instance.series = family.series
        instance.blob = Blob(sha256=arrival.staged.sha256, path=arrival.relative, size=arrival.staged.size)
        return Decision(arrival, family, Outcome.STORED, instance=instance, is_new=True)

    def _same(self, arrival: Arrival, family: Family, here: Instance) -> Decision:
        self._leave(arrival, here)
        if here.removal_id is None:
            return Decision(arrival, family, Outcome.ALREADY_HERE, results.ALREADY_HERE, instance=here)
        here.removal = None
        here.position = here.instance_number_value or 0
        return Decision(arrival, family, Outcome.STORED, results.RESTORED, "restored", instance=here, is_new=True)

    def _different(self, arrival: Arrival, family: Family, here: Instance, verdict: Verdict) -> Decision:
        judgement = verdict.judgement
        if here.removal_id is not None:
            copy = self._replace(here, arrival, Copy.Kind.CONFLICT, verdict)
            return Decision(
                arrival, family, Outcome.STORED, results.REPLACED_REMOVED, "replaced_removed", here, copy, is_new=True
            )
        if judgement is Judgement.CONTAINED:
            self._leave(arrival, here)
            return Decision(arrival, family, Outcome.ALREADY_HERE, results.CONTAINED, "contained", here)
        if judgement is Judgement.COMPLETES:
            copy = self._replace(here, arrival, Copy.Kind.VARIANT, verdict)
            return Decision(
                arrival, family, Outcome.STORED, results.REPLACED_TRUNCATED, "replaced_truncated", here, copy
            )
        if judgement is Judgement.VARIANT:
            copy = self._beside(here, arrival, Copy.Kind.VARIANT, verdict)
            return Decision(arrival, family, Outcome.VARIANT, results.VARIANT, "variant", here, copy)
        copy = self._beside(here, arrival, Copy.Kind.CONFLICT, verdict)
        return Decision(arrival, family, Outcome.CONFLICT, results.CONFLICT, "conflict", here, copy)

    def _beside(self, here: Instance, arrival: Arrival, kind: Copy.Kind, verdict: Verdict) -> Copy:
        staged, header = arrival.staged, arrival.header
        if not here.content_digest:
            here.content_digest = verdict.content_here
            here.save(update_fields=["content_digest"])
        return Copy(
            instance=here,
            kind=kind,
            blob=Blob(sha256=staged.sha256, path=arrival.relative, size=staged.size),
            transfer_syntax_uid=rows.cut(header.transfer_syntax_uid, UID_LENGTH),
            content_digest=verdict.content,
            is_whole=header.whole,
            delivery=arrival.delivery,
            original_name=staged.original_name,
            received=self.now,
        )

    def _replace(self, here: Instance, arrival: Arrival, kind: Copy.Kind, verdict: Verdict) -> Copy:
        """Let an arrival take the place of what an instance shows; that becomes a copy."""
        copy = Copy(
            instance=here,
            kind=kind,
            blob=here.blob,
            transfer_syntax_uid=here.transfer_syntax_uid,
            content_digest=verdict.content_here,
            is_whole=here.is_whole,
            delivery_id=here.delivery_id,
            original_name=here.original_name,
            received=here.received,
        )
        for name, value in arrival.columns(self.now, verdict.content).items():
            setattr(here, name, value)
        here.blob = Blob(sha256=arrival.staged.sha256, path=arrival.relative, size=arrival.staged.size)
        return copy

    def _save_files(self, decisions: Sequence[Decision]) -> None:
        instances = [decision.instance for decision in decisions if decision.instance is not None]
        copies = [decision.copy for decision in decisions if decision.copy]
        holders: list[Instance | Copy] = [*instances, *copies]
        fresh = [holder for holder in holders if holder.blob_id is None]
        insert([holder.blob for holder in fresh])
        for holder in fresh:
            # takes the new key and keeps the row at hand; setting blob_id alone would read it back one by one
            holder.blob = holder.blob
        insert([instance for instance in instances if instance.pk is None])
        for decision in decisions:
            if decision.instance and decision.outcome == Outcome.STORED and decision.code:
                decision.instance.save()
        if copies:
            Copy.objects.bulk_create(copies)

    def _save_references(self, decisions: Sequence[Decision]) -> None:
        shown = [decision for decision in decisions if decision.outcome == Outcome.STORED]
        references.forget(decision.instance for decision in shown if decision.code and decision.instance)
        references.save(
            (decision.instance.pk, decision.arrival.header) for decision in shown if decision.instance is not None
        )

    def _revived(self, decisions: Sequence[Decision]) -> list[Patient]:
        """Return the patients of whom something was in the trash and is live now: its findings count again."""
        created = {series.pk for series in self.parents.created_series}
        patients: dict[int, Patient] = {}
        for decision in decisions:
            patient, series = decision.family.patient, decision.family.series
            if decision.is_new and series.pk not in created and (decision.code or not series.instance_count):
                patients[patient.pk] = patient
        return list(patients.values())

    def _gains(self, decisions: Sequence[Decision]) -> list[counters.Gain]:
        gains: dict[int, counters.Gain] = {}
        numbers: defaultdict[int, list[int | None]] = defaultdict(list)
        for decision in decisions:
            if decision.outcome != Outcome.STORED or decision.instance is None:
                continue
            series, instance = decision.family.series, decision.instance
            gain = gains.setdefault(series.pk, counters.Gain(series))
            if decision.is_new:
                gain.instances += 1
                gain.frames += instance.number_of_frames
                gain.size += instance.blob.size
                numbers[series.pk].append(instance.instance_number_value)
                self.new_in_study[decision.arrival.delivery.pk][series.study_id] += 1
            elif decision.copy:
                gain.size += instance.blob.size - decision.copy.blob.size
            if decision.code:
                series.order_rule = ordering.UNKNOWN
        for gain in gains.values():
            ordering.expect(gain.series, numbers[gain.series.pk])
        self.unordered |= {key for key, gain in gains.items() if gain.series.order_rule == ordering.UNKNOWN}
        return list(gains.values())

    def _result(self, decision: Decision) -> IngestResult:
        arrival = decision.arrival
        key = decision.instance.pk if decision.instance else None
        return results.accepted(arrival.staged, arrival.header, decision.outcome, decision.code, decision.reason, key)


def _first_of_series(arrivals: Sequence[Arrival], homeless: Sequence[Arrival]) -> list[Arrival]:
    """Return the first arrival of each series that some lack."""
    wanted = set(map(further.series_key, homeless))
    first: dict[tuple[str, str, str], Arrival] = {}
    for arrival in arrivals:
        if (key := further.series_key(arrival)) in wanted:
            first.setdefault(key, arrival)
    return list(first.values())
