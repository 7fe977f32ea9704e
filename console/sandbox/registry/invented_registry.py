"""A whole registry of invented corporations. Each row is computed from a seed when it is read; no row is stored."""

import csv
import random
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from console.sandbox.registry.name_words import (
    BUILDING_KIND_WORDS,
    BUILDING_NAMES,
    FIRST_WORDS_OF_NAMES,
    SECOND_WORDS_OF_NAMES,
)
from console.sandbox.registry.prefectures import PREFECTURES, TOWN_NAMES, Prefecture
from console.sandbox.registry.rows import (
    FULL_WIDTH_DIGITS_TABLE,
    RegistryRow,
    compute_check_digit_weights,
    format_csv_line,
)
from console.sandbox.registry.special_rows import (
    SPECIAL_ROW_RANDOM_NUMBER_LIMIT,
    make_merged_row,
    make_special_row,
)

FIRST_ASSIGNMENT_DAY = date(2015, 10, 5)
"""The day on which the publisher assigned the first numbers: those of all corporations that existed then."""
ROWS_PER_GROUP_WITH_MERGER_CHAIN = 200
"""In each group of this number of rows there is a chain of mergers: three consecutive rows, of which the first is
merged into the second, and the second into the third. The third corporation is open.
"""
MAX_ROWS_PER_SEGMENT = 1_000_000
ROWS_PER_BLOCK = 512
_RANDOM_NUMBERS_PER_ROW = 8
_HIGHEST_RANDOM_NUMBER_WITHOUT_FURIGANA = 6_000  # of 65,536: one of eleven has none
_MERGER_CHAIN_POSITIONS_IN_GROUP = (1, 2, 3)

# Prefix and suffix of the name, and the kind; each as often as it stands here.
_WEIGHTED_LEGAL_FORMS = (
    *[("株式会社", "", "301")] * 24,
    *[("", "株式会社", "301")] * 20,
    *[("有限会社", "", "302")] * 12,
    *[("", "有限会社", "302")] * 8,
    *[("合同会社", "", "305")] * 8,
    *[("", "合同会社", "305")] * 5,
    *[("合資会社", "", "304")] * 1,
    *[("", "合名会社", "303")] * 1,
    *[("医療法人社団", "会", "399")] * 3,
    *[("一般社団法人", "協会", "399")] * 3,
    *[("特定非営利活動法人", "", "399")] * 2,
    *[("社会福祉法人", "福祉会", "399")] * 1,
    *[("宗教法人", "寺", "399")] * 4,
    *[("農事組合法人", "", "399")] * 1,
    *[("", "事業協同組合", "399")] * 1,
    *[("", "管理組合", "499")] * 2,
)


class _NumberSegment(NamedTuple):
    """The rows of one prefecture whose numbers have the same check digit, in ascending order of their numbers:
    `row_count` rows, of which the first has the position `start` in the registry. `stride` is the distance between
    two neighbouring numbers, without their check digits.
    """

    prefecture: Prefecture
    check_digit: int
    start: int
    row_count: int

    @property
    def stride(self) -> int:
        return MAX_ROWS_PER_SEGMENT // self.row_count


class InventedRegistry:
    """A registry of `row_count` invented corporations on the day `day`; equal arguments give equal rows. `prefecture`
    (a code of two digits) limits the registry to one prefecture. Positions count from 0. Rows are in the order of the
    published files: by prefecture, then by number.

    Raises ValueError if a prefecture would get more than nine million rows, or if `prefecture` is unknown.
    """

    def __init__(self, row_count: int, seed: int, day: date, prefecture: str | None = None) -> None:
        self.row_count, self.seed, self.day = row_count, seed, day
        prefectures = [
            known_prefecture for known_prefecture in PREFECTURES if prefecture in (None, known_prefecture.code)
        ]
        if not prefectures:
            raise ValueError(f"{prefecture} is no prefecture")
        weights = [known_prefecture.weight for known_prefecture in prefectures]
        row_counts = _split_total_by_weights(row_count, weights)
        self._segments: list[_NumberSegment] = []
        start = 0
        for known_prefecture, prefecture_row_count in zip(prefectures, row_counts, strict=True):
            segment_row_counts = _split_total_by_weights(prefecture_row_count, [1] * 9)
            for check_digit, segment_row_count in enumerate(segment_row_counts, start=1):
                if segment_row_count > MAX_ROWS_PER_SEGMENT:
                    raise ValueError(f"{row_count} rows are too many")
                if segment_row_count:
                    self._segments.append(_NumberSegment(known_prefecture, check_digit, start, segment_row_count))
                    start += segment_row_count
        self._starts = [segment.start for segment in self._segments]

    def make_number_at(self, position: int) -> str:
        """Return the corporation number of the row at this position."""
        segment = self._segments[bisect_right(self._starts, position) - 1]
        return _make_number_in_segment(segment, (position - segment.start) * segment.stride)

    def find_position(self, number: str) -> int | None:
        """Return the position of the row with this corporation number; None if no row has this number."""
        for segment in self._segments:
            if number.startswith(f"{segment.check_digit}99{segment.prefecture.code}"):
                index, offset = divmod(int(number[5:11]), segment.stride)
                position = segment.start + index
                if not offset and index < segment.row_count and self.make_number_at(position) == number:
                    return position
        return None

    def make_row_at(self, position: int) -> RegistryRow:
        """Return the row at this position."""
        return RegistryRow(*next(csv.reader(self.iterate_lines(position, position + 1))))

    def iterate_rows(self) -> Iterator[RegistryRow]:
        """Yield every row, in the order of the positions."""
        return map(RegistryRow._make, csv.reader(self.iterate_lines()))

    def iterate_lines(self, first_row: int = 0, end_row: int | None = None) -> Iterator[str]:
        """Yield the rows from position `first_row` to before position `end_row` (None: to the last row) as lines of a
        CSV file, without the end of line."""
        for block in self.iterate_blocks(first_row, end_row):
            yield from block

    def iterate_blocks(self, first_row: int = 0, end_row: int | None = None) -> Iterator[list[str]]:
        """Yield the lines that `iterate_lines` yields for these arguments, in lists of up to ROWS_PER_BLOCK lines."""
        end = self.row_count if end_row is None else min(end_row, self.row_count)
        for segment in self._segments:
            first_index, end_index = max(first_row - segment.start, 0), min(end - segment.start, segment.row_count)
            while first_index < end_index:
                next_start = min((first_index // ROWS_PER_BLOCK + 1) * ROWS_PER_BLOCK, end_index)
                yield self._make_block_lines(segment, first_index, next_start)
                first_index = next_start

    def _make_block_lines(self, segment: _NumberSegment, first_row: int, end_row: int) -> list[str]:
        """Return the lines of a segment's rows from `first_row` to before `end_row`, which must be in one block.
        Eight random numbers of 16 bits select the values of a row. The loop makes millions of ordinary rows, so for
        speed it calls no function for an ordinary row.
        """
        block, offset = divmod(first_row, ROWS_PER_BLOCK)
        name = f"{self.seed} {segment.prefecture.code} {segment.check_digit} {block}"
        random_source = random.Random(name)  # noqa: S311 - invented data, the same for the same seed
        draws = iter(
            array("H", random_source.randbytes(ROWS_PER_BLOCK * _RANDOM_NUMBERS_PER_ROW * 2))[
                offset * _RANDOM_NUMBERS_PER_ROW :
            ]
        )
        places, streets, dates, forms = (
            _make_place_fields(segment.prefecture),
            _draw_street_endings(self.seed),
            _draw_date_fields(self.seed, self.day),
            _WEIGHTED_LEGAL_FORMS,
        )
        place_count, street_count, date_count, form_count = len(places), len(streets), len(dates), len(forms)
        first_words, first_count = FIRST_WORDS_OF_NAMES, len(FIRST_WORDS_OF_NAMES)
        second_words, second_count = SECOND_WORDS_OF_NAMES, len(SECOND_WORDS_OF_NAMES)
        position, lines = segment.start + first_row, []
        for number, a, b, c, d, e, f, g, h in zip(
            _make_numbers_of_rows(segment, first_row, end_row),
            draws,
            draws,
            draws,
            draws,
            draws,
            draws,
            draws,
            draws,
            strict=False,
        ):
            text_1, kana_1, _ = first_words[a % first_count]
            text_2, kana_2, _ = second_words[b % second_count]
            prefix, suffix, kind = forms[c % form_count]
            place_fields, code_fields = places[d % place_count]
            event, assignment_day = dates[f % date_count]
            kana = f'"{kana_1}{kana_2}"' if h > _HIGHEST_RANDOM_NUMBER_WITHOUT_FURIGANA else ""
            position += 1
            line = (
                f'{position},{number},{event},"{prefix}{text_1}{text_2}{suffix}",,{kind},{place_fields}'
                f'{streets[e % street_count]}",,{code_fields},,,,,,,{assignment_day},1,,,,,{kana},0'
            )
            if (
                g < SPECIAL_ROW_RANDOM_NUMBER_LIMIT
                or position % ROWS_PER_GROUP_WITH_MERGER_CHAIN in _MERGER_CHAIN_POSITIONS_IN_GROUP
            ):
                line = self._make_special_line(line, position, g)
            lines.append(line)
        return lines

    def _make_special_line(self, line: str, position: int, random_number: int) -> str:
        """Return the line of a special row, made from the ordinary row `line`. `position` counts from 1;
        `random_number` selects the change."""
        row = RegistryRow(*next(csv.reader((line,))))
        successor_number = self.make_number_at(position) if position < self.row_count else None
        position_in_group = position % ROWS_PER_GROUP_WITH_MERGER_CHAIN
        if position_in_group in _MERGER_CHAIN_POSITIONS_IN_GROUP:
            is_end = successor_number is None or position_in_group == _MERGER_CHAIN_POSITIONS_IN_GROUP[-1]
            return (
                line
                if successor_number is None or is_end
                else format_csv_line(make_merged_row(row, successor_number, self.day))
            )
        return format_csv_line(make_special_row(row, random_number, successor_number, self.day))


def _split_total_by_weights(total: int, weights: list[int]) -> list[int]:
    """Return one whole number for each weight, in proportion to the weight; the sum of the returned numbers is
    `total`."""
    weight_sum, assigned_sum, shares = sum(weights), 0, []
    reached_weight = 0
    for weight in weights:
        reached_weight += weight
        shares.append(total * reached_weight // weight_sum - assigned_sum)
        assigned_sum += shares[-1]
    return shares


@cache
def _make_place_fields(prefecture: Prefecture) -> list[tuple[str, str]]:
    """Return the places of a prefecture. Each place is a pair of texts of CSV fields: the first text has prefecture,
    city and the beginning of the street, the second has the codes of prefecture and city with the postcode."""
    return [
        (
            f'"{prefecture.name}","{city.name}","{town}',
            f"{prefecture.code},{city.code},{city.post_code_prefix}{number:02d}",
        )
        for city in prefecture.cities
        for number, town in enumerate(TOWN_NAMES, start=1)
    ]


def _make_numbers_of_rows(segment: _NumberSegment, first_row: int, end_row: int) -> list[str]:
    """Return the corporation numbers of a segment's rows from `first_row` to before `end_row`, in ascending order."""
    leading_digits = f"{segment.check_digit}99{segment.prefecture.code}"
    weights, stride = compute_check_digit_weights(), segment.stride
    # The value that the last eight digits must add to the sum (a remainder of 9), so that the check digit is right.
    needed_remainder = 9 - segment.check_digit - weights[99] - weights[int(segment.prefecture.code)]
    endings = _NUMBER_ENDINGS_BY_CHECK_SUM
    return [
        f"{leading_digits}{middle:06d}"
        f"{endings[(needed_remainder - weights[high] - weights[low // 100] - weights[low % 100]) % 9][choice]}"
        for middle in range(first_row * stride, end_row * stride, stride)
        for (high, low), choice in ((divmod(middle, 10_000), middle * 7 % 11),)
    ]


def _make_number_in_segment(segment: _NumberSegment, middle_digits: int) -> str:
    """Return the corporation number of the row of `segment` that has `middle_digits` between the digits of the
    prefecture and the last digits."""
    return _make_numbers_of_rows(segment, middle_digits // segment.stride, middle_digits // segment.stride + 1)[0]


_NUMBER_ENDINGS_BY_CHECK_SUM = tuple(
    tuple(f"{pair:02d}" for pair, weight in enumerate(compute_check_digit_weights()) if weight == remainder)
    for remainder in range(9)
)
"""The pairs of digits at the end of a number (at least 11 of each), by the amount that they add to the check digit's
sum.
"""


@lru_cache(maxsize=4)
def _draw_street_endings(seed: int) -> list[str]:
    """Return a list of random ends of addresses, from which each row gets one: block, lot and house in full-width
    digits, some with a building. The same `seed` gives the same ends. Making this list takes longer than writing a
    file of a few hundred rows, so the last four different results are cached.
    """
    random_source = random.Random(f"{seed} streets")  # noqa: S311 - repeatable on purpose, nothing secret
    return [_draw_street_ending(random_source) for _ in range(4_093)]


@lru_cache(maxsize=4)
def _draw_date_fields(seed: int, last_day: date) -> list[tuple[str, str]]:
    """Return a list of pairs of texts with random dates, of which each row gets one pair; no date is after
    `last_day`. The first text of a pair has the CSV fields process, correction, day of update and day of change; the
    second text is the day of assignment. The last four different results are cached.
    """
    random_source = random.Random(f"{seed} dates")  # noqa: S311 - repeatable on purpose, nothing secret
    return [_draw_dates_of_row(random_source, last_day) for _ in range(4_093)]


def _draw_dates_of_row(random_source: random.Random, last_day: date) -> tuple[str, str]:
    """Return one random pair of texts with the dates of a row: the CSV fields process, correction, day of update and
    day of change, and the day of assignment."""
    days = max((last_day - FIRST_ASSIGNMENT_DAY).days, 1)
    assignment_day = (
        FIRST_ASSIGNMENT_DAY
        if random_source.random() < 0.6
        else FIRST_ASSIGNMENT_DAY + timedelta(days=random_source.randrange(days))
    )
    process = random_source.choices(("01", "11", "12", "22", "81"), (70, 10, 19, 0.5, 0.5))[0]
    change_day = assignment_day
    if process != "01":
        change_day += timedelta(days=random_source.randrange(max((last_day - assignment_day).days, 1)))
    update_day = min(change_day + timedelta(days=random_source.randrange(5)), last_day)
    correction_flag = int(random_source.random() < 0.1)
    return (
        f"{process},{correction_flag},{update_day.isoformat()},{change_day.isoformat()}",
        assignment_day.isoformat(),
    )


def _draw_street_ending(random_source: random.Random) -> str:
    """Return a random end of an address: block, lot and house in full-width digits, sometimes with a building."""
    block, lot, house = random_source.randrange(1, 9), random_source.randrange(1, 40), random_source.randrange(1, 30)
    text = random_source.choice(
        (
            f"{block}丁目{lot}－{house}",
            f"{block}丁目{lot}番{house}号",
            f"{block}－{lot}－{house}",
            f"{lot * house}番地",
        )
    )
    if random_source.random() < 0.2:
        building = random_source.choice(BUILDING_NAMES) + random_source.choice(BUILDING_KIND_WORDS)
        text += f"{building}{random_source.randrange(1, 12)}階"
    return text.translate(FULL_WIDTH_DIGITS_TABLE)
