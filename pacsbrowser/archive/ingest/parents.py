"""The rows above a group's instances: found by what was received, created where absent, compared with what arrived."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from pacsbrowser.archive.ingest import rows
from pacsbrowser.archive.ingest.arrival import Arrival
from pacsbrowser.archive.models import Patient, Series, Study
from pacsbrowser.dicom.names import PersonName
from pacsbrowser.statements import Row, execute_all, insert, marks, select

# All values that are compared with the rows above an object.
_compared: Callable[[rows.Values], tuple[str, ...]] = itemgetter(
    *{*rows.PATIENT_ATTRIBUTES.values(), *rows.STUDY_ATTRIBUTES.values(), *rows.STUDY_FROM_EQUIPMENT.values(),
      *rows.SERIES_ATTRIBUTES.values()}
)  # fmt: skip
_NAMES = frozenset({"PatientName", "ReferringPhysicianName"})


@dataclass(slots=True)
class Disagreement:
    """An attribute whose value in an arrival differs from the one that its patient, study or series has shown."""

    row: Patient | Study | Series
    keyword: str
    shown: str
    value: str


@dataclass(slots=True)
class Family:
    """The three rows above one arrival."""

    patient: Patient
    study: Study
    series: Series


@dataclass(slots=True)
class Parents:
    """All rows above a group, in memory for the length of one transaction."""

    now: datetime
    patients: dict[str, Patient] = field(default_factory=dict)
    studies: dict[tuple[str, str], Study] = field(default_factory=dict)
    series: dict[tuple[str, int], Series] = field(default_factory=dict)
    created_studies: list[Study] = field(default_factory=list)
    created_series: list[Series] = field(default_factory=list)
    filled: dict[tuple[type, int], Patient | Study | Series] = field(default_factory=dict)
    # by series, what an arrival said that agreed with all rows above it: mostly all of a series say the same
    agreed: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def load(self, arrivals: Sequence[Arrival]) -> None:
        """Find or create the rows of all arrivals: at most two queries and one insert a level."""
        self._load_studies(arrivals)
        self._load_patients(arrivals)
        self._create_studies(arrivals)
        self._load_series(arrivals)

    def family(self, arrival: Arrival) -> Family:
        """Return the rows above an arrival. The patient is the one its study is shown under."""
        study = self.studies[arrival.header.study_instance_uid, arrival.identity_key]
        series = self.series[arrival.header.series_instance_uid, study.pk]
        return Family(study.patient, study, series)

    def _load_studies(self, arrivals: Sequence[Arrival]) -> None:
        uids = list({arrival.header.study_instance_uid for arrival in arrivals})
        keys = list({arrival.identity_key for arrival in arrivals})
        condition = f"study_instance_uid IN ({marks(uids)}) AND received_identity_key IN ({marks(keys)})"
        known = select(Study, condition, uids + keys)
        patients = {patient.pk: patient for patient in _by_key(Patient, {study.patient_id for study in known})}
        for study in known:
            patient = patients[study.patient_id]
            self.studies[study.study_instance_uid, study.received_identity_key] = study
            study.patient = self.patients.setdefault(patient.identity_key, patient)

    def _load_patients(self, arrivals: Sequence[Arrival]) -> None:
        """Load the patients of studies that are new; of known studies the patient came with them."""
        wanted = {
            arrival.identity_key: arrival
            for arrival in reversed(arrivals)
            if (arrival.header.study_instance_uid, arrival.identity_key) not in self.studies
        }
        missing = wanted.keys() - self.patients.keys()
        if missing:
            for patient in select(Patient, f"identity_key IN ({marks(list(missing))})", list(missing)):
                self.patients[patient.identity_key] = patient
        self._create_patients([wanted[key] for key in sorted(wanted.keys() - self.patients.keys())])

    def _create_patients(self, arrivals: Sequence[Arrival]) -> None:
        fresh = [
            Patient(
                identity_key=arrival.identity_key,
                created=self.now,
                **rows.patient_columns(arrival.header.values),
            )
            for arrival in arrivals
        ]
        insert(fresh)
        for patient in fresh:
            self.patients[patient.identity_key] = patient
        add_name_words(
            (self.patients[arrival.identity_key], rows.name_words(arrival.header.values)) for arrival in arrivals
        )

    def _create_studies(self, arrivals: Sequence[Arrival]) -> None:
        fresh: dict[tuple[str, str], Study] = {}
        for arrival in arrivals:
            key = (arrival.header.study_instance_uid, arrival.identity_key)
            if key not in self.studies and key not in fresh:
                fresh[key] = self._new_study(arrival)
        insert(list(fresh.values()))
        self.studies |= fresh
        self.created_studies = list(fresh.values())

    def _new_study(self, arrival: Arrival) -> Study:
        patient = self._effective(self.patients[arrival.identity_key])
        uid = arrival.header.study_instance_uid
        return Study(
            patient=patient,
            study_instance_uid=uid,
            uid_reversed=uid[::-1],
            received_identity_key=arrival.identity_key,
            name_sort=patient.name_sort,
            patient_id_sort=patient.id_search,
            created=self.now,
            received=self.now,
            **rows.study_columns(arrival.header.values),
        )

    def _effective(self, patient: Patient) -> Patient:
        """Follow merges to the patient that a person put this one's studies under."""
        while patient.merged_into is not None:
            patient = patient.merged_into
        return self.patients.setdefault(patient.identity_key, patient)

    def _load_series(self, arrivals: Sequence[Arrival]) -> None:
        uids = list({arrival.header.series_instance_uid for arrival in arrivals})
        by_key = {study.pk: study for study in self.studies.values()}
        condition = f"series_instance_uid IN ({marks(uids)}) AND study_id IN ({marks(list(by_key))})"
        for series in select(Series, condition, [*uids, *by_key]):
            self.series[series.series_instance_uid, series.study_id] = series
            series.study = by_key[series.study_id]
        fresh: dict[tuple[str, int], Series] = {}
        for arrival in arrivals:
            study = self.studies[arrival.header.study_instance_uid, arrival.identity_key]
            key = (arrival.header.series_instance_uid, study.pk)
            if key not in self.series and key not in fresh:
                fresh[key] = self._new_series(arrival, study)
        insert(list(fresh.values()))
        self.series |= fresh
        self.created_series = list(fresh.values())

    def _new_series(self, arrival: Arrival, study: Study) -> Series:
        uid = arrival.header.series_instance_uid
        return Series(
            study=study,
            series_instance_uid=uid,
            uid_reversed=uid[::-1],
            created=self.now,
            received=self.now,
            **rows.series_columns(arrival.header.values),
        )

    def compare(self, arrival: Arrival, family: Family) -> list[Disagreement]:
        """Compare an arrival with the rows above it; what a row lacks is filled in, what differs is returned."""
        values = arrival.header.values
        said = _compared(values)
        if self.agreed.get(family.series.pk) == said:
            return []
        found: list[Disagreement] = []
        for row, attributes in (
            (family.patient, rows.PATIENT_ATTRIBUTES),
            (family.study, rows.STUDY_ATTRIBUTES),
            (family.series, rows.SERIES_ATTRIBUTES),
        ):
            found += self._compare_row(row, attributes, values)
        if not family.study.institution_name and values["InstitutionName"]:
            self._fill(family.study, values, rows.STUDY_FROM_EQUIPMENT)
        if not found:
            self.agreed[family.series.pk] = said
        return found

    def _compare_row(
        self, row: Patient | Study | Series, attributes: Mapping[str, str], values: rows.Values
    ) -> list[Disagreement]:
        found = []
        lacking: dict[str, str] = {}
        for column, keyword in attributes.items():
            value, shown = rows.cut(values[keyword]), getattr(row, column)
            if value == shown or not value:
                continue
            if not shown:
                lacking[column] = keyword
            elif keyword not in _NAMES or PersonName.parse(value).groups != PersonName.parse(shown).groups:
                found.append(Disagreement(row, keyword, shown, value))
        if lacking:
            self._fill(row, values, lacking)
        return found

    def _fill(self, row: Patient | Study | Series, values: rows.Values, lacking: Mapping[str, str]) -> None:
        """Take values for columns that are empty, and recompute what is derived from them."""
        columns = rows.columns_of(row)
        merged = {keyword: getattr(row, column) for column, keyword in columns.items()}
        merged |= {keyword: values[keyword] for keyword in lacking.values()}
        for column, value in rows.derive(row, merged).items():
            setattr(row, column, value)
        self.filled[type(row), row.pk] = row
        if isinstance(row, Patient) and "patient_name" in lacking:
            add_name_words([(row, rows.name_words(values))])


def _by_key(model: type[Row], keys: set[int]) -> list[Row]:
    return select(model, f"id IN ({marks(list(keys))})", list(keys)) if keys else []


def add_name_words(words_of: Iterable[tuple[Patient, set[str]]]) -> None:
    """Make patients be found by further words."""
    fresh = [(word, patient.pk) for patient, words in words_of for word in sorted(words)]
    if fresh:
        execute_all("INSERT INTO archive_nameword (word, patient_id) VALUES (%s, %s) ON CONFLICT DO NOTHING", fresh)
