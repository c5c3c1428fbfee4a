"""Many results by column: what is asked of a million is asked of arrays."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, overload

import numpy as np

from reports.domain.results import Result

__all__ = ["TEXTS", "Results", "Words"]

TEXTS = (
    "amplifier",
    "level",
    "test",
    "statistic",
    "sense",
    "unit",
    "dmtn101",
    "criteria_version",
)
"""The fields of a result that are text."""

_NUMBERS = (
    ("exposure", np.int64),
    ("detector", np.int64),
    ("value", np.float64),
    ("limit", np.float64),
    ("passed", np.bool_),
)


@dataclass(frozen=True, eq=False)
class Words:
    """A column of text: there are few different words."""

    codes: np.ndarray
    """Of each row: which of the names, int32."""
    names: tuple[str, ...]
    """Each once."""

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        """Make a column of words as they come."""
        known: dict[str, int] = {}
        codes = [known.setdefault(word, len(known)) for word in words]
        return cls(np.array(codes, np.int32), tuple(known))

    @classmethod
    def join(cls, columns: Sequence["Words"]) -> Self:
        """Put columns below one another."""
        known: dict[str, int] = {}
        for column in columns:
            for name in column.names:
                known.setdefault(name, len(known))
        codes = [np.empty(0, np.int32)]
        for column in columns:
            new = np.array([known[name] for name in column.names], np.int32)
            codes.append(new[column.codes] if len(new) else column.codes)
        return cls(np.concatenate(codes), tuple(known))

    @property
    def used(self) -> set[str]:
        """The words that some row has."""
        return {self.names[code] for code in np.unique(self.codes)}

    def where(self, word: str) -> np.ndarray:
        """Tell which rows have a word."""
        code = self.names.index(word) if word in self.names else -1
        return self.codes == code

    def tolist(self) -> list[str]:
        """Write them all out."""
        return [self.names[code] for code in self.codes.tolist()]

    def take(self, chosen: Any) -> "Words":
        """Take some rows."""
        return Words(self.codes[chosen], self.names)


@dataclass(frozen=True, eq=False)
class Results(Sequence[Result]):
    """Results in the order in which they were read; each is made when asked for."""

    exposure: np.ndarray
    detector: np.ndarray
    value: np.ndarray
    """float64; NaN where there is none."""
    limit: np.ndarray
    passed: np.ndarray
    words: Mapping[str, Words]
    """The fields of a result that are text."""

    @classmethod
    def of(cls, results: Iterable[Result]) -> "Results":
        """Turn results into columns, unless they are."""
        if isinstance(results, Results):
            return results
        rows = zip(*results, strict=True)
        columns = dict(zip(Result._fields, rows, strict=False))
        return cls(
            **{name: np.array(columns.get(name, ()), kind) for name, kind in _NUMBERS},
            words={name: Words.of(columns.get(name, ())) for name in TEXTS},
        )

    @classmethod
    def join(cls, parts: Sequence["Results"]) -> "Results":
        """Put results below one another."""
        if len(parts) == 1:
            return parts[0]
        together = [*parts, cls.of(())]
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in together])
                for name, _ in _NUMBERS
            },
            words={name: Words.join([p.words[name] for p in parts]) for name in TEXTS},
        )

    def __len__(self) -> int:
        """Count them."""
        return len(self.passed)

    @overload
    def __getitem__(self, index: int) -> Result: ...

    @overload
    def __getitem__(self, index: slice) -> "Results": ...

    def __getitem__(self, index: int | slice) -> "Result | Results":
        """Give one, or a stretch."""
        if isinstance(index, slice):
            return self.take(index)
        row = range(len(self))[index]
        return next(iter(self.take(slice(row, row + 1))))

    def __iter__(self) -> Iterator[Result]:
        """Give one after the other; what is no number is None."""
        columns: dict[str, Iterable[Any]] = {
            name: words.tolist() for name, words in self.words.items()
        }
        for name in ("exposure", "detector", "passed"):
            columns[name] = getattr(self, name).tolist()
        for name in ("value", "limit"):
            columns[name] = _without_nan(getattr(self, name))
        rows = zip(*(columns[name] for name in Result._fields), strict=True)
        return map(Result._make, rows)

    def take(self, chosen: Any) -> "Results":
        """Take some: a slice, numbers of rows, or what is true of each row."""
        return Results(
            **{name: getattr(self, name)[chosen] for name, _ in _NUMBERS},
            words={name: words.take(chosen) for name, words in self.words.items()},
        )

    @property
    def is_measured(self) -> np.ndarray:
        """Whether there is a number to judge."""
        return np.isfinite(self.value) & np.isfinite(self.limit)

    @property
    def has_amplifier(self) -> np.ndarray:
        """Whether each is about an amplifier."""
        return ~self.words["amplifier"].where("")

    @property
    def failed(self) -> "Results":
        """Those that did not pass, what has no number included."""
        return self.take(~self.passed)

    def suspects(self) -> Sequence[Result]:
        """Leave out tests without a failure, unless something has no number."""
        if not (self.passed | self.is_measured).all():
            return self
        groups = self.by_test.values()
        return [r for group in groups if not group.passed.all() for r in group]

    @property
    def margin(self) -> np.ndarray:
        """Distance beyond the limit in units of the limit; NaN where there is none."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            margin = (self.value - self.limit) / np.abs(self.limit)
        margin[~np.isfinite(margin)] = np.nan
        return margin

    @property
    def places(self) -> np.ndarray:
        """Give detector and amplifier as one number each; `name_place` reads it."""
        amplifiers = self.words["amplifier"]
        return self.detector * max(1, len(amplifiers.names)) + amplifiers.codes

    def name_place(self, place: int) -> tuple[int, str]:
        """Tell detector and amplifier of one of our places."""
        names = self.words["amplifier"].names
        detector, code = divmod(int(place), max(1, len(names)))
        return detector, names[code]

    @property
    def tests(self) -> np.ndarray:
        """Give level and test as one number each."""
        tests = self.words["test"]
        return self.words["level"].codes * len(tests.names) + tests.codes

    @cached_property
    def by_test(self) -> dict[tuple[str, str], "Results"]:
        """Those of each level and test, in the order in which tests first appear."""
        tests = self.tests
        found: dict[tuple[str, str], Results] = {}
        kinds, first, counts = np.unique(tests, return_index=True, return_counts=True)
        for i in np.argsort(first):
            begin, count = int(first[i]), int(counts[i])
            stretch = slice(begin, begin + count)
            # Tables have one test after the other: then nothing is copied.
            is_one = bool((tests[stretch] == kinds[i]).all())
            group = self.take(stretch if is_one else tests == kinds[i])
            levels, names = self.words["level"], self.words["test"]
            level, test = divmod(int(kinds[i]), len(names.names))
            found[(levels.names[level], names.names[test])] = group
        return found


def _without_nan(numbers: np.ndarray) -> list[float | None]:
    found: list[float | None] = numbers.tolist()
    for i in np.flatnonzero(np.isnan(numbers)).tolist():
        found[i] = None
    return found
