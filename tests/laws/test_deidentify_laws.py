"""What holds for every pseudonym, date and header."""

from __future__ import annotations

import copy
import re
from datetime import date, timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from hilum.deidentify import Rules, header, pseudonyms
from hilum.deidentify.dates import shifted
from hilum.deidentify.words import cleaned, harmless

quick = settings(max_examples=60, deadline=None)
secrets = st.binary(min_size=16, max_size=40)
uids = st.from_regex(r"[12](\.(0|[1-9][0-9]{0,8})){1,6}", fullmatch=True)
days = st.dates(date(1900, 1, 1), date(2100, 1, 1))
names = st.text(st.characters(min_codepoint=65, max_codepoint=90), min_size=8, max_size=12)


@quick
@given(secrets, uids, uids)
def test_uids_are_valid_and_as_different_as_those_they_stand_for(secret, one, other):
    made, second = pseudonyms.uid(secret, one), pseudonyms.uid(secret, other)
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", made)
    assert (made == second) == (one == other)
    assert made == pseudonyms.uid(secret, f"{one}\0")


@quick
@given(secrets, secrets, uids)
def test_another_secret_gives_another_uid(one, other, uid):
    assert (pseudonyms.uid(one, uid) == pseudonyms.uid(other, uid)) == (one == other)


@quick
@given(secrets, names)
def test_shifts_are_days_of_the_past(secret, number):
    days = pseudonyms.days(secret, {"PatientID": number})
    assert -pseudonyms.LONGEST_SHIFT_DAYS <= days <= -1


@quick
@given(days, days, st.integers(-3652, -1))
def test_intervals_between_dates_stay(one, other, shift):
    first, second = (shifted(f"{day:%Y%m%d}", "DA", shift) for day in (one, other))
    moved = [date(int(t[:4]), int(t[4:6]), int(t[6:])) for t in (first, second)]
    assert moved[1] - moved[0] == other - one
    assert moved[0] == one + timedelta(days=shift)
    assert shifted(f"{one:%Y%m%d}235959.5", "DT", shift) == f"{first}235959.5"


@quick
@given(st.text(max_size=30), st.sampled_from(["DA", "DT", "TM"]), st.integers(-3652, 3652))
def test_what_is_no_date_goes(text, vr, shift):
    made = shifted(text, vr, shift)
    assert made is None or re.fullmatch(r"[0-9:.+-]{2,26}", made)


@quick
@given(st.text(max_size=80))
def test_cleaned_text_holds_harmless_words_alone(text):
    assert {word.casefold() for word in cleaned(text).split()} <= harmless()


def study(secret_names: list[str], uid: str, others: list[str]) -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", uid
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    made.PatientName = "^".join(secret_names)
    made.PatientID = "".join(secret_names) + "77"
    made.Manufacturer = f"Acme {secret_names[0]}"
    made.StudyDescription = f"Chest of {secret_names[-1]}"
    made.StudyDate = "20240301"
    items = []
    for other in others:
        item = Dataset()
        item.ReferencedSOPInstanceUID = other
        item.PatientComments = secret_names[0]
        deeper = Dataset()
        deeper.CodeMeaning = f"seen by {secret_names[-1]}"
        item.PurposeOfReferenceCodeSequence = Sequence([deeper])
        items.append(item)
    made.SourceImageSequence = Sequence(items)
    return made


@quick
@given(
    secrets,
    st.lists(names, min_size=1, max_size=3),
    st.lists(uids, min_size=1, max_size=4, unique=True),
    st.booleans(),
    st.sampled_from(["remove", "shift", "keep"]),
)
def test_references_stay_consistent_and_names_go(secret, called, instances, keep, dates):
    rules = Rules(secret, dates=dates, keep_patient=keep, keep_descriptions=keep)
    own_words = str(header(study(["QXZWVKJQ"], "1.2", instances), rules))
    assume(not any(part in own_words for part in called))  # UNMODIFIED is no name
    files = [study(called, uid, instances) for uid in instances]
    before = copy.deepcopy(files)
    made = [header(one, rules) for one in files]
    assert files == before
    own = [one.SOPInstanceUID for one in made]
    assert len(set(own)) == len(own)
    for one in made:
        assert [item.ReferencedSOPInstanceUID for item in one.SourceImageSequence] == own
        assert one.StudyInstanceUID == made[0].StudyInstanceUID != "1.2.3"
        text = str(one)
        assert not any(part in text for part in called), text
    assert made == [header(one, rules) for one in files]
