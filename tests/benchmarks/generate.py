"""Builds a large index fast: made-up headers go through ingest's own row writer, without files.

    PACSBROWSER_DATA=/some/empty/folder python -m tests.benchmarks.generate --patients 100000 --instances 1000000

The index is like a real one (names of many scripts, some patients without an ID, undated studies); the store is empty,
so only lists and object pages can be measured on it, not downloads.
"""

import argparse
import hashlib
import os
import random
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from typing import Any

import django

GROUP = 1_000
ROOT = "1.2.826.0.1.3680043.10.474"
TODAY = date(2026, 11, 22)

FAMILIES = """Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Wilson Anderson
Thomas Taylor Moore Jackson Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young Allen King
Wright Scott Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Müller
Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf
Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Krause Lehmann Kowalski Wiśniewski
Wójcik Kamiński Lewandowski Zieliński Szymański Dąbrowski Lindqvist Johansson Andersson Karlsson Nilsson
Øvergård Sørensen Jensen Dupont Lefèvre Moreau Laurent Bernard Rossi Russo Ferrari Esposito Bianchi Silva
Santos Oliveira Souza Pereira Yılmaz Kaya Demir Okonkwo Adeyemi Mensah Tanaka Sato Suzuki Takahashi Watanabe
Patel Singh Kumar Sharma Khan Hussain Ali Ahmed O'Neill O'Brien MacDonald""".split()  # noqa: SIM905
GIVENS = """James Mary John Patricia Robert Jennifer Michael Linda William Elizabeth David Barbara Richard Susan Joseph
Jessica Thomas Sarah Charles Karen Christopher Nancy Daniel Lisa Matthew Betty Anthony Margaret Mark Sandra
Łukasz Agnieszka Zofia Jörg Jürgen Björn Åsa Søren Chloé François José María João Inês Ayşe Emre Chidi Amara
Yuki Haruto Priya Arjun Fatima Omar Anna Peter Hannah Maximilian Sophie Leon Emma Noah Mia Liam Olivia""".split()  # noqa: SIM905
OTHERS = (
    ("Иванов^Иван", 30), ("Иванова^Мария^Сергеевна", 30), ("Петров^Пётр", 30), ("Смирнова^Анна", 30),
    ("Wang^XiaoDong=王^小东", 40), ("Li^Wei=李^伟", 40), ("Zhang^Min=张^敏", 40), ("=王^芳", 10),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", 30), ("Tanaka^Yuki=田中^由紀=たなか^ゆき", 30),
    ("Hong^Gildong=洪^吉洞=홍^길동", 30), ("Kim^Minjun=金^旻俊=김^민준", 30), ("الخوارزمي^ليلى", 20),
    ("Παπαδοπούλου^Ελένη", 20), ("Γεωργίου^Νίκος", 20),
)  # fmt: skip
SYLLABLES = "ba be bi bo da de di do ka ke ki ko la le li lo ma me mi mo na ne ni no ra re ri ro sa se si so ta te ti to va ve vi vo".split()  # noqa: SIM905, E501
KINDS = (
    (("CT",), 30), (("MR",), 18), (("DX",), 16), (("US",), 12), (("CR",), 8), (("MG",), 5), (("CT", "SR"), 4),
    (("PT", "CT"), 3), (("XA",), 2), (("NM",), 1), (("ECG",), 1), (("MR", "SEG"), 1), (("OT",), 1),
)  # fmt: skip
PARTS = "head chest abdomen pelvis knee shoulder spine hand foot neck thorax heart liver hip wrist ankle".split()  # noqa: SIM905
WORDS = [
    "with contrast", "without contrast", "follow-up", "screening", "AP and lateral", "portable", "w/wo", "left",
    "right", "emergency", "",
]  # fmt: skip
HOSPITALS = ["St. Brannoc", "Region V", "Klinikum Süd", "Westmoor GP", "Klinika 9", "Trial A"]


def names(chance: random.Random) -> Iterator[str]:
    """Yield names: half of common families, half of made-up ones, so that neither is too rare nor too frequent."""
    scripts, weights = [name for name, _ in OTHERS], [weight for _, weight in OTHERS]
    while True:
        kind = chance.random()
        given = chance.choice(GIVENS) + (f"^{chance.choice(GIVENS)}" if kind > 0.8 else "")
        if kind < 0.06:
            yield chance.choices(scripts, weights)[0]
        elif kind < 0.5:
            yield f"{chance.choice(FAMILIES)}^{given}"
        else:
            yield f"{''.join(chance.choices(SYLLABLES, k=3)).capitalize()}{chance.choice(['n', 's', 'r', ''])}^{given}"


def datasets(patients: int, instances: int, seed: int, start: int = 0) -> Iterator[dict[str, str]]:
    """Yield the values of all objects, study by study in no order of patients or dates."""
    chance = random.Random(seed)
    people = list(islice(names(chance), patients))
    per_study = max(1, round(instances / (2 * patients)))
    studies = [start + key % patients for key in range(2 * patients)]
    chance.shuffle(studies)
    made = 0
    for number, person in enumerate(studies):
        left = instances - made if number == len(studies) - 1 else min(per_study, instances - made)
        for values in _study(chance, people[person - start], person, start * 2 + number, left):
            yield values
            made += 1


def _study(chance: random.Random, name: str, person: int, number: int, count: int) -> Iterator[dict[str, str]]:
    born = random.Random(person)
    day = TODAY - timedelta(days=int(chance.random() ** 1.5 * 3650))
    modalities = chance.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
    uid = f"{ROOT}.{number}.{chance.randrange(10**12)}"
    base = {
        "PatientName": name if person % 500 else "",
        "PatientID": f"{person * 7 + 10_000_000 % 99_999_989:08d}" if person % 200 else "",
        "IssuerOfPatientID": HOSPITALS[person % 6] if person % 3 == 0 else "",
        "PatientBirthDate": (date(1930, 1, 1) + timedelta(days=born.randrange(34_000))).strftime("%Y%m%d"),
        "PatientSex": born.choice("FFFFFMMMMMO"),
        "StudyInstanceUID": uid,
        "StudyDate": day.strftime("%Y%m%d") if number % 100 else "",
        "StudyTime": f"{chance.randrange(7, 20):02d}{chance.randrange(60):02d}{chance.randrange(60):02d}",
        "StudyDescription": f"{modalities[0]} {chance.choice(PARTS)} {chance.choice(WORDS)}".strip(),
        "AccessionNumber": f"{chance.choice('ABR')}{chance.randrange(10**8):08d}",
        "ReferringPhysicianName": f"{chance.choice(FAMILIES)}^{chance.choice(GIVENS)}",
        "InstitutionName": chance.choice(HOSPITALS),
        "Manufacturer": "Example Imaging",
        "BodyPartExamined": chance.choice(PARTS).upper(),
    }
    for place in range(count):
        series = min(place * len(modalities) // count, len(modalities) - 1)
        yield {
            **base,
            "SeriesInstanceUID": f"{uid}.{series + 1}",
            "Modality": modalities[series],
            "SeriesNumber": str(series + 1),
            "SOPInstanceUID": f"{uid}.{series + 1}.{place + 1}",
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
            "InstanceNumber": str(place + 1),
            "Rows": "512",
            "Columns": "512",
        }


def arrival(values: dict[str, str], empty: dict[str, str], delivery: Any) -> Any:
    """Return what ingest's row writer takes, for an object without a file."""
    from pacsbrowser.archive.ingest.arrival import Arrival
    from pacsbrowser.archive.ingest.rows import identity_key
    from pacsbrowser.archive.receive import Staged
    from pacsbrowser.dicom.header import Header

    header = Header({**empty, **values}, "1.2.840.10008.1.2.1", 132, True, True, (), ())
    digest = hashlib.sha256(values["SOPInstanceUID"].encode()).digest()
    staged = Staged("none", 526_000, digest, header, None, "")
    path = f"{digest.hex()[:2]}/{digest.hex()}.dcm"
    return Arrival(staged, header, delivery, identity_key(header.values), path, staged.path)


def build(patients: int, instances: int, seed: int = 1, start: int = 0) -> None:
    """Write the index."""
    from django.db import connection, transaction

    from pacsbrowser.archive.ingest import close_delivery, open_delivery
    from pacsbrowser.archive.ingest.deliveries import record_results
    from pacsbrowser.archive.ingest.writer import GroupWriter
    from pacsbrowser.archive.models import Door
    from pacsbrowser.dicom.attributes import ALL

    connection.cursor().execute("PRAGMA synchronous=OFF")
    connection.cursor().execute("PRAGMA cache_size=-400000")
    empty = dict.fromkeys(ALL, "")
    made, began, source = 0, time.monotonic(), datasets(patients, instances, seed, start)
    while values := list(islice(source, GROUP)):
        if made % 20_000 == 0:
            delivery = open_delivery(Door.COMMAND, "generator", label=f"part {made // 20_000 + 1}")
        group = [arrival(one, empty, delivery) for one in values]
        with transaction.atomic():
            writer = GroupWriter({})
            record_results(delivery, writer.write(group), writer.new_in_study[delivery.pk], writer.now)
        made += len(group)
        if made % 20_000 == 0:
            close_delivery(delivery)
        if made % 100_000 < GROUP:
            sys.stdout.write(f"{made:,} instances, {made / (time.monotonic() - began):,.0f}/s\n")
            sys.stdout.flush()
    close_delivery(delivery)
    connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def main() -> None:
    """Read the command line, make the tables, build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--instances", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="number of the first patient, to add to an index")
    choices = parser.parse_args()
    if "PACSBROWSER_DATA" not in os.environ:
        parser.error("name the data folder with PACSBROWSER_DATA")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pacsbrowser.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    build(choices.patients, choices.instances, choices.seed, choices.start)


if __name__ == "__main__":
    main()
