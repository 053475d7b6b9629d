"""C-FIND: every level, every way of matching, counts, relational queries, and answers in the right character set."""

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from pacsbrowser.audit.models import Action, Event
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.dimse.peers import PATIENT_FIND, STUDY_FIND, Archive, ask, make_node, run

MULLER = {"PatientName": "Müller^Jürgen", "PatientID": "M1", "AccessionNumber": "ACC7", "StudyDate": "20230105"}
WANG = {"PatientName": "Wang^XiaoDong=王^小东", "PatientID": "W1", "StudyDate": "20230220", "Modality": "MR"}


@pytest.fixture
def stocked(archive: Archive) -> Archive:
    """Three patients; the first with two series in one study, one of them an SR."""
    ingest_datasets(
        *make_series(3),
        *make_series(1, 1, 2, Modality="SR", SeriesDescription="Report"),
        *make_series(1, 2, 1, **MULLER),
        *make_series(2, 3, 1, **WANG),
    )
    return archive


def uids(found: list[Dataset]) -> set[str]:
    """Return the last numbers of the Study Instance UIDs."""
    return {str(one.StudyInstanceUID).rpartition(".")[2] for one in found}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, {"1", "2", "3"}),
        ({"PatientName": "DOE^JANE"}, {"1"}),
        ({"PatientName": "doe"}, {"1"}),
        ({"PatientName": "muller*"}, {"2"}),
        ({"PatientName": "MUELLER"}, {"2"}),
        ({"PatientName": "*gen"}, {"2"}),
        ({"PatientName": "wang*"}, {"3"}),
        ({"PatientName": "d?e*"}, {"1"}),
        ({"PatientID": "M1"}, {"2"}),
        ({"PatientID": "m1"}, set()),
        ({"StudyDate": "20230105"}, {"2"}),
        ({"StudyDate": "20230101-20231231"}, {"2", "3"}),
        ({"StudyDate": "-20230131"}, {"2"}),
        ({"StudyDate": "20240101-"}, {"1"}),
        ({"StudyTime": "1000-1030"}, {"1", "2", "3"}),
        ({"StudyInstanceUID": [f"{ROOT}.1", f"{ROOT}.3", "9.9"]}, {"1", "3"}),
        ({"ModalitiesInStudy": "SR"}, {"1"}),
        ({"ModalitiesInStudy": ["SR", "MR"]}, {"1", "3"}),
        ({"AccessionNumber": "acc7"}, {"2"}),
        ({"AccessionNumber": "A*"}, {"1", "2", "3"}),
        ({"StudyDescription": "ct *"}, {"1", "2", "3"}),
        ({"PatientName": "doe*", "StudyDate": "-20231231"}, set()),
        # relational: attributes of the levels below, all of one branch (PS3.4 C.4.1.3.2)
        ({"Modality": "MR"}, {"3"}),
        ({"SeriesDescription": "Report", "Modality": "SR"}, {"1"}),
        ({"SeriesDescription": "Report", "Modality": "CT"}, set()),
        ({"SOPInstanceUID": f"{ROOT}.2.1.1"}, {"2"}),
        ({"SeriesInstanceUID": f"{ROOT}.1.2"}, {"1"}),
    ],
)
def test_studies(stocked: Archive, keys: dict[str, Any], expected: set[str]) -> None:
    found = stocked.find("STUDY", **{"StudyInstanceUID": "", **keys})
    assert uids(found) == expected


def test_all_four_levels(stocked: Archive) -> None:
    patient = stocked.find("PATIENT", PATIENT_FIND, PatientID="P1", PatientName="", NumberOfPatientRelatedInstances="")[
        0
    ]
    assert (patient.PatientName, patient.NumberOfPatientRelatedInstances) == ("Doe^Jane", 4)
    assert patient.RetrieveAETitle == "PACSBROWSER"
    study = stocked.find(
        "STUDY", PATIENT_FIND, PatientID="P1", StudyInstanceUID="", NumberOfStudyRelatedSeries="",
        NumberOfStudyRelatedInstances="", ModalitiesInStudy="",
    )[0]  # fmt: skip
    counts = (study.NumberOfStudyRelatedSeries, study.NumberOfStudyRelatedInstances, list(study.ModalitiesInStudy))
    assert counts == (2, 4, ["CT", "SR"])
    series = stocked.find("SERIES", StudyInstanceUID=f"{ROOT}.1", SeriesInstanceUID="", Modality="CT", SeriesNumber="",
                          NumberOfSeriesRelatedInstances="")  # fmt: skip
    assert [(one.SeriesNumber, one.NumberOfSeriesRelatedInstances) for one in series] == [(1, 3)]
    images = stocked.find("IMAGE", SeriesInstanceUID=f"{ROOT}.1.1", SOPInstanceUID="", InstanceNumber="", Rows=None)
    assert [(one.InstanceNumber, one.Rows) for one in images] == [(1, 8), (2, 8), (3, 8)]


def test_patients_by_what_they_hold(stocked: Archive) -> None:
    found = stocked.find("PATIENT", PATIENT_FIND, PatientID="", ModalitiesInStudy="MR")
    assert [one.PatientID for one in found] == ["W1"]
    found = stocked.find("PATIENT", PATIENT_FIND, PatientID="", PatientName="*")
    assert {one.PatientID for one in found} == {"P1", "M1", "W1"}


def test_only_what_is_known_and_asked_for_comes_back(stocked: Archive) -> None:
    with stocked.associate(STUDY_FIND) as link:
        question = Dataset()
        question.QueryRetrieveLevel = "STUDY"
        question.PatientID = "P1"
        question.OtherStudyNumbers = ""
        answers = list(link.send_c_find(question, STUDY_FIND))
    assert [status.Status for status, _ in answers] == [0xFF01, 0x0000]
    answer = answers[0][1]
    assert "OtherStudyNumbers" not in answer
    assert "StudyInstanceUID" not in answer


@pytest.mark.parametrize(
    ("asked", "keys", "declared"),
    [
        ("ISO_IR 100", {"PatientID": "M1"}, "ISO_IR 100"),
        ("ISO_IR 192", {"PatientID": "M1"}, "ISO_IR 192"),
        ("", {"PatientID": "M1"}, "ISO_IR 192"),
        ("ISO_IR 100", {"PatientID": "W1"}, "ISO_IR 192"),
        ("GB18030", {"PatientID": "W1"}, "GB18030"),
        ("ISO 2022 IR 6\\ISO 2022 IR 100", {"PatientID": "M1"}, "ISO 2022 IR 6\\ISO 2022 IR 100"),
        ("\\ISO 2022 IR 87", {"PatientID": "M1"}, "ISO_IR 192"),
        ("ISO_IR 100", {"PatientID": "P1"}, None),
    ],
)
def test_answers_declare_their_character_set(
    stocked: Archive, asked: str, keys: dict[str, str], declared: str | None
) -> None:
    found = stocked.find("STUDY", SpecificCharacterSet=asked.split("\\"), PatientName="", **keys)
    names = {"M1": MULLER["PatientName"], "W1": WANG["PatientName"], "P1": "Doe^Jane"}
    assert [str(one.PatientName) for one in found] == [names[keys["PatientID"]]]
    told = found[0].get("SpecificCharacterSet")
    assert (told if told is None or isinstance(told, str) else "\\".join(told)) == declared


def test_answers_in_simplified_chinese_with_code_extensions(stocked: Archive) -> None:
    """PS3.5 K.2. pydicom does not read this set: the bytes are looked at."""
    sets = ["", "ISO 2022 IR 58"]
    (found,) = stocked.find("STUDY", SpecificCharacterSet=sets, PatientName="", PatientID="W1")
    assert list(found.SpecificCharacterSet) == sets
    name = b"Wang^XiaoDong=\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1\xb6\xab"
    assert found.PatientName.original_string.rstrip() == name


def test_names_are_asked_in_the_declared_character_set(stocked: Archive) -> None:
    found = stocked.find("STUDY", SpecificCharacterSet="ISO_IR 100", PatientName="MÜLLER^J*", StudyInstanceUID="")
    assert uids(found) == {"2"}
    found = stocked.find("STUDY", SpecificCharacterSet="GB18030", PatientName="*=王*", StudyInstanceUID="")
    assert uids(found) == {"3"}


def test_names_by_their_words_where_agreed(stocked: Archive) -> None:
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid = STUDY_FIND
    item.service_class_application_information = b"\1\1\1"
    with stocked.associate(STUDY_FIND, roles=[item]) as link:
        answer = link.acceptor.sop_class_extended
        assert answer[STUDY_FIND] == b"\1\0\1"
        assert uids(ask(link, "STUDY", PatientName="jurgen muller", StudyInstanceUID="")) == {"2"}
    assert stocked.find("STUDY", PatientName="jurgen muller", StudyInstanceUID="") == []


def test_what_cannot_be_asked(stocked: Archive) -> None:
    cases = [
        ({"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"}, 0xA900),
        ({"QueryRetrieveLevel": "NOTHING"}, 0xA900),
        ({"PatientID": "P1"}, 0xA900),
        ({"QueryRetrieveLevel": "STUDY", "StudyDate": "yesterday"}, 0xA900),
    ]
    with stocked.associate(STUDY_FIND) as link:
        for keys, status in cases:
            question = Dataset()
            question.update({})
            for keyword, value in keys.items():
                question.add_new(keyword, "LO" if keyword == "StudyDate" else "CS", value)
            answers = list(link.send_c_find(question, STUDY_FIND))
            assert [one.Status for one, _ in answers] == [status], keys


def test_a_node_sees_its_institutions_only(archive: Archive) -> None:
    ingest_datasets(*make_series(2, 1, 1, InstitutionName="Clinic"), *make_series(1, 2, 1, InstitutionName="Hospital"))
    make_node("CLINIC", institutions="Clinic")
    with archive.associate(PATIENT_FIND, ae_title="CLINIC") as link:
        found = ask(link, "PATIENT", PATIENT_FIND, PatientID="P1", NumberOfPatientRelatedStudies="",
                    NumberOfPatientRelatedInstances="")  # fmt: skip
        assert [(one.NumberOfPatientRelatedStudies, one.NumberOfPatientRelatedInstances) for one in found] == [(1, 2)]
        assert uids(ask(link, "STUDY", PATIENT_FIND, PatientID="P1", StudyInstanceUID="")) == {"1"}
        assert ask(link, "SERIES", PATIENT_FIND, PatientID="P1", StudyInstanceUID=f"{ROOT}.2") == []
        assert ask(link, "PATIENT", PATIENT_FIND, PatientID="", StudyInstanceUID=f"{ROOT}.2") == []


def test_findscu(stocked: Archive) -> None:
    said = run(
        "findscu", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=m*", "-k", "PatientID", *stocked.at
    )
    assert "[M1]" in said and "[P1]" not in said


def test_a_question_can_be_cancelled(archive: Archive) -> None:
    ingest_datasets(*(make_series(1, study)[0] for study in range(1, 60)))
    with archive.associate(STUDY_FIND) as link:
        question = Dataset()
        question.QueryRetrieveLevel = "STUDY"
        question.StudyInstanceUID = ""
        statuses = []
        for status, _ in link.send_c_find(question, STUDY_FIND, msg_id=7):
            if not statuses:
                link.send_c_cancel(7, query_model=STUDY_FIND)
            statuses.append(status.Status)
        assert statuses[-1] in (0xFE00, 0x0000)
        assert ask(link, "STUDY", StudyInstanceUID=f"{ROOT}.1")


def test_a_question_is_recorded(stocked: Archive) -> None:
    stocked.find("STUDY", PatientName="doe*", StudyInstanceUID="")
    event = Event.objects.get(action=Action.QUERY)
    assert (event.who, event.door) == ("TESTER", "dimse")
    assert event.detail == {"list": "study", "PatientName": "doe*", "found": 1}


def test_a_patient_without_an_id_is_found_by_name_alone(archive: Archive) -> None:
    ingest_datasets(make_dataset(PatientID=None, PatientName="No^Id"))
    found = archive.find("PATIENT", PATIENT_FIND, PatientName="no*", PatientID="")
    assert [(str(one.PatientName), one.PatientID) for one in found] == [("No^Id", "")]
